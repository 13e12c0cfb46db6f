// The panel of problems: their number in the bar, and the way from a problem to its line or block.
import { surface } from "./surface.js";

const panel = document.getElementById("problems");
const chip = document.querySelector("[data-problem-chip]");

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target !== panel) return;
  const count = panel.querySelector("[data-count]");
  chip.hidden = !count;
  if (count) {
    chip.lastElementChild.textContent = count.dataset.count;
    chip.classList.toggle("is-blocking", "blocks" in count.dataset);
  }
  document.dispatchEvent(new CustomEvent("problems-shown", { detail: atLines() }));
});

// The problems of the source that have a line: [{line, text, blocks}].
function atLines() {
  return [...panel.querySelectorAll("[data-line]")].map((button) => ({
    line: Number(button.dataset.line),
    text: button.closest("li").querySelector("[data-text]").dataset.text,
    blocks: button.closest("li").classList.contains("problem-red"),
  }));
}

panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-line], [data-block]");
  if (!button) return;
  document.dispatchEvent(new CustomEvent("show-editor"));
  if (button.dataset.line) surface.showLine(Number(button.dataset.line));
  // The block editor listens to this.
  else document.dispatchEvent(new CustomEvent("select-block", { detail: { id: button.dataset.block } }));
});
