// Uploads images by button, drag and drop, and paste: see templates/web/media/_upload.html.
// Each file gets a row that shows its result, and asks for its alternative text.

// Watches an upload area. `zone` takes drops and pastes; `onUploaded(medium)` follows each success.
export function watchUploads(area, zone, onUploaded, fields = () => ({})) {
  const uploader = new Uploader(area, onUploaded, fields);
  const input = area.querySelector("input[type=file]");
  input.addEventListener("change", () => {
    uploader.add([...input.files]);
    input.value = "";
  });
  watchDrops(area, zone, uploader);
  return uploader;
}

function watchDrops(area, zone, uploader) {
  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  const mark = (isOver) => area.classList.toggle("is-over", isOver);
  zone.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  zone.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget || !zone.contains(event.relatedTarget)) mark(false);
  });
  zone.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    uploader.add([...event.dataTransfer.files]);
  });
  zone.addEventListener("paste", (event) => {
    const files = event.clipboardData ? [...event.clipboardData.files] : [];
    if (!files.length) return;
    event.preventDefault();
    uploader.add(files);
  });
}

class Uploader {
  constructor(area, onUploaded, fields) {
    this.area = area;
    this.words = JSON.parse(area.dataset.words);
    this.results = area.querySelector(".media-results");
    this.onUploaded = onUploaded;
    this.fields = fields;
    this.last = Promise.resolve();
  }

  // One after the other: the server decodes one image at a time.
  add(files) {
    for (const file of files) {
      const row = this.addRow(file.name);
      this.last = this.last.then(() => this.upload(file, row));
    }
    return this.last;
  }

  addRow(name) {
    const row = this.area.querySelector("[data-result]").content.firstElementChild.cloneNode(true);
    row.querySelector(".media-result-name").textContent = name;
    row.querySelector("[data-dismiss-result]").addEventListener("click", () => row.remove());
    this.results.append(row);
    return row;
  }

  async upload(file, row) {
    this.say(row, this.words.uploading, "busy");
    if (file.size > Number(this.area.dataset.max)) return this.say(row, this.words.too_large, "problem");
    let answer, body;
    try {
      answer = await send(this.area.dataset.url, { file, ...this.fields() });
      body = await answer.json().catch(() => ({}));
    } catch {
      return this.say(row, this.words.offline, "problem");
    }
    if (!answer.ok || !body.medium) return this.say(row, this.reason(answer, body), "problem");
    this.say(row, body.is_new ? this.words.uploaded : this.words.already_there, "done");
    this.askForAlt(row, body.medium);
    return this.onUploaded(body.medium);
  }

  reason(answer, body) {
    if (answer.redirected || answer.status === 401) return this.words.logged_out;
    if (answer.status === 413) return this.words.too_large;
    if (answer.status === 429) return this.words.many_requests;
    return body.message || this.words.failed;
  }

  say(row, text, kind) {
    row.dataset.kind = kind;
    row.querySelector("[data-state]").textContent = text;
  }

  askForAlt(row, medium) {
    const image = document.createElement("img");
    image.src = medium.thumbnail;
    image.alt = "";
    row.querySelector(".media-result-image").replaceChildren(image);
    row.querySelector(".media-result-name").textContent = medium.name;
    const fields = row.querySelector(".media-result-alt");
    const alt = fields.querySelector("[name=alt]"), isDecorative = fields.querySelector("[name=is_decorative]");
    alt.value = medium.alt;
    isDecorative.checked = medium.is_decorative;
    alt.disabled = medium.is_decorative;
    fields.hidden = false;
    fields.addEventListener("change", () => {
      alt.disabled = isDecorative.checked;
      saveAlt(medium, alt.value, isDecorative.checked);
    });
  }
}

// Saves the alternative text of an image. Resolves to whether it was saved.
export async function saveAlt(medium, alt, isDecorative) {
  Object.assign(medium, { alt: isDecorative ? "" : alt.trim(), is_decorative: isDecorative });
  try {
    const answer = await send(`/media/${medium.id}/alt`, { alt, ...(isDecorative && { is_decorative: "1" }) });
    return answer.ok && !answer.redirected;
  } catch { return false; }
}

// Posts fields. After a login in another tab there is a new session: this page takes its token.
export async function send(url, fields) {
  const answer = await post(url, fields);
  if (answer.status !== 400) return answer;
  const html = await (await fetch("/media")).text();
  const page = new DOMParser().parseFromString(html, "text/html");
  document.body.dataset.csrf = page.body.dataset.csrf || "";
  return post(url, fields);
}

function post(url, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) body.append(name, value, value.name || "image.png");
    else body.append(name, value);
  }
  return fetch(url, {
    method: "POST",
    body,
    headers: { "Accept": "application/json", "X-CSRFToken": document.body.dataset.csrf, "HX-Request": "true" },
  });
}
