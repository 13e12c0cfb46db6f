// The merge-tag picker, loaded by pickers.js: pickMergeTag() -> Promise<{tag, fallback, label, kind, text} | null>.
// `text` is the whole tag as written in content, `kind` one of text, number, date and link.
// The dialog is templates/web/personal/_picker.html.

const dialog = document.getElementById("merge-tag-dialog");
const form = dialog.querySelector("form");
const search = form.elements.namedItem("search");
const list = form.querySelector(".pick-list");
const fallback = form.elements.namedItem("fallback");
const format = form.elements.namedItem("format");
const insertButton = form.querySelector("[type='submit']");

let settle = null;
let chosen = null;

// Opens the picker. Resolves with null if it was closed without a choice.
export function pickMergeTag() {
  if (settle) settle(null);
  const before = document.activeElement;
  form.reset();
  choose(null);
  dialog.showModal();
  search.focus();
  load();
  return new Promise((resolve) => {
    settle = (result) => {
      settle = null;
      resolve(result);
      if (before && before.isConnected) before.focus();
    };
  });
}

async function load() {
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.url, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const tags = await answer.text();
    list.innerHTML = tags;
    // Chosen meanwhile, in the list that was there before: the choice and its fallback stay.
    if (chosen) chosen = options().find((option) => option.dataset.tag === chosen.dataset.tag) || null;
  } catch {
    const failed = document.createElement("p");
    failed.className = "pick-none";
    failed.textContent = form.dataset.failed;
    list.replaceChildren(failed);
  }
  list.removeAttribute("aria-busy");
  filter();
}

// --- Search

const options = () => [...list.querySelectorAll(".pick-option")];
const shownOptions = () => options().filter((option) => !option.hidden);

function filter() {
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  for (const option of options()) {
    const text = `${option.dataset.label} ${option.dataset.tag}`.toLowerCase();
    option.hidden = !words.every((word) => text.includes(word));
  }
  for (const group of list.querySelectorAll("[role='group']")) {
    group.hidden = !group.querySelector(".pick-option:not([hidden])");
  }
  const found = shownOptions();
  const isNone = options().length > 0 && !found.length;
  list.hidden = isNone;
  form.querySelector(".pick-none:not(.pick-list *)").hidden = !isNone;
  choose(found.includes(chosen) ? chosen : found[0] || null);
}

search.addEventListener("input", filter);

// --- Choose

function choose(option) {
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  if (option !== chosen) fallback.value = "";
  chosen = option;
  insertButton.disabled = !option;
  form.querySelector(".pick-options").hidden = !option;
  if (!option) return search.removeAttribute("aria-activedescendant");
  search.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
  for (const part of form.querySelectorAll("[data-for-fallback]")) {
    part.hidden = option.dataset.kind === "link";
  }
  offerFormats(option.dataset.kind);
  showCode();
}

function offerFormats(kind) {
  const formats = list.querySelector(`template[data-formats="${kind}"]`);
  form.querySelector("[data-for-format]").hidden = !formats;
  if (format.dataset.kind === kind) return;
  format.dataset.kind = kind;
  format.replaceChildren(...(formats ? formats.content.cloneNode(true).children : []));
}

list.addEventListener("click", (event) => {
  const option = event.target.closest(".pick-option");
  if (option) choose(option);
});
list.addEventListener("dblclick", (event) => {
  if (event.target.closest(".pick-option")) form.requestSubmit(insertButton);
});

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
search.addEventListener("keydown", (event) => {
  const found = shownOptions();
  if (!(event.key in STEPS) || !found.length) return;
  event.preventDefault();
  const at = found.indexOf(chosen);
  const next = at < 0 && STEPS[event.key] < 0 ? found.length - 1 : at + STEPS[event.key];
  choose(found[Math.min(Math.max(next, 0), found.length - 1)]);
});

// --- The tag as it will be written

// Quotes would end the text of the fallback, and braces the tag.
const plain = (text) => text.replace(/["\\{}]/g, "").trim();

function result() {
  const words = chosen.dataset.kind === "link" ? "" : plain(fallback.value);
  const tag = format.value ? `${chosen.dataset.tag} | ${format.value}` : chosen.dataset.tag;
  const text = words ? `{{ ${tag} or "${words}" }}` : `{{ ${tag} }}`;
  return { tag, fallback: words, label: chosen.dataset.label, kind: chosen.dataset.kind, text };
}

function showCode() {
  form.querySelector(".pick-code").textContent = result().text;
}
form.addEventListener("input", () => chosen && showCode());

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!chosen || !settle) return;
  const picked = result();
  const done = settle;
  settle = null;
  dialog.close();
  done(picked);
});
dialog.addEventListener("close", () => settle && settle(null));
