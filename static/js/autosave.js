// A form with data-autosave saves itself, one version after the other, and never loses text: what
// cannot be saved is kept in the browser.

const DELAY = 700;
const RETRY = 5000;
const LOOK_DELAY = 500;
const MOST_KEPT = 5; // texts in the browser
const PREVIEWED = ["source", "inline_css", "content_kind", "brand", "subject", "preheader", "sender", "include"];
const AUDIENCE = ["include", "exclude", "include_segment", "exclude_segment"];

const form = document.querySelector("form[data-autosave]");
const words = JSON.parse(form.dataset.words);
const state = document.getElementById("save-state");
const KEPT = form.dataset.kept;
let { version, seen } = form.dataset; // seen: fingerprint of what this form edits
let saved = snapshot();
let busy = null;
let stopped = false; // a conflict or a lock: nothing is saved until the user decides
let timer = 0;
const unanswered = new Set(); // texts that may have been saved: the answer was lost
let own = `${Date.now()}-${Math.random()}`; // id of this page's text among those kept in the browser
let offered = null; // the newest of the others
let hasLooked = false;

// Without NUL, which databases refuse; a pasted text may contain it.
function snapshot(of = form) { return new URLSearchParams(new FormData(of)).toString().replaceAll("%00", ""); }
function isDirty() { return snapshot() !== saved; }
function bar(id) { return document.getElementById(`${id}-bar`); }
function fill(text, values) { return text.replace(/\{(\w+)\}/g, (_, name) => values[name]); }

function say(text, kind) {
  state.dataset.kind = kind;
  state.lastElementChild.textContent = text;
}

// ---- Kept in the browser ----------------------------------------------------------------------

// Each page keeps one text, and leaves those of other pages and of earlier visits to the user.
function kept() {
  try { return [].concat(JSON.parse(localStorage.getItem(KEPT)) ?? []); } catch { return []; }
}
function store(texts) {
  try {
    if (texts.length) localStorage.setItem(KEPT, JSON.stringify(texts));
    else localStorage.removeItem(KEPT);
    return true;
  } catch { return false; } // no space, or a private window
}
function keep() {
  lookOnce();
  const others = kept().filter((one) => one.id !== own);
  const texts = [...others, { id: own, at: Date.now(), text: snapshot() }].slice(-MOST_KEPT);
  while (texts.length && !store(texts)) texts.shift(); // the oldest make room for the newest
  return texts.length > 0;
}
function forget(id) { store(kept().filter((one) => one.id !== id)); }

// ---- Saving -------------------------------------------------------------------------------------

function soon(delay) {
  window.clearTimeout(timer);
  timer = window.setTimeout(save, delay);
}

// Resolves to whether everything on the page is saved.
function save() {
  window.clearTimeout(timer);
  if (busy) return busy.then(save); // each version builds on the one before
  if (stopped) return Promise.resolve(false);
  const text = snapshot();
  if (text === saved) {
    forget(own);
    say(state.lastElementChild.textContent, "saved");
    return Promise.resolve(true);
  }
  say(words.saving, "busy");
  busy = sendAndRead(text).finally(() => { busy = null; });
  return busy;
}

async function sendAndRead(text) {
  let answer;
  try {
    answer = await send(text);
    // After a login in another tab there is a new session: this page takes its token.
    if (answer.status === 400) {
      await renewToken();
      answer = await send(text);
    }
    // Someone saved first, perhaps this page itself.
    if (answer.status === 409 && await wasMine()) answer = await send(text);
  } catch {
    unanswered.add(text);
    return notSaved(words.offline, RETRY);
  }
  const body = await answer.json().catch(() => ({}));
  // A page sent by a proxy in between does not count as an answer.
  const status = answer.status === 200 && !body.version ? 502 : answer.status;
  if (status >= 500) unanswered.add(text);
  return answered(status, body, text);
}

function send(text) {
  return fetch(form.action, {
    method: "POST",
    body: `${text}&${new URLSearchParams({ version, seen })}`,
    headers: {
      "Accept": "application/json",
      "Content-Type": "application/x-www-form-urlencoded",
      "X-CSRFToken": document.body.dataset.csrf,
      "HX-Request": "true",
    },
  });
}

async function pageNow() {
  const html = await (await fetch(window.location.href)).text();
  return new DOMParser().parseFromString(html, "text/html");
}

async function renewToken() {
  document.body.dataset.csrf = (await pageNow()).body.dataset.csrf || "";
}

// The stored text may have been sent from here, with its answer lost: then continue from it.
async function wasMine() {
  const stored = unanswered.size && (await pageNow()).querySelector("form[data-autosave]");
  if (!stored || !unanswered.has(snapshot(stored))) return false;
  ({ version, seen } = stored.dataset);
  return true;
}

function answered(status, body, text) {
  if (status === 200) return wasSaved(body, text);
  if (status === 409) return ask(bar("conflict"), body);
  if (status === 423) return ask(bar("locked"), body);
  if (status === 413) return notSaved(words.too_large, 0);
  if (status === 401) return notSaved(words.logged_out, 0);
  const reason = body.message && fill(words.because, { reason: body.message });
  if (status < 500) return notSaved(reason || words.refused, 0);
  return notSaved(reason || words.server_error, RETRY);
}

function wasSaved(body, text) {
  const before = new URLSearchParams(saved), after = new URLSearchParams(text);
  const differs = (name) => before.getAll(name).join() !== after.getAll(name).join();
  version = String(body.version);
  seen = body.seen;
  saved = text;
  unanswered.clear();
  forget(own);
  say(fill(words.saved_at, { time: body.saved_at }), "saved");
  showTitle(body.title);
  if (AUDIENCE.some(differs)) htmx.trigger(document.body, "audience-saved");
  if (PREVIEWED.some(differs)) {
    htmx.trigger(document.body, "content-saved", { version });
  }
  if (isDirty()) soon(DELAY);
  return !isDirty();
}

function showTitle(title) {
  const place = document.querySelector("[data-saved-title]");
  if (!place || !title) return;
  place.textContent = title;
  document.title = title;
}

function notSaved(reason, retry) {
  say([reason, retry && words.retrying, keep() ? words.kept : words.not_kept].filter(Boolean).join(" "), "problem");
  if (retry) soon(retry);
  return false;
}

function ask(which, body) {
  stopped = true;
  keep();
  say(words.not_saved, "problem");
  which.dataset.version = body.version || "";
  which.querySelector("[data-message]").textContent = body.message || "";
  which.hidden = false;
  which.scrollIntoView({ block: "nearest" });
  return false;
}

// ---- When to save -------------------------------------------------------------------------------

// A control may be elsewhere on the page, and belong to the form by its attribute.
document.addEventListener("input", (event) => {
  if (event.target.form !== form || event.target.matches("[data-filter-chips]")) return;
  if (stopped) { keep(); return; }
  if (!isDirty()) { say(words.saved, "saved"); return; }
  say(words.unsaved, "waiting");
  soon(DELAY);
});
form.addEventListener("submit", (event) => { event.preventDefault(); save(); });
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input[type=text], input:not([type])")) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); save(); }
});
for (const back of ["online", "focus"]) {
  window.addEventListener(back, () => { if (isDirty()) save(); });
}
window.addEventListener("beforeunload", (event) => {
  if (!isDirty() && !busy) return;
  keep();
  event.preventDefault();
});

// An anchor on this page, a new tab or a download keeps the page; every other link leaves it.
function leaves(link) {
  return !link.target && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#");
}

// A link that leaves the page, and a test send, wait until everything is saved.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]");
  if (!link || !leaves(link) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!isDirty() && !busy) return;
  event.preventDefault();
  // Unsaved text blocks the next step of the campaign; elsewhere the browser asks.
  if (await save() || !link.hasAttribute("data-leave")) window.location.assign(link.href);
});
document.addEventListener("htmx:confirm", async (event) => {
  const { target } = event;
  if (!target.matches("[data-after-save]") || (!isDirty() && !busy)) return;
  event.preventDefault();
  if ("waits" in target.dataset) return; // a second click
  target.dataset.waits = "";
  const isSaved = await save();
  delete target.dataset.waits;
  if (isSaved) event.detail.issueRequest(true);
  else target.querySelector("[data-save-first]").textContent = words.save_first;
});

// ---- Their version, mine, or the one kept in the browser ------------------------------------------

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-load-theirs], [data-reload]")) {
    keep();
    saved = snapshot(); // kept: leaving loses nothing
    window.location.reload();
  }
  if (event.target.closest("[data-keep-mine]")) {
    version = bar("conflict").dataset.version;
    bar("conflict").hidden = true;
    stopped = false;
    saved = null; // all of it is saved again, whatever it was before
    save();
  }
  if (event.target.closest("[data-forget]")) {
    forget(offered.id);
    offer();
  }
  if (event.target.closest("[data-restore]")) {
    if (isDirty()) keep();
    const { id, text } = offered, values = new URLSearchParams(text);
    if (values.get("content_kind") !== (form.elements.content_kind?.value ?? null)) {
      restoreOtherKind(id, text);
      return;
    }
    own = id;
    restore(values);
    offer();
    save();
  }
});

function restore(values) {
  for (const element of form.elements) {
    if (!element.name) continue;
    if (element.type === "checkbox") element.checked = values.getAll(element.name).includes(element.value);
    else if (values.has(element.name)) element.value = values.get(element.name);
  }
  form.dispatchEvent(new CustomEvent("restored"));
}

// The page edits a different kind of content than the text: save the text, then load its page.
async function restoreOtherKind(id, text) {
  if (busy) await busy;
  busy = sendAndRead(text).finally(() => { busy = null; });
  await busy;
  if (saved !== text) return;
  forget(id);
  window.clearTimeout(timer);
  saved = snapshot();
  window.location.reload();
}

// Not at once: the first look into the browser's storage can take a tenth of a second.
window.setTimeout(lookOnce, LOOK_DELAY);

function lookOnce() {
  if (hasLooked) return;
  hasLooked = true;
  store(kept().filter((one) => one.text !== saved));
  offer();
}

function offer() {
  offered = kept().findLast((one) => one.id !== own);
  bar("restore").hidden = !offered;
  if (!offered) return;
  bar("restore").querySelector("[data-when]").textContent =
    new Date(offered.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
