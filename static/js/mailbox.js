// The list keeps its place: while it refreshes, and when another email is opened.

const KEY = "mailbox-place";
const box = document.getElementById("mailbox-scroll");
let anchor = null;

// Which list this is: the same search, the same page.
function place() {
  const query = new URLSearchParams(window.location.search);
  return ["q", "before", "after"].map((name) => query.get(name) || "").join("|");
}

// Opening an email loads a page; its list starts where the previous one was.
window.addEventListener("pagehide", () => {
  window.sessionStorage.setItem(KEY, JSON.stringify({ place: place(), top: box.scrollTop }));
});
const kept = JSON.parse(window.sessionStorage.getItem(KEY) || "null");
if (kept && kept.place === place()) box.scrollTop = kept.top;
const chosen = box.querySelector("[aria-current]");
if (chosen && window.matchMedia("(min-width: 992px)").matches) chosen.scrollIntoView({ block: "nearest" });

// On a narrow screen the list has its full height, and the page scrolls.
function scroller() {
  return window.getComputedStyle(box).overflowY === "auto" ? box : document.scrollingElement;
}

// New emails are inserted above; the row that was at the top of the view stays there.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id !== "mailbox-list") return;
  anchor = null;
  if (scroller().scrollTop === 0) return;
  const top = Math.max(0, box.getBoundingClientRect().top);
  const row = rows().find((one) => one.getBoundingClientRect().top >= top);
  if (row) anchor = { id: row.id, at: row.getBoundingClientRect().top };
});
document.addEventListener("htmx:afterSwap", () => {
  const row = anchor && document.getElementById(anchor.id);
  if (row) scroller().scrollTop += row.getBoundingClientRect().top - anchor.at;
  anchor = null;
});

function rows() {
  return [...box.querySelectorAll(".mailbox-row")];
}

// j and k, or the arrow keys inside the list, move to the next and the previous email.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const inList = box.contains(event.target);
  const step = event.key === "j" || (inList && event.key === "ArrowDown") ? 1
    : event.key === "k" || (inList && event.key === "ArrowUp") ? -1 : 0;
  if (!step) return;
  const all = rows();
  let from = all.indexOf(document.activeElement);
  if (from < 0) from = all.indexOf(box.querySelector("[aria-current]"));
  const next = all[from < 0 ? 0 : from + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
