// What a block is called in the outline and in announcements.
import { labelOf } from "./merge_tags.js";
import { word } from "./words.js";

const LONGEST = 60;

export function typeName(node) {
  if (node.type === "section" && node.columns.length > 1) return word(`columns_${node.columns.length}`);
  return word(`type_${node.type || "column"}`);
}

// The beginning of its text, or "".
export function excerpt(node) {
  const text = {
    heading: () => plainText(node.content),
    text: () => plainText(node.content),
    quote: () => plainText(node.content),
    button: () => node.label,
    image: () => node.alt,
    video: () => node.alt,
    product: () => node.title,
    repeat: () => node.each,
    html: () => node.code,
  }[node.type];
  const found = (text ? text() || "" : "").replace(/\s+/g, " ").trim();
  return found.length > LONGEST ? `${found.slice(0, LONGEST)}…` : found;
}

function plainText(node) {
  if (!node) return "";
  if (node.type === "text") return node.text || "";
  if (node.type === "mergeTag") return labelOf(node.attrs.tag);
  const gap = node.type === "doc" || /List/.test(node.type) ? " " : "";
  return (node.content || []).map(plainText).join(gap);
}
