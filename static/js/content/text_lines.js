// Plain text: the length of the longest line, and of the line in which the cursor is.

const area = document.getElementById("source");
const place = document.getElementById("line-length");
const { words } = place.dataset;
const MOST = 78; // characters; some email clients wrap longer lines oddly

function show() {
  const before = area.value.slice(0, area.selectionStart);
  const number = before.split("\n").length;
  const lines = area.value.split("\n").map((line) => Array.from(line).length);
  const longest = Math.max(...lines);
  const texts = JSON.parse(words);
  place.textContent = texts.line.replace("{number}", number).replace("{length}", lines[number - 1]) + " " +
    (longest > MOST ? texts.long.replace("{number}", lines.indexOf(longest) + 1).replace("{length}", longest) : texts.fine);
  place.classList.toggle("is-long", longest > MOST);
}

for (const change of ["input", "keyup", "click", "focus"]) area.addEventListener(change, show);
area.form.addEventListener("restored", show);
show();
