// What forms of all pages do.

// A form is sent once: its buttons are disabled until the answer arrives.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("data-many") || form.method !== "post") return;
  window.setTimeout(() => {
    form.querySelectorAll("button:not([type=button])").forEach((button) => { button.disabled = true; });
  });
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("form button:disabled").forEach((button) => { button.disabled = false; });
});

// The answer to a form, such as what was wrong in it, is in the history as a page: going
// back to it, or loading it again, sends nothing a second time.
window.history.replaceState(window.history.state, "", window.location.href);

// data-autosubmit: a filter that acts as soon as it is changed.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});

// data-keep-typed: a part of the page that the server renders again. What is entered there meanwhile, into
// inputs with an id and into checkboxes, is entered into the new one.
const entered = new Map();
const isTick = (input) => input.matches("[type=checkbox], [type=radio]");
const keyOf = (input) => (isTick(input) ? `${input.name}=${input.value}` : input.id);
document.addEventListener("input", ({ target }) => {
  if (target.closest("[data-keep-typed]") && target.matches("input, select, textarea")) {
    entered.set(keyOf(target), isTick(target) ? target.checked : target.value);
  }
});
document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.matches("[data-keep-typed]")) entered.clear();
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!detail.target.matches("[data-keep-typed]") || !entered.size) return;
  document.querySelectorAll("[data-keep-typed] :is(input, select, textarea)").forEach((input) => {
    if (!entered.has(keyOf(input))) return;
    const value = entered.get(keyOf(input));
    if (isTick(input)) input.checked = value;
    else if (!input.options || [...input.options].some((option) => option.value === value)) input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
});
