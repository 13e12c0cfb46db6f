// What the text of a block can be; the server's docs/blocks.md says the same. This and TipTap are
// loaded once the email is shown, so nothing here is imported from other modules of the page.
import {
  Editor,
  Bold,
  BulletList,
  Extension,
  HardBreak,
  InputRule,
  Italic,
  ListItem,
  ListKeymap,
  Mark,
  Node,
  OrderedList,
  Paragraph,
  Strike,
  Text,
  Underline,
} from "../../vendor/tiptap/rich-text.min.js";

const LINK = /^(https?:\/\/|mailto:|tel:|#|\{\{)/i;
const TYPED_ADDRESS = /(?:^|\s)((?:https?:\/\/|www\.)[^\s]*[^\s.,:;!?)])[.,:;!?)]* $/i;

// What the page knows: `palette`, the colours of the brand; `labelOf(tag)`, the words of a merge tag;
// `secure`, the beginning of an address.
const page = { palette: {}, labelOf: (tag) => tag, secure: "" };

// The colour of the brand with this name, or the colour itself.
function colourValue(choice) {
  return page.palette[choice] || choice;
}

const Link = Mark.create({
  name: "link",
  inclusive: false,
  excludes: "link",
  addAttributes() {
    return { href: { default: "" } };
  },
  parseHTML() {
    return [{ tag: "a[href]", getAttrs: (link) => LINK.test(link.getAttribute("href")) && null }];
  },
  renderHTML({ mark }) {
    return ["a", { href: mark.attrs.href }, 0];
  },
  // An address becomes a link when a space is typed after it.
  addInputRules() {
    return [
      new InputRule({
        find: TYPED_ADDRESS,
        handler: ({ state, range, match }) => {
          const from = range.from + match[0].indexOf(match[1]),
            to = from + match[1].length;
          const href = /^www/i.test(match[1]) ? `${page.secure}${match[1]}` : match[1];
          state.tr.addMark(from, to, this.type.create({ href })).removeStoredMark(this.type);
        },
      }),
    ];
  },
});

const TextColour = Mark.create({
  name: "textColour",
  addAttributes() {
    return { colour: { default: null, rendered: false } };
  },
  // Colours of other pages are not pasted; copies within the editor carry their name.
  parseHTML() {
    return [{ tag: "span[data-colour]", getAttrs: (span) => ({ colour: span.dataset.colour }) }];
  },
  renderHTML({ mark }) {
    const span = document.createElement("span");
    span.dataset.colour = mark.attrs.colour;
    span.style.color = colourValue(mark.attrs.colour);
    return span;
  },
});

const MergeTag = Node.create({
  name: "mergeTag",
  group: "inline",
  inline: true,
  atom: true,
  selectable: true,
  marks: "_",
  addAttributes() {
    return { tag: { default: "" }, fallback: { default: "" } };
  },
  parseHTML() {
    return [
      {
        tag: "span[data-tag]",
        getAttrs: (span) => ({ tag: span.dataset.tag, fallback: span.dataset.fallback || "" }),
      },
    ];
  },
  renderHTML({ node }) {
    const { tag, fallback } = node.attrs;
    return [
      "span",
      { class: "be-tag", "data-tag": tag, "data-fallback": fallback, title: fallback || tag },
      page.labelOf(tag),
    ];
  },
  renderText({ node }) {
    const { tag, fallback } = node.attrs;
    return `{{ ${tag}${fallback ? ` or ${JSON.stringify(fallback)}` : ""} }}`;
  },
});

const OneLine = Node.create({ name: "doc", topNode: true, content: "paragraph" });
const Lines = Node.create({ name: "doc", topNode: true, content: "(paragraph | bulletList | orderedList)+" });

// Make an editor. `options` are those of TipTap; `keys`: shortcuts of the block editor that work
// within text, too; `known`: see above.
export function makeEditor({ isLine, keys, known, options }) {
  Object.assign(page, known);
  return new Editor({ injectCSS: false, extensions: extensions({ isLine, keys }), ...options });
}

function extensions({ isLine, keys }) {
  return [
    isLine ? OneLine : Lines,
    Paragraph,
    Text,
    HardBreak,
    Bold,
    Italic,
    Underline,
    Strike,
    Link,
    TextColour,
    MergeTag,
    ...(isLine ? [] : [BulletList, OrderedList, ListItem, ListKeymap]),
    Extension.create({
      name: "blockKeys",
      priority: 1000,
      addKeyboardShortcuts() {
        return keys;
      },
    }),
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
