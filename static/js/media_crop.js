// Crops and resizes an image in the browser, and uploads the result as a new image.
// The dialog is templates/web/media/_crop.html.
import { send } from "./media_upload.js";

const EDGE = 12; // pixels around the image, for the corners of the frame
const LEAST = 16; // pixels of the image that always remain
const dialog = document.getElementById("media-crop");
const form = dialog.querySelector("form");
const canvas = dialog.querySelector("canvas");
const box = dialog.querySelector(".media-crop-box");
const state = dialog.querySelector(".media-crop-state");
const words = JSON.parse(form.dataset.words);
const widthInput = form.elements.namedItem("width");

let medium = null, picture = null, settle = null;
let opened = 0; // how often the dialog was opened
let part = { x: 0, y: 0, width: 1, height: 1 }; // in pixels of the image
let scale = 1; // pixels of the screen for each pixel of the image

// Opens the dialog. Resolves with the new image, or null.
export function cropImage(chosen) {
  if (settle) settle(null);
  medium = chosen;
  form.elements.namedItem("preset").value = "original";
  widthInput.value = "";
  form.elements.namedItem("result").value = "";
  dialog.showModal();
  showPicture(++opened);
  return new Promise((resolve) => { settle = resolve; });
}

async function showPicture(number) {
  let loaded = null;
  picture = null;
  setState("loading", words.loading);
  try {
    loaded = await load(medium.original);
  } catch {
    if (number === opened) setState("failed", words.not_loaded);
    return;
  }
  if (number !== opened || !dialog.open) return;
  picture = loaded;
  setState("ready");
  draw();
  applyPreset("original");
  box.focus();
}

// Until the image is there, nothing can be entered that its size would replace.
function setState(name, text = "") {
  form.dataset.state = name;
  state.textContent = text;
  for (const control of form.querySelectorAll(".media-crop-presets, [name=width], [type=submit]")) {
    control.disabled = name !== "ready";
  }
}

function load(url) {
  const image = new Image();
  image.src = url;
  return image.decode().then(() => image);
}

function draw() {
  const room = form.clientWidth - 2 * EDGE;
  const high = Math.max(160, window.innerHeight * 0.42);
  scale = Math.min(1, room / picture.naturalWidth, high / picture.naturalHeight);
  const sharp = window.devicePixelRatio || 1;
  const width = Math.round(picture.naturalWidth * scale), height = Math.round(picture.naturalHeight * scale);
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
}

// ---- The frame ----------------------------------------------------------------------------------

const RATIOS = { "1:1": 1, "16:9": 16 / 9 };
const preset = () => form.elements.namedItem("preset").value;
const ratio = () => RATIOS[preset()] || 0;
const between = (value, least, most) => Math.min(Math.max(value, least), Math.max(least, most));

function applyPreset(name) {
  const whole = { x: 0, y: 0, width: picture.naturalWidth, height: picture.naturalHeight };
  if (RATIOS[name]) part = middle(whole, RATIOS[name]);
  else if (name !== "free") part = whole;
  place();
  widthInput.max = String(picture.naturalWidth);
  widthInput.value = String(name === "600" ? Math.min(600, Math.round(part.width)) : Math.round(part.width));
  showResult();
}

function middle(whole, wanted) {
  const width = Math.min(whole.width, whole.height * wanted), height = width / wanted;
  return { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
}

function place() {
  const at = canvas.offsetLeft, top = canvas.offsetTop;
  box.style.left = `${at + part.x * scale}px`;
  box.style.top = `${top + part.y * scale}px`;
  box.style.width = `${part.width * scale}px`;
  box.style.height = `${part.height * scale}px`;
}

function moveBy(x, y) {
  part.x = between(part.x + x, 0, picture.naturalWidth - part.width);
  part.y = between(part.y + y, 0, picture.naturalHeight - part.height);
  place();
}

// Moves one corner; the opposite one stays.
function stretch(corner, x, y) {
  const isLeft = corner.includes("w"), isTop = corner.includes("n");
  const right = part.x + part.width, bottom = part.y + part.height;
  const roomX = isLeft ? right : picture.naturalWidth - part.x;
  const roomY = isTop ? bottom : picture.naturalHeight - part.y;
  let width = between(part.width + (isLeft ? -x : x), LEAST, roomX);
  let height = between(part.height + (isTop ? -y : y), LEAST, roomY);
  if (ratio()) {
    width = Math.min(width, roomY * ratio());
    height = width / ratio();
  } else if (preset() !== "free") {
    form.elements.namedItem("preset").value = "free";
  }
  part = { x: isLeft ? right - width : part.x, y: isTop ? bottom - height : part.y, width, height };
  place();
  widthInput.value = String(Math.round(part.width));
  showResult();
}

function outputSize() {
  const width = between(Math.round(Number(widthInput.value)) || part.width, 1, picture.naturalWidth);
  return { width, height: Math.max(1, Math.round(width * part.height / part.width)) };
}

function showResult() {
  const size = outputSize();
  form.elements.namedItem("result").value = `${size.width} × ${size.height}`;
}

form.addEventListener("change", (event) => {
  if (event.target.name === "preset") applyPreset(event.target.value);
});
widthInput.addEventListener("input", showResult);
window.addEventListener("resize", () => {
  if (!dialog.open || !picture) return;
  draw();
  place();
});

box.addEventListener("pointerdown", (event) => {
  if (!picture) return;
  event.preventDefault();
  box.focus();
  box.setPointerCapture(event.pointerId);
  const corner = event.target.dataset.corner;
  let last = { x: event.clientX, y: event.clientY };
  const move = (next) => {
    const x = (next.clientX - last.x) / scale, y = (next.clientY - last.y) / scale;
    last = { x: next.clientX, y: next.clientY };
    if (corner) stretch(corner, x, y);
    else moveBy(x, y);
  };
  const stop = () => {
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", stop);
    box.removeEventListener("pointercancel", stop);
  };
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", stop);
  box.addEventListener("pointercancel", stop);
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
box.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow || !picture) return;
  event.preventDefault();
  const step = Math.max(1, picture.naturalWidth / 100);
  if (event.shiftKey) stretch("se", arrow[0] * step, ratio() && arrow[1] ? 0 : arrow[1] * step);
  else moveBy(arrow[0] * step, arrow[1] * step);
});

// ---- The result ---------------------------------------------------------------------------------

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const number = opened;
  setState("saving", words.saving);
  const made = await upload();
  if (number !== opened) return; // the dialog is open for another image now
  if (made.medium) return finish(made.medium);
  setState("ready", made.message || words.not_saved);
  form.querySelector("[type=submit]").focus();
});
dialog.addEventListener("close", () => finish(null));

async function upload() {
  const { alt, folder, is_decorative: isDecorative } = medium;
  try {
    const file = await result();
    const answer = await send("/media/upload", { file, alt, folder, ...(isDecorative && { is_decorative: "1" }) });
    return await answer.json();
  } catch { return {}; }
}

function result() {
  const size = outputSize(), out = document.createElement("canvas");
  out.width = size.width;
  out.height = size.height;
  const pen = out.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, part.x, part.y, part.width, part.height, 0, 0, size.width, size.height);
  const isPhoto = medium.original.endsWith(".jpg");
  const name = `${medium.name.replace(/\.\w+$/, "")}-${size.width}x${size.height}.${isPhoto ? "jpg" : "png"}`;
  return new Promise((resolve, reject) => {
    out.toBlob(
      (blob) => (blob ? resolve(new File([blob], name, { type: blob.type })) : reject(new Error("no blob"))),
      isPhoto ? "image/jpeg" : "image/png", 0.95,
    );
  });
}

function finish(value) {
  const done = settle;
  settle = null;
  if (dialog.open) dialog.close();
  if (done) done(value);
}
