// The panel of problems and of samples to replace: their number in the bar, and the way from a problem to its line or block.
import { surface } from "./surface.js";

const panel = document.getElementById("problems");
const chip = document.querySelector("[data-problem-chip]");

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target !== panel) return;
  const problems = panel.querySelector("[data-count]");
  const title = problems || panel.querySelector("[data-samples]");
  chip.hidden = !title;
  if (title) {
    chip.lastElementChild.textContent = title.dataset.count || title.dataset.samples;
    chip.title = title.textContent.trim();
    chip.classList.toggle("is-blocking", "blocks" in title.dataset);
    chip.classList.toggle("is-note", !problems);
  }
  document.dispatchEvent(new CustomEvent("problems-shown", { detail: atLines() }));
  document.dispatchEvent(new CustomEvent("samples-shown", { detail: blocksWithSamples() }));
});

// The problems of the source that have a line: [{line, text, blocks}].
function atLines() {
  return [...panel.querySelectorAll("[data-line]")].map((button) => ({
    line: Number(button.dataset.line),
    text: button.closest("li").querySelector("[data-text]").dataset.text,
    blocks: button.closest("li").classList.contains("problem-red"),
  }));
}

// The ids of the blocks that still have content of the design; the block editor listens to this.
function blocksWithSamples() {
  return [...panel.querySelectorAll("[data-sample]")].map((button) => button.dataset.block);
}

panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-line], [data-at-line], [data-block]");
  if (!button) return;
  document.dispatchEvent(new CustomEvent("show-editor"));
  const line = button.dataset.line || button.dataset.atLine;
  if (line) surface.showLine(Number(line));
  // The block editor listens to this.
  else document.dispatchEvent(new CustomEvent("select-block", { detail: { id: button.dataset.block } }));
});
