// The preview: as desktop, phone, text or in inboxes, in light or dark, for any subscriber.

const DESKTOP_WIDTH = 720;
const PHONE_WIDTH = 480;
const card = document.getElementById("preview");
const stage = card.querySelector(".preview-stage");
const words = JSON.parse(card.dataset.words);
const switches = { "dark": false, "no-images": false };
let frame = card.querySelector(".preview-frame"); // null until it is needed
let next = null; // the frame that is loading
let isStale = !frame; // loaded again once it is visible

function address() {
  const url = new URL(card.dataset.preview, window.location.href);
  const subscriber = document.getElementById("subscriber-id").value;
  if (stage.dataset.view === "text") url.searchParams.set("part", "text");
  if (subscriber) url.searchParams.set("as", subscriber);
  url.searchParams.set("framed", "1");
  url.searchParams.set("dark", switches.dark ? "1" : "0");
  if (switches["no-images"]) url.searchParams.set("images", "off");
  url.searchParams.set("v", card.dataset.version);
  return url.href;
}

// The new email replaces the old one once it is loaded, at the same scroll position.
function reloadPreview() {
  isStale = !stage.clientWidth;
  if (isStale) return;
  if (next) next.remove();
  const loading = document.createElement("iframe");
  next = loading;
  loading.className = "preview-next";
  loading.title = stage.dataset.title;
  loading.setAttribute("sandbox", "allow-same-origin");
  loading.addEventListener("load", () => {
    if (next !== loading) return;
    const top = frame && frame.contentDocument ? frame.contentWindow.scrollY : 0;
    if (frame) frame.remove();
    loading.className = "preview-frame";
    frame = loading;
    next = null;
    fitFrame();
    if (loading.contentDocument) loading.contentWindow.scrollTo(0, top);
  }, { once: true });
  loading.src = address();
  stage.prepend(loading);
}

// An email decides by its width whether it is on a phone: a narrow column shows the desktop view
// scaled down.
function fitFrame() {
  if (!frame) return;
  if (stage.dataset.view !== "desktop" || !stage.clientWidth || stage.clientWidth >= DESKTOP_WIDTH) {
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

function toggle(button) {
  const name = button.dataset.switch;
  switches[name] = !switches[name];
  button.setAttribute("aria-pressed", String(switches[name]));
  card.classList.toggle(`is-${name}`, switches[name]);
  reloadPreview();
}

new ResizeObserver(() => {
  if (isStale) reloadPreview();
  fitFrame();
}).observe(stage);
if (window.innerWidth < PHONE_WIDTH) showAs("phone");
card.addEventListener("click", (event) => {
  const view = event.target.closest("button[data-view]"), switched = event.target.closest("[data-switch]");
  if (view) showAs(view.dataset.view);
  if (switched) toggle(switched);
});
document.body.addEventListener("content-saved", (event) => {
  card.dataset.version = event.detail.version;
  reloadPreview();
});
card.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "preview-facts") return;
  const rows = event.target.querySelector("template");
  if (rows) card.querySelector("[data-inbox]").replaceChildren(rows.content.cloneNode(true));
});

// ---- Who the email is shown for ------------------------------------------------------------------

const menu = document.getElementById("subscriber-menu");
const list = document.getElementById("subscriber-list");
const box = document.getElementById("preview-as");

// Keyboard focus stays near, but not in the box itself, which would open the menu again.
function close() {
  if (menu.contains(document.activeElement)) card.querySelector("button[data-view].active").focus();
  menu.hidden = true;
}

let choices = 0; // an answer that a later choice overtook is dropped

function choose(id, label) {
  choices += 1;
  document.getElementById("subscriber-id").value = id;
  box.value = "";
  box.placeholder = label || words.preview_as;
  close();
  htmx.trigger(document.body, "subscriber-chosen");
  reloadPreview();
}

async function chooseExtreme(which) {
  const url = menu.dataset.extremes.replace(/random$/, which), number = ++choices;
  try {
    const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const person = await answer.json();
    if (number !== choices) return;
    if (person.id) choose(person.id, words.as.replace("{name}", person.name));
    else box.placeholder = words.nobody;
  } catch {
    if (number === choices) box.placeholder = words.failed;
  }
  close();
}

list.addEventListener("htmx:afterSwap", () => {
  menu.hidden = !card.querySelector(".subscriber-picker").contains(document.activeElement);
});
menu.addEventListener("click", (event) => {
  const option = event.target.closest("[data-subscriber]"), extreme = event.target.closest("[data-extreme]");
  if (option) choose(option.dataset.subscriber, option.dataset.label);
  if (extreme) chooseExtreme(extreme.dataset.extreme);
});
document.addEventListener("click", (event) => {
  if (!event.target.closest(".subscriber-picker")) menu.hidden = true;
});
card.addEventListener("keydown", (event) => {
  if (event.target === box && event.key === "Enter") event.preventDefault();
  if (event.key === "Escape") close();
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || menu.hidden || !(event.target === box || menu.contains(event.target))) return;
  // Down from the box into the menu and on; up from its first entry back to the box.
  event.preventDefault();
  const entries = [box, ...menu.querySelectorAll(".subscriber-option")];
  const following = entries[entries.indexOf(event.target) + step];
  if (following) following.focus();
});
