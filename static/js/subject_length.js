// The length of the subject as a recipient sees it: merge tags count as what they become.

const subject = document.getElementById("subject");
const place = document.querySelector('[data-gauge-for="subject"]');
const words = JSON.parse(subject.form.dataset.words);
const rendered = new Map(); // what the server made of a subject, by its source

// Until the server has rendered it: the fallback of `{{ name or "friend" }}`, else nothing.
function guess(source) {
  return source
    .replace(/\{%.*?%\}/g, "")
    .replace(/\{\{.*?\bor\s*(["'])(.*?)\1\s*\}\}/g, "$2")
    .replace(/\{\{.*?\}\}/g, "");
}

function showLength() {
  const source = subject.value.trim();
  const text = rendered.has(source) ? rendered.get(source) : guess(source);
  const length = Array.from(text.trim()).length;
  const low = Number(place.dataset.low), high = Number(place.dataset.high);
  const kind = length === 1 ? "one_character" : length < low ? "too_short" : length > high ? "too_long" : "characters";
  place.querySelector("meter").value = Math.min(length, 100);
  place.querySelector("span").textContent = length ? words[kind].replace("{count}", length) : "";
}

subject.addEventListener("input", showLength);
subject.form.addEventListener("restored", showLength);
document.addEventListener("htmx:afterSettle", (event) => {
  const shown = event.target.id === "preview-head" && event.target.querySelector("[data-subject]");
  if (!shown) return;
  rendered.set(shown.dataset.source, shown.dataset.subject);
  showLength();
});
showLength();
