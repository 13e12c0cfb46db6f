// The image picker, loaded by pickers.js:
// pickImage({src, alt}) -> Promise<{src, url, name?, alt, width, height} | null>
// `src` is what content stores: "media:<public id>", or a web address. `url` shows it on this page.
// Width and height are in pixels, 0 if unknown. The dialog is templates/web/media/_picker.html.
import { cropImage } from "./media_crop.js";
import { saveAlt, watchUploads } from "./media_upload.js";

const WAIT = 250;
const dialog = document.getElementById("media-picker");
const form = dialog.querySelector(".media-picker-form");
const words = JSON.parse(form.dataset.words);
const grid = form.querySelector(".media-picker-grid");
const none = form.querySelector(".media-picker-none");
const more = form.querySelector("[data-more]");
const problem = form.querySelector(".media-picker-problem");
const web = form.querySelector(".media-picker-web");
const cropButton = form.querySelector("[data-crop-chosen]");
const { search, folder, address, alt, is_decorative: isDecorative } = form.elements;

const images = new Map(); // id -> image, as the server describes it
let settle = null, before = null, after = null, asked = 0, timer = 0;

watchUploads(dialog.querySelector("[data-media-upload]"), dialog, (image) => {
  const isDescribed = !chosenId() && !address.value && Boolean(alt.value); // while it was uploaded
  add([image], "first");
  choose(image.id, { keepsAlt: isDescribed });
});

// Opens the picker. Resolves with null if it was closed without a choice.
export async function pickImage({ src = "", alt: given = "" } = {}) {
  if (settle) settle(null);
  before = document.activeElement;
  form.reset();
  dialog.querySelector(".media-results").replaceChildren();
  say("");
  const id = src.startsWith("media:") ? src.slice(6) : "";
  web.open = Boolean(src) && !id;
  address.value = web.open ? src : "";
  alt.value = given;
  dialog.showModal();
  search.focus();
  load(id);
  return new Promise((resolve) => { settle = resolve; });
}

function finish(result) {
  const done = settle;
  settle = null;
  if (dialog.open) dialog.close();
  if (done) done(result);
  if (done && before && before.isConnected) before.focus();
}

function say(text) { problem.textContent = text; }

// ---- The library --------------------------------------------------------------------------------

// Loads the first page; `selected` is the id of an image to show first.
async function load(selected = "") {
  const answer = await ask({ ...(selected && { selected }) });
  if (!answer) return;
  const chosen = chosenId() || selected; // perhaps chosen while the answer was on its way
  const image = images.get(chosen);
  images.clear();
  grid.replaceChildren();
  add(answer.images, "last");
  if (image) add([image], "first"); // uploaded meanwhile, or not among those found
  showFolders(answer.folders);
  const isFiltered = search.value.trim() || folder.value;
  none.textContent = isFiltered ? words.none : words.empty;
  none.hidden = answer.images.length > 0 || (!isFiltered && images.size > 0);
  if (images.has(chosen)) choose(chosen, { keepsAlt: Boolean(alt.value) });
  else showChosen();
}

async function ask(values) {
  const number = ++asked;
  const query = new URLSearchParams({ q: search.value, folder: folder.value, ...values });
  grid.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.dataset.url}?${query}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const body = await answer.json();
    if (number !== asked) return null; // a newer question was asked meanwhile
    after = body.after;
    more.hidden = !after;
    return body;
  } catch {
    if (number === asked) say(words.failed);
    return null;
  } finally {
    grid.removeAttribute("aria-busy");
  }
}

function add(found, where) {
  for (const image of found) {
    if (images.has(image.id)) continue;
    images.set(image.id, image);
    const choice = dialog.querySelector("[data-choice]").content.firstElementChild.cloneNode(true);
    choice.querySelector("input").value = image.id;
    choice.querySelector("img").src = image.thumbnail;
    choice.querySelector(".media-name").textContent = image.name;
    if (where === "first") grid.prepend(choice);
    else grid.append(choice);
  }
  if (images.size) none.hidden = true;
}

function showFolders(names) {
  const current = folder.value;
  const options = names.map((name) => new Option(name, name));
  folder.replaceChildren(folder.options[0], ...options);
  folder.value = names.includes(current) ? current : "";
  folder.hidden = !names.length;
}

search.addEventListener("input", () => {
  window.clearTimeout(timer);
  timer = window.setTimeout(load, WAIT);
});
search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
folder.addEventListener("change", () => load());
more.addEventListener("click", async () => {
  const answer = await ask({ after: String(after) });
  if (!answer) return;
  const count = grid.children.length;
  add(answer.images, "last");
  const next = grid.children[count];
  if (next) next.querySelector("input").focus();
});

// ---- The choice ---------------------------------------------------------------------------------

function chosenId() {
  const radio = grid.querySelector("input:checked");
  return radio ? radio.value : "";
}

function choose(id, { keepsAlt = false } = {}) {
  const radio = [...grid.querySelectorAll("input")].find((input) => input.value === id);
  if (!radio) return;
  radio.checked = true;
  radio.scrollIntoView({ block: "nearest" });
  address.value = "";
  if (!keepsAlt) takeAlt(images.get(id));
  showChosen();
}

function takeAlt(image) {
  alt.value = image.alt;
  isDecorative.checked = image.is_decorative;
}

function showChosen() {
  const image = images.get(chosenId());
  alt.disabled = isDecorative.checked;
  cropButton.disabled = !image || image.is_animated;
}

grid.addEventListener("change", () => {
  address.value = "";
  takeAlt(images.get(chosenId()));
  say("");
  showChosen();
});
grid.addEventListener("dblclick", () => form.requestSubmit());
isDecorative.addEventListener("change", showChosen);
address.addEventListener("input", () => {
  const radio = grid.querySelector("input:checked");
  if (radio && address.value) radio.checked = false;
  showChosen();
});

cropButton.addEventListener("click", async () => {
  const described = { alt: isDecorative.checked ? "" : alt.value.trim(), is_decorative: isDecorative.checked };
  const made = await cropImage({ ...images.get(chosenId()), ...described });
  if (!made) return;
  add([made], "first");
  choose(made.id, { keepsAlt: true });
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const image = images.get(chosenId());
  const url = address.value.trim();
  if (!image && !url) return refuse(words.choose, search);
  if (!image && !/^https?:\/\/[^\s]+$|^\{\{/i.test(url)) return refuse(words.address, address);
  if (!alt.value.trim() && !isDecorative.checked) return refuse(words.alt, alt);
  const text = isDecorative.checked ? "" : alt.value.trim();
  if (!image) return finish({ src: url, url, alt: text, width: 0, height: 0 });
  // Store the text with the image, so that the next email need not ask for it again.
  if (!image.alt && !image.is_decorative) saveAlt(image, text, isDecorative.checked);
  const { src, url: shown, name, width, height } = image;
  return finish({ src, url: shown, name, alt: text, width, height });
});

function refuse(text, control) {
  say(text);
  if (control === address) web.open = true;
  control.focus();
}

dialog.addEventListener("close", () => finish(null));
