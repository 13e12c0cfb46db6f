// Makes one tree of nodes equal to another, and keeps the nodes that stay the same: their images do
// not load again, and nothing flickers. Nodes of blocks are recognised by their class "b-<id>".

const BLOCK_CLASS = /(?:^|\s)b-([a-z0-9]+)(?=\s|$)/g;

// The ids of the blocks whose element this is: of a block, and of what repeats it.
export function blocksOf(element) {
  const text = element.getAttribute("class") || "";
  return text ? [...text.matchAll(BLOCK_CLASS)].map((found) => found[1]) : [];
}

function keyOf(node) {
  const blocks = node.nodeType === Node.ELEMENT_NODE ? blocksOf(node) : [];
  return blocks.length ? `${node.nodeName} ${blocks}` : "";
}

function canBecome(old, wanted) {
  return old.nodeType === wanted.nodeType && old.nodeName === wanted.nodeName && keyOf(old) === keyOf(wanted);
}

export function morph(old, wanted) {
  if (old.isEqualNode(wanted)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = wanted.nodeValue;
    return;
  }
  morphAttributes(old, wanted);
  morphChildren(old, wanted);
}

function morphAttributes(old, wanted) {
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function morphChildren(old, wanted) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let cursor = old.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = keyOf(child);
    const same = key ? keyed.get(key) : nextLike(cursor, child);
    if (!same) {
      old.insertBefore(child, cursor);
      continue;
    }
    keyed.delete(key);
    if (same === cursor) cursor = cursor.nextSibling;
    else old.insertBefore(same, cursor);
    morph(same, child);
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

// The node at the cursor, if the wanted one can be made of it.
function nextLike(cursor, wanted) {
  return cursor && canBecome(cursor, wanted) ? cursor : null;
}
