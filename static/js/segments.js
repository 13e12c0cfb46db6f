// The builder of segments. The server renders the rules; this keeps the focus and the count up to date.
const box = document.getElementById("rules-box");

// Typing asks for a new count.
box.addEventListener("input", (event) => {
  if (event.target.matches("[data-redraw]")) return;
  box.dispatchEvent(new Event("rules-typed"));
});

// A select that decides which inputs there are renders the rules again: at once after a click, by keyboard
// when the keys rest, because a new select would forget the letters typed so far.
const TYPING_MS = 500;
let changed = null;
let typing = false;
let timer;

const draw = () => {
  clearTimeout(timer);
  // An answer may have replaced it since, with the same choice.
  const select = changed && document.getElementById(changed.id);
  if (select) select.dispatchEvent(new Event("redraw"));
  changed = null;
};

const drawLater = () => {
  clearTimeout(timer);
  timer = setTimeout(draw, TYPING_MS);
};

box.addEventListener("pointerdown", () => { typing = false; });
box.addEventListener("keydown", (event) => {
  typing = true;
  if (changed) (event.key === "Tab" ? draw : drawLater)();
});
box.addEventListener("change", (event) => {
  if (!event.target.matches("[data-redraw]")) return;
  changed = event.target;
  (typing ? drawLater : draw)();
});

// Enter in a rule does not save the segment.
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
});

// After a rule was added, moved or removed, the focus goes where the work continues.
document.addEventListener("htmx:afterSettle", () => {
  const rules = document.querySelector("#rules[data-focus]");
  if (!rules) return;
  const id = rules.dataset.focus;
  // htmx keeps the focus on a button that is still there, so that a rule can move several steps.
  if (document.activeElement.matches(`[id="${id}-up"], [id="${id}-down"]`)) {
    rules.removeAttribute("data-focus");
    return;
  }
  rules.removeAttribute("data-focus");
  const next = ["what", "join", "add"].map((part) => document.getElementById(`${id}-${part}`)).find(Boolean);
  if (next) next.focus();
});

// A count that failed says so instead of showing an old number.
const summary = document.getElementById("summary-box");
["htmx:responseError", "htmx:sendError"].forEach((name) => {
  document.addEventListener(name, (event) => {
    const count = document.querySelector(".segment-count");
    if (count && summary.contains(event.detail.target)) count.textContent = summary.dataset.failed;
  });
});
