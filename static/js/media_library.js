// The page of the media library, and the page of one image.
import { cropImage } from "./media_crop.js";
import { watchUploads } from "./media_upload.js";

const area = document.querySelector("[data-media-upload]");
const dialog = document.getElementById("media-dialog");
const folder = new URLSearchParams(window.location.search).get("folder") || "";

if (area) watchUploads(area, document, reload, () => ({ folder: folder === "-" ? "" : folder }));

// Show what changed; the scroll position stays.
function reload() {
  return window.htmx.ajax("GET", window.location.href, {
    target: "#media-library", select: "#media-library", swap: "outerHTML",
  });
}

// Selections and typed text stay, too.
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  if (target.id !== "media-library") return;
  before = {
    ticked: [...target.querySelectorAll(".media-tick:checked")].map((tick) => tick.value),
    texts: [...target.querySelectorAll("input[id]")].map(({ id, value }) => [id, value]),
  };
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "media-library" || !before) return;
  before.texts.forEach(([id, value]) => {
    const input = document.getElementById(id);
    if (input) input.value = value;
  });
  document.querySelectorAll(".media-tick").forEach((tick) => {
    if (!before.ticked.includes(tick.value)) return;
    tick.checked = true;
    tick.dispatchEvent(new Event("change", { bubbles: true }));
  });
  before = null;
});

// ---- Details in a dialog; with a modified click, as everywhere, on a page ------------------------

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a.media-open");
  if (!link || !dialog || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  await show(link.href);
});

async function show(address) {
  const content = dialog.querySelector("[data-content]");
  await window.htmx.ajax("GET", address, { target: content, swap: "innerHTML" });
  if (!content.firstElementChild) return;
  dialog.dataset.address = address;
  if (!dialog.open) dialog.showModal();
}

if (dialog) {
  dialog.addEventListener("close", async () => {
    const path = new URL(dialog.dataset.address).pathname;
    await reload();
    const link = document.querySelector(`a.media-open[href="${path}"]`);
    if (link) link.focus();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-crop]");
  if (!button) return;
  const made = await cropImage(JSON.parse(button.closest("[data-image]").dataset.image));
  if (!made) return;
  if (dialog) await show(new URL(`/media/${made.id}`, window.location.href).href);
  else window.location.assign(`/media/${made.id}`);
});

// ---- Selected images ----------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  const form = event.target.closest(".media-form");
  if (!form || !event.target.matches(".media-tick")) return;
  const count = form.querySelectorAll(".media-tick:checked").length;
  form.querySelector("[data-count]").textContent = form.dataset.selected.replace("{count}", String(count));
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-tick]");
  if (!button) return;
  const ticks = button.closest("form").querySelectorAll(".media-tick");
  ticks.forEach((tick) => { tick.checked = button.dataset.tick === "all"; });
  ticks[0].dispatchEvent(new Event("change", { bubbles: true }));
  if (button.dataset.tick === "none") ticks[0].focus();
});
