// Copy and paste of blocks, between campaigns, too: what was copied is kept in the browser.
import { TYPES } from "./block_types.js";
import { blank, fresh, isLocked, section } from "./document.js";

const KEY = "campaigns-block";
const LONGEST = 400_000;

export function copy(node) {
  if (!node || !node.type || isLocked(node)) return false;
  try {
    localStorage.setItem(KEY, JSON.stringify(node));
    return true;
  } catch {
    return false;
  } // no space, or a private window
}

// The copied block with new ids, or null. Anything may be in the browser's storage, so only what this
// editor can show is taken.
export function pasted() {
  let text = null;
  try {
    text = localStorage.getItem(KEY);
  } catch {
    /* a private window */
  }
  if (!text || text.length > LONGEST) return null;
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  const node = readNode(found, ["section", "saved", ...Object.keys(TYPES)]);
  return node && fresh(node);
}

function readNode(found, allowed) {
  if (!isObject(found) || !allowed.includes(found.type) || ["column", "footer", "email"].includes(found.type))
    return null;
  if (found.type === "section") return readSection(found);
  const model = { ...blank(found.type, () => ""), ...(found.type === "saved" ? { saved: "" } : {}) };
  const node = readFields(found, model);
  if (model.content && !(isObject(node.content) && node.content.type === "doc")) return null;
  if (found.type === "repeat") node.blocks = readBlocks(found.blocks, found.type);
  return node;
}

function readSection(found) {
  if (!Array.isArray(found.columns) || !found.columns.length || found.columns.length > 4) return null;
  const node = readFields(found, section([0]));
  node.columns = found.columns.filter(isObject).map((column) => ({
    ...readFields(column, { id: "", blocks: [] }, TYPES.column.fields),
    blocks: readBlocks(column.blocks),
  }));
  return node.columns.length ? node : null;
}

function readBlocks(found, inside = "") {
  const allowed = Object.keys(TYPES).filter((type) => type !== "section" && type !== inside);
  return (Array.isArray(found) ? found : []).map((block) => readNode(block, allowed)).filter(Boolean);
}

// The known fields, if they are of the right kind.
function readFields(found, model, fields = TYPES[found.type].fields) {
  const node = {};
  const known = new Set([...Object.keys(model), "when", "hide_on"]);
  for (const field of fields) for (const name of [field.name, field.alt]) if (name) known.add(name);
  for (const name of known) {
    const value = found[name] ?? model[name];
    if (value !== undefined && (model[name] === undefined || typeof value === typeof model[name]))
      node[name] = value;
    else if (model[name] !== undefined) node[name] = model[name];
  }
  return node;
}

function isObject(value) {
  return Boolean(value) && typeof value === "object" && !Array.isArray(value);
}
