// What the text of a block can be; the server's docs/blocks.md says the same.
import { Extension, Mark, Node, StarterKit } from "../../vendor/tiptap/rich-text.min.js";
import { labelOf } from "./merge_tags.js";
import { brand } from "./words.js";

const LINK = /^(https?:\/\/|mailto:|tel:|#|\{\{)/i;

// The colour of the brand with this name, or the colour itself.
export function colourValue(choice) {
  return brand.palette[choice] || choice;
}

const TextColour = Mark.create({
  name: "textColour",
  addAttributes() { return { colour: { default: null, rendered: false } }; },
  // Colours of other pages are not pasted; copies within the editor carry their name.
  parseHTML() { return [{ tag: "span[data-colour]", getAttrs: (span) => ({ colour: span.dataset.colour }) }]; },
  renderHTML({ mark }) {
    const span = document.createElement("span");
    span.dataset.colour = mark.attrs.colour;
    span.style.color = colourValue(mark.attrs.colour);
    return span;
  },
});

const MergeTag = Node.create({
  name: "mergeTag", group: "inline", inline: true, atom: true, selectable: true, marks: "_",
  addAttributes() { return { tag: { default: "" }, fallback: { default: "" } }; },
  parseHTML() {
    return [{ tag: "span[data-tag]", getAttrs: (span) => ({ tag: span.dataset.tag, fallback: span.dataset.fallback || "" }) }];
  },
  renderHTML({ node }) {
    const { tag, fallback } = node.attrs;
    return ["span", { class: "be-tag", "data-tag": tag, "data-fallback": fallback, title: fallback || tag }, labelOf(tag)];
  },
  renderText({ node }) {
    const { tag, fallback } = node.attrs;
    return `{{ ${tag}${fallback ? ` or ${JSON.stringify(fallback)}` : ""} }}`;
  },
});

const OneLine = Node.create({ name: "doc", topNode: true, content: "paragraph" });
const Lines = Node.create({ name: "doc", topNode: true, content: "(paragraph | bulletList | orderedList)+" });

// `keys`: shortcuts of the block editor that work within text, too.
export function extensions({ isLine, keys }) {
  return [
    isLine ? OneLine : Lines,
    StarterKit.configure({
      document: false, heading: false, blockquote: false, code: false, codeBlock: false, horizontalRule: false,
      undoRedo: false, dropcursor: false, gapcursor: false, trailingNode: false,
      ...(isLine ? { bulletList: false, orderedList: false, listItem: false, listKeymap: false } : {}),
      link: {
        openOnClick: false, autolink: true, linkOnPaste: true, defaultProtocol: "https",
        HTMLAttributes: { target: null, rel: null, class: null }, isAllowedUri: (url) => LINK.test(url),
      },
    }),
    TextColour,
    MergeTag,
    Extension.create({ name: "blockKeys", priority: 1000, addKeyboardShortcuts() { return keys; } }),
  ];
}

// Only what the server knows is stored: TipTap's links and lists carry more.
export function stored(node) {
  const copy = { type: node.type };
  if (node.text !== undefined) copy.text = node.text;
  if (node.type === "mergeTag") copy.attrs = { tag: node.attrs.tag, fallback: node.attrs.fallback || "" };
  if (node.marks) copy.marks = node.marks.map(storedMark);
  if (node.content) copy.content = node.content.map(stored);
  return copy;
}

function storedMark({ type, attrs }) {
  if (type === "link") return { type, attrs: { href: attrs.href } };
  if (type === "textColour") return { type, attrs: { colour: attrs.colour } };
  return { type };
}
