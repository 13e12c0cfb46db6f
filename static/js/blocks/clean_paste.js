// Turns pasted HTML (Word, Google Docs, web pages) into what a text of an email can be: paragraphs,
// lists, links, bold, italic, underlined and struck text.

const BLOCKS =
  "address article aside blockquote dd div dl dt figure footer form header main nav pre section table tr p h1 h2 h3 h4 h5 h6";
const IS_BLOCK = new Set(BLOCKS.toUpperCase().split(" "));
const DROPPED = new Set(
  "STYLE SCRIPT META LINK TITLE XML HEAD IMG SVG VIDEO IFRAME OBJECT BUTTON INPUT".split(" "),
);
const MARKS = { B: "strong", STRONG: "strong", I: "em", EM: "em", U: "u", S: "s", STRIKE: "s", DEL: "s" };
const WORD_LIST = /mso-list:\s*l\d+ level(\d+)/i;
const NUMBERED = /^\s*(\d+|[a-z]|[ivx]+)[.)]/i;

// `parser`: a DOMParser whose page allows inline styles. Returns HTML without attributes but href.
export function cleanPaste(html, parser) {
  const from = parser.parseFromString(html, "text/html");
  if (from.querySelector("[data-pm-slice]")) return withoutStyles(from.body); // copied in this editor
  const to = document.implementation.createHTMLDocument("");
  for (const item of from.querySelectorAll("p, div, h1, h2, h3")) readWordItem(item);
  new Copy(to.body).children(from.body);
  joinItems(to.body);
  return to.body.innerHTML;
}

function withoutStyles(body) {
  for (const element of body.querySelectorAll("[style]")) element.removeAttribute("style");
  return body.innerHTML;
}

// Word writes the items of lists as paragraphs, with the bullet as text.
function readWordItem(item) {
  const level = WORD_LIST.exec(item.getAttribute("style") || "");
  if (!level) return;
  const bullet = [...item.querySelectorAll("span")].find((span) =>
    /mso-list:\s*ignore/i.test(span.getAttribute("style") || ""),
  );
  const text = bullet ? bullet.textContent : "";
  if (bullet) bullet.remove();
  item.setAttribute("data-item", NUMBERED.test(text) ? "ol" : "ul");
}

class Copy {
  constructor(target) {
    this.root = target;
    this.page = target.ownerDocument;
    this.line = null; // the paragraph or item that text goes into
  }

  children(node) {
    for (const child of node.childNodes) this.node(child);
  }

  node(node) {
    if (node.nodeType === Node.TEXT_NODE) this.text(node);
    if (node.nodeType !== Node.ELEMENT_NODE || DROPPED.has(node.nodeName.toUpperCase())) return;
    const name = node.nodeName;
    if (name === "BR" && this.line) this.append(this.page.createElement("br"));
    else if (name === "UL" || name === "OL") this.list(node);
    else if (name === "LI") this.within(this.open(this.root, "li"), node);
    else if (node.dataset.item) this.item(node);
    else if (IS_BLOCK.has(name)) this.paragraph(node);
    else {
      if (name === "TD" || name === "TH") this.space();
      this.children(node);
    }
  }

  paragraph(node) {
    const before = this.line;
    if (before && before.nodeName === "LI") {
      this.children(node);
      return;
    }
    this.line = null;
    this.children(node);
    this.line = null;
  }

  list(node) {
    const outer = this.root,
      line = this.line;
    const place = line && line.nodeName === "LI" ? line : this.root;
    this.root = this.open(place, node.nodeName.toLowerCase());
    this.line = null;
    this.children(node);
    this.root = outer;
    this.line = line && line.nodeName === "LI" ? line : null;
  }

  item(node) {
    const list = this.open(this.root, node.dataset.item);
    list.dataset.joins = "";
    this.within(this.open(list, "li"), node);
  }

  within(line, node) {
    const before = this.line;
    this.line = line;
    this.children(node);
    this.line = before;
  }

  text(node) {
    const text = node.nodeValue.replace(/[\s\u00a0]+/g, " ");
    if (!text.trim() && !this.line) return;
    let wrapped = this.page.createTextNode(text);
    for (const mark of marksOf(node.parentElement)) {
      const outer = this.page.createElement(mark.name);
      if (mark.href) outer.setAttribute("href", mark.href);
      outer.append(wrapped);
      wrapped = outer;
    }
    this.append(wrapped);
  }

  // Between the cells of a row.
  space() {
    if (this.line) this.line.append(this.page.createTextNode(" "));
  }

  append(node) {
    if (!this.line) this.line = this.open(this.root, /^[OU]L$/.test(this.root.nodeName) ? "li" : "p");
    this.line.append(node);
  }

  open(parent, name) {
    const element = this.page.createElement(name);
    parent.append(element);
    return element;
  }
}

// The marks of a text, by the elements around it and by their styles.
function marksOf(element) {
  const found = new Map();
  const unset = new Set();
  for (let at = element; at && at.nodeName !== "BODY"; at = at.parentElement) {
    const style = (at.getAttribute("style") || "").toLowerCase();
    readStyle(style, found, unset);
    const name = MARKS[at.nodeName] || (/^H[1-6]$/.test(at.nodeName) ? "strong" : "");
    if (name && !unset.has(name)) found.set(name, { name });
    const href = at.nodeName === "A" && at.getAttribute("href");
    if (href && /^(https?:|mailto:|tel:)/i.test(href)) found.set("a", { name: "a", href });
  }
  if (found.has("a")) found.delete("u"); // links are underlined anyway
  return found.values();
}

// What is nearer to the text counts: Google Docs puts everything into a <b> that is not bold.
function readStyle(style, found, unset) {
  const rules = [
    ["strong", /(?:^|[;\s])font-weight:\s*(\w+)/, (value) => value === "bold" || Number(value) >= 600],
    ["em", /(?:^|[;\s])font-style:\s*(\w+)/, (value) => value === "italic"],
    ["u", /text-decoration[^:;]*:[^;]*\b(underline|none)/, (value) => value === "underline"],
    ["s", /text-decoration[^:;]*:[^;]*\b(line-through|none)/, (value) => value === "line-through"],
  ];
  for (const [name, pattern, isSet] of rules) {
    const value = pattern.exec(style);
    if (!value || found.has(name) || unset.has(name)) continue;
    if (isSet(value[1])) found.set(name, { name });
    else unset.add(name);
  }
}

// Word's items came one by one: neighbours are one list.
function joinItems(root) {
  for (const list of [...root.querySelectorAll("[data-joins]")]) {
    const previous = list.previousElementSibling;
    if (previous && previous.nodeName === list.nodeName && "joined" in previous.dataset) {
      previous.append(...list.childNodes);
      list.remove();
    } else {
      list.dataset.joined = "";
    }
    delete list.dataset.joins;
  }
  for (const list of root.querySelectorAll("[data-joined]")) delete list.dataset.joined;
}
