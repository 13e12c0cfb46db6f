// Markdown: the buttons above the text, and their keys.

const area = document.getElementById("source");
const MARKS = { bold: "**", italic: "_" };
const LINES = { heading: "## ", list: "- ", quote: "> " };
const KEYS = { b: "bold", i: "italic", k: "link" };

function replace(start, end, text, from, to) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, start, end);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  area.setSelectionRange(from, to);
}

// Put the mark around the selection, or remove it.
function mark(sign) {
  let { selectionStart: start, selectionEnd: end, value } = area;
  while (start < end && /\s/.test(value[start])) start += 1;
  while (end > start && /\s/.test(value[end - 1])) end -= 1;
  const text = value.slice(start, end);
  if (value.slice(start - sign.length, start) === sign && value.slice(end, end + sign.length) === sign) {
    replace(start - sign.length, end + sign.length, text, start - sign.length, end - sign.length);
    return;
  }
  const inner = text || area.dataset.placeholder;
  replace(start, end, sign + inner + sign, start + sign.length, start + sign.length + inner.length);
}

// Begin each selected line with the prefix, or remove it from all.
function prefix(sign) {
  const { selectionStart, selectionEnd, value } = area;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const next = value.indexOf("\n", selectionEnd);
  const end = next < 0 ? value.length : next;
  const lines = value.slice(start, end).split("\n");
  const has = lines.every((line) => line.startsWith(sign));
  const text = lines.map((line) => (has ? line.slice(sign.length) : sign + line)).join("\n");
  replace(start, end, text, start + (has ? 0 : Math.min(sign.length, text.length)), start + text.length);
}

function openLink() {
  const dialog = document.getElementById("link-dialog");
  dialog.querySelector("[name=text]").value = area.value.slice(area.selectionStart, area.selectionEnd).trim();
  dialog.showModal();
}

function act(name) {
  if (MARKS[name]) mark(MARKS[name]);
  else if (LINES[name]) prefix(LINES[name]);
  else if (name === "link") openLink();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-markdown]");
  if (button) act(button.dataset.markdown);
});
area.addEventListener("keydown", (event) => {
  const name = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && KEYS[event.key.toLowerCase()];
  if (!name) return;
  event.preventDefault();
  act(name);
});
