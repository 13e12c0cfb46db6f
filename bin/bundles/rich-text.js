// Text edited in place in the block editor.
export { Editor, Extension, Mark, Node, mergeAttributes } from "@tiptap/core";
export { StarterKit } from "@tiptap/starter-kit";
export { TextAlign } from "@tiptap/extension-text-align";
export { Color, TextStyle } from "@tiptap/extension-text-style";
export { Plugin, PluginKey } from "@tiptap/pm/state";
