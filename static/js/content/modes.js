// On a narrow screen, and with the block editor, the page shows either the editor or the preview.

const desk = document.querySelector(".desk");

function show(mode) {
  desk.dataset.mode = mode;
  desk.querySelectorAll("button[data-mode]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    button.classList.toggle("active", button.dataset.mode === mode);
  });
  if (mode === "preview") document.dispatchEvent(new CustomEvent("preview-shown"));
}

desk.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-mode]");
  if (button) show(button.dataset.mode);
});
document.addEventListener("show-editor", () => {
  if (desk.dataset.mode !== "edit") show("edit");
});
