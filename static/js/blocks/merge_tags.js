// Merge tags as chips: in the canvas, and in the text editor.
import { fields } from "./words.js";

const TAG = /\{\{\s*(.*?)\s*\}\}/g;
const WITH_FALLBACK = /^([\w.[\]"']+)(?:\s+or\s+"([^"]*)")?$/;
const labels = new Map(fields.map((field) => [field.tag, field.label]));

// The words on the chip of a merge tag.
export function labelOf(tag) {
  return labels.get(tag) || tag.replace(/^(subscriber|campaign|list|sender)\./, "").replace(/_/g, " ");
}

// What a text such as {{ subscriber.first_name or "friend" }} shows: { tag, fallback }, or null if it
// is more than that.
function readTag(text) {
  const inner = /^\{\{\s*(.*?)\s*\}\}$/.exec(text.trim());
  const found = inner && WITH_FALLBACK.exec(inner[1]);
  return found ? { tag: found[1], fallback: found[2] || "" } : null;
}

// Replace the merge tags in the texts of a page by chips.
export function showTags(root) {
  const texts = [];
  const walker = root.ownerDocument.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (walker.currentNode.nodeValue.includes("{{")) texts.push(walker.currentNode);
  for (const text of texts)
    if (!text.parentElement.closest("style, script")) text.replaceWith(...chips(text));
}

function chips(text) {
  const parts = [];
  let at = 0;
  for (const found of text.nodeValue.matchAll(TAG)) {
    parts.push(text.nodeValue.slice(at, found.index), chip(text.ownerDocument, found[0]));
    at = found.index + found[0].length;
  }
  parts.push(text.nodeValue.slice(at));
  return parts;
}

function chip(page, text) {
  const element = page.createElement("span");
  const tag = readTag(text);
  element.className = "be-tag";
  element.title = text;
  element.textContent = tag ? labelOf(tag.tag) : text.replace(/^\{\{\s*|\s*\}\}$/g, "");
  return element;
}
