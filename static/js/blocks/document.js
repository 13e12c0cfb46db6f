// The document of the block editor: what docs/blocks.md describes, as plain objects. The functions
// that change it change it in place.

export const BLOCK_TYPES = [
  "heading",
  "text",
  "image",
  "button",
  "divider",
  "spacer",
  "logo",
  "social",
  "product",
  "quote",
  "video",
  "repeat",
  "html",
];
const MAX_COLUMNS = 4;

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function emptyDocument() {
  return { version: 1, width: 600, background: "", surface: "", rows: [{ id: newId(), type: "footer" }] };
}

// Returns the document in a text, or null if it is none that this editor can show.
export function parse(text) {
  if (!text.trim()) return emptyDocument();
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (!found || (found.version ?? 1) !== 1 || !Array.isArray(found.rows ?? [])) return null;
  return completed(found);
}

// Programs may leave out values that have a default; the editor needs ids and lists.
function completed(document) {
  document.version = 1;
  document.rows ??= [];
  for (const { node, kind } of walk(document)) {
    node.id ||= newId();
    if (kind === "column" || kind === "repeat") node.blocks ??= [];
  }
  return document;
}

function kindOf(node) {
  return node.type || "column";
}

// The list that a node carries: the columns of a section, the blocks of a column or of a repetition.
export function childrenOf(node) {
  return node.columns || node.blocks || null;
}

// Yields each node in the order of reading, with the list that it is in.
export function* walk(document) {
  yield* within(document.rows, null, 1);
}

function* within(siblings, parent, depth) {
  for (let index = 0; index < siblings.length; index += 1) {
    const node = siblings[index];
    yield { node, parent, siblings, index, depth, kind: kindOf(node) };
    const children = childrenOf(node);
    if (children) yield* within(children, node, depth + 1);
  }
}

export function find(document, id) {
  for (const entry of walk(document)) if (entry.node.id === id) return entry;
  return null;
}

// ---- Making nodes -----------------------------------------------------------------------------

export function richText(text) {
  const paragraph = { type: "paragraph" };
  if (text) paragraph.content = [{ type: "text", text }];
  return { type: "doc", content: [paragraph] };
}

// A new block with words to replace. `words`: from words.js.
export function blank(type, word) {
  const fields = {
    heading: () => ({ content: richText(word("new_heading")), level: 2 }),
    text: () => ({ content: richText(word("new_text")) }),
    button: () => ({ label: word("new_button"), link: "" }),
    product: () => ({
      title: word("new_product"),
      text: "",
      price: "",
      label: word("new_product_button"),
      link: "",
    }),
    quote: () => ({ content: richText(word("new_quote")), author: word("new_author") }),
    repeat: () => ({ each: "", blocks: [{ id: newId(), type: "text", content: richText("{{ item }}") }] }),
  };
  return { id: newId(), type, ...(fields[type] ? fields[type]() : {}) };
}

export function section(widths) {
  return {
    id: newId(),
    type: "section",
    columns: widths.map((width) => ({ id: newId(), width, blocks: [] })),
  };
}

// A copy that can be put into the same document.
export function fresh(node) {
  const copy = structuredClone(node);
  copy.id = newId();
  for (const entry of within(childrenOf(copy) || [], copy, 1)) entry.node.id = newId();
  return copy;
}

// ---- Places -----------------------------------------------------------------------------------
// A place is where a node can be put: { list: id of a column or a repetition, or "" for the rows; index }.

export const isRow = (kind) => kind === "section" || kind === "saved" || kind === "footer";
const isBlock = (kind) => BLOCK_TYPES.includes(kind);

export function listOf(document, id) {
  if (!id) return document.rows;
  const entry = find(document, id);
  return entry && entry.node.blocks ? entry.node.blocks : null;
}

// Whether a list takes nodes of this kind.
export function takes(document, list, kind) {
  if (!list) return isRow(kind);
  const entry = find(document, list);
  if (!entry || !isBlock(kind)) return false;
  return entry.kind === "column" || (entry.kind === "repeat" && kind !== "repeat");
}

// The footer stays the last row.
function lastIndex(document, list) {
  const footer = list === "" && document.rows.at(-1) && document.rows.at(-1).type === "footer";
  return listOf(document, list).length - (footer ? 1 : 0);
}

function insert(document, node, place) {
  const index =
    node.type === "footer" ? document.rows.length : Math.min(place.index, lastIndex(document, place.list));
  listOf(document, place.list).splice(index, 0, node);
}

export function remove(document, id) {
  const entry = find(document, id);
  entry.siblings.splice(entry.index, 1);
  return entry.node;
}

export function isLocked(node) {
  return node.type === "footer";
}

// Where something new goes if this node is selected: after it, or at the end of what it carries.
function placeAfter(document, id, kind) {
  const path = pathTo(document, id);
  if (isRow(kind)) {
    const row = path[0];
    return { list: "", index: row ? row.index + 1 : document.rows.length };
  }
  for (const entry of path.toReversed()) {
    const own = entry.node.id;
    if (entry.kind === "section" && !path.some((step) => step.kind === "column")) {
      const column = entry.node.columns[0];
      return { list: column.id, index: column.blocks.length };
    }
    if (entry.kind === "column" && own === id) return { list: own, index: entry.node.blocks.length };
    if (isBlock(entry.kind) && takes(document, entry.parent.id, kind)) {
      return { list: entry.parent.id, index: entry.index + 1 };
    }
  }
  return null;
}

// The entries from the row down to the node; empty if there is none.
export function pathTo(document, id) {
  const path = [];
  for (const entry of walk(document)) {
    path.length = entry.depth - 1;
    path.push(entry);
    if (entry.node.id === id) return path;
  }
  return [];
}

// Puts a node, also where only a new section can carry it. Returns false if it fits nowhere.
export function insertAfter(document, node, id) {
  const kind = kindOf(node);
  const place = placeAfter(document, id, kind);
  if (place) {
    insert(document, node, place);
    return true;
  }
  return insertAsSection(document, node, {
    list: "",
    index: (pathTo(document, id)[0] || { index: 1e6 }).index + 1,
  });
}

// Puts a node at a place; a block among the rows gets its own section.
export function insertAt(document, node, place) {
  if (takes(document, place.list, kindOf(node))) {
    insert(document, node, place);
    return true;
  }
  return place.list === "" && insertAsSection(document, node, place);
}

function insertAsSection(document, node, place) {
  if (!isBlock(kindOf(node))) return false;
  const row = section([0]);
  row.columns[0].blocks.push(node);
  insert(document, row, place);
  return true;
}

// Moves a node to a place that was found before it was taken out.
export function moveTo(document, id, place) {
  const entry = find(document, id);
  if (!entry || isLocked(entry.node) || pathTo(document, place.list).some((step) => step.node.id === id))
    return false;
  const list = listOf(document, place.list);
  const isSame = list === entry.siblings;
  const index = isSame && place.index > entry.index ? place.index - 1 : place.index;
  if (isSame && index === entry.index) return false;
  if (!takes(document, place.list, entry.kind) && !(place.list === "" && isBlock(entry.kind))) return false;
  const row = sectionOf(document, entry);
  if (place.list === "" && row && isAloneIn(row)) return moveTo(document, row.id, place); // keeps its settings
  entry.siblings.splice(entry.index, 1);
  insertAt(document, entry.node, { list: place.list, index });
  removeIfEmpty(document, row);
  return true;
}

// The section around a block; null for rows and columns.
function sectionOf(document, { node, kind }) {
  return isBlock(kind) ? pathTo(document, node.id)[0].node : null;
}

const isEmpty = (row) => row.columns.every((column) => !column.blocks.length);
const isAloneIn = (row) => row.columns.length === 1 && row.columns[0].blocks.length === 1;

// A section whose last block was moved away goes too.
function removeIfEmpty(document, row) {
  if (row && isEmpty(row)) document.rows.splice(document.rows.indexOf(row), 1);
}

// Whether a node can move one step up (-1) or down (1).
export function canStep(document, id, direction) {
  const entry = find(document, id);
  if (!entry || isLocked(entry.node)) return false;
  if (hasPlaceBeside(document, entry, direction)) return true;
  if (!isBlock(entry.kind)) return false;
  return entry.parent.type === "repeat" || Boolean(columnBeside(document, entry.parent, direction));
}

function hasPlaceBeside(document, entry, direction) {
  const to = entry.index + direction;
  return to >= 0 && to < (isRow(entry.kind) ? lastIndex(document, "") : entry.siblings.length);
}

function columnBeside(document, column, direction) {
  const columns = [...walk(document)].filter((one) => one.kind === "column").map((one) => one.node);
  return columns[columns.indexOf(column) + direction];
}

// Moves a node one step. A block at the end of its column moves to the next.
export function step(document, id, direction) {
  if (!canStep(document, id, direction)) return false;
  const entry = find(document, id);
  if (hasPlaceBeside(document, entry, direction)) {
    const to = entry.index + direction;
    entry.siblings.splice(entry.index, 1);
    entry.siblings.splice(to, 0, entry.node);
    return true;
  }
  stepOut(document, entry, direction);
  return true;
}

function stepOut(document, entry, direction) {
  const row = sectionOf(document, entry);
  entry.siblings.splice(entry.index, 1);
  if (entry.parent.type === "repeat") {
    const outer = find(document, entry.parent.id);
    outer.siblings.splice(outer.index + (direction > 0 ? 1 : 0), 0, entry.node);
    return;
  }
  const next = columnBeside(document, entry.parent, direction);
  next.blocks.splice(direction > 0 ? 0 : next.blocks.length, 0, entry.node);
  removeIfEmpty(document, row);
}

// Gives a section other columns; the blocks of columns that go away move into the last one.
export function setColumns(node, widths) {
  const columns = widths.slice(0, MAX_COLUMNS).map((width, index) => ({
    ...(node.columns[index] || { id: newId(), blocks: [] }),
    width,
  }));
  for (const gone of node.columns.slice(columns.length)) columns.at(-1).blocks.push(...gone.blocks);
  node.columns = columns;
}
