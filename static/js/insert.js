// Inserts merge tags, images, links and buttons into the HTML, and shows the line of a problem.

const editor = document.getElementById("source");

function insert(text) {
  editor.focus();
  // execCommand keeps the browser's undo; it is the only way that does.
  if (document.execCommand("insertText", false, text)) return;
  editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, "end");
  editor.dispatchEvent(new Event("input", { bubbles: true }));
}

function escaped(text) {
  return text.trim().replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

// In a URL a merge tag stays as it was typed: quotes inside {{ }} do not end the attribute.
function url(text) {
  return escaped(text).replace(/\{\{.*?\}\}/g, (part) => part.replace(/&quot;/g, "'"));
}

const SNIPPETS = {
  image: (get) => `<img src="${url(get("url"))}" alt="${escaped(get("alt"))}"` +
    ' width="560" style="display:block;width:100%;max-width:560px;height:auto;border:0">',
  link: (get) => `<a href="${url(get("url"))}">${escaped(get("text"))}</a>`,
  button: (get) => '<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>' +
    '<td style="border-radius:8px;background-color:#4f46e5">' +
    `<a href="${url(get("url"))}" style="display:inline-block;padding:13px 26px;font-family:Arial,sans-serif;` +
    `font-size:16px;font-weight:bold;color:#ffffff;text-decoration:none">${escaped(get("text"))}</a></td></tr></table>`,
};

// The address of a page becomes a link to it.
async function insertTag() {
  const picked = await window.pickMergeTag();
  if (!picked) return;
  insert(picked.kind === "link" ? `<a href="${picked.text}">${escaped(picked.label)}</a>` : picked.text);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pick-tag]")) insertTag();
  const problem = event.target.closest("[data-line]");
  if (problem) showLine(Number(problem.dataset.line));
});

document.addEventListener("submit", (event) => {
  const kind = event.target.dataset.insertForm;
  if (!kind) return;
  event.preventDefault();
  const data = new FormData(event.target);
  event.target.closest("dialog").close();
  insert(SNIPPETS[kind]((name) => String(data.get(name) || "")));
  event.target.reset();
});

function showLine(number) {
  const lines = editor.value.split("\n");
  const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  editor.focus();
  editor.setSelectionRange(start, start + (lines[number - 1] || "").length);
  const height = parseFloat(getComputedStyle(editor).lineHeight);
  editor.scrollTop = Math.max(0, (number - 5) * height);
  editor.scrollIntoView({ block: "nearest" });
}
