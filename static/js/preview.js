// The preview of a campaign: as desktop, phone or text, for any subscriber.

const DESKTOP_WIDTH = 720;
const PHONE_WIDTH = 480;
const card = document.getElementById("preview");
const stage = card && card.querySelector(".preview-stage");
const frame = card && card.querySelector(".preview-frame");

// Load the preview again, of this version of the content if it has changed.
function reloadPreview(version) {
  if (version) card.dataset.version = version;
  const address = new URL(card.dataset.preview, window.location.href);
  if (stage.dataset.view === "text") address.searchParams.set("part", "text");
  const reader = document.getElementById("reader-id").value;
  if (reader) address.searchParams.set("as", reader);
  address.searchParams.set("v", card.dataset.version);
  frame.contentWindow.location.replace(address.href); // leaves no trace in the history
}

if (card) {
  if (stage.clientWidth < PHONE_WIDTH) showAs("phone");
  new ResizeObserver(fitFrame).observe(stage);
  card.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-view]");
    if (button) showAs(button.dataset.view);
  });
  document.body.addEventListener("content-saved", (event) => reloadPreview(event.detail.version));
  watchReaders();
}

// An email decides by its width whether it is on a phone: a narrow column shows the desktop view
// made smaller.
function fitFrame() {
  if (stage.dataset.view !== "desktop" || stage.clientWidth >= DESKTOP_WIDTH) {
    frame.style.cssText = "";
    return;
  }
  const scale = stage.clientWidth / DESKTOP_WIDTH;
  frame.style.width = `${DESKTOP_WIDTH}px`;
  frame.style.height = `${stage.clientHeight / scale}px`;
  frame.style.transform = `scale(${scale})`;
}

function showAs(view) {
  const wasText = stage.dataset.view === "text";
  card.querySelectorAll("button[data-view]").forEach((button) => {
    button.classList.toggle("active", button.dataset.view === view);
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  });
  stage.dataset.view = view;
  fitFrame();
  if (wasText !== (view === "text")) reloadPreview();
}

function watchReaders() {
  const list = document.getElementById("reader-list"), box = document.getElementById("reader");

  // Keyboard focus stays near, but not in the box itself: that would open the list again.
  function close() {
    if (list.contains(document.activeElement)) card.querySelector("button[data-view].active").focus();
    list.hidden = true;
  }

  list.addEventListener("htmx:afterSwap", () => {
    list.hidden = !card.querySelector(".reader-picker").contains(document.activeElement);
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[data-reader]");
    if (!option) return;
    document.getElementById("reader-id").value = option.dataset.reader;
    box.value = "";
    box.placeholder = option.dataset.label || card.dataset.previewAs;
    close();
    htmx.trigger(document.body, "reader-chosen");
    reloadPreview();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".reader-picker")) list.hidden = true;
  });
  card.addEventListener("keydown", (event) => {
    if (event.target === box && event.key === "Enter") event.preventDefault();
    if (event.key === "Escape") close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || list.hidden || !(event.target === box || list.contains(event.target))) return;
    // Down from the box into the list and on; up from its first entry back to the box.
    event.preventDefault();
    const entries = [box, ...list.querySelectorAll("[data-reader]")];
    const next = entries[entries.indexOf(event.target) + step];
    if (next) next.focus();
  });
}
