// Text edited in place in the block editor. Links, colours and merge tags are our own:
// static/js/blocks/text_schema.js.
export { Editor, Extension, InputRule, Mark, Node } from "@tiptap/core";
export { Bold } from "@tiptap/extension-bold";
export { HardBreak } from "@tiptap/extension-hard-break";
export { Italic } from "@tiptap/extension-italic";
export { BulletList, ListItem, ListKeymap, OrderedList } from "@tiptap/extension-list";
export { Paragraph } from "@tiptap/extension-paragraph";
export { Strike } from "@tiptap/extension-strike";
export { Text } from "@tiptap/extension-text";
export { Underline } from "@tiptap/extension-underline";
