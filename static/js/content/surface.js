// Where the author writes: the text area, or the code editor once it is there. Toolbars use only this.

const area = document.getElementById("source");

// execCommand keeps the browser's undo; it is the only way that does.
function replaceInArea(text) {
  area.focus();
  if (document.execCommand("insertText", false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function showLineInArea(number) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[number - 1] || "").length);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (number - 5) * height);
  area.scrollIntoView({ block: "nearest" });
}

// insert(text): put it in place of the selection. showLine(number): select a line, counted from 1.
export const surface = { insert: replaceInArea, showLine: showLineInArea };
