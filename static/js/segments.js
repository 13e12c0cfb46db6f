// The builder of segments. The server renders the rules; this keeps the focus and the count up to date.
const box = document.getElementById("rules-box");

// Typing asks for a new count. What changes the form itself is asked for by its own element.
box.addEventListener("input", (event) => {
  if (!event.target.matches("[data-redraw]")) box.dispatchEvent(new Event("rules-typed"));
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
