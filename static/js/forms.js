// What forms of all pages do.

// A form is sent once: its buttons rest while the answer is on its way.
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

// The answer to a form, such as what was wrong in it, stands in the history as a page: going
// back to it, or loading it again, sends nothing a second time.
window.history.replaceState(window.history.state, "", window.location.href);

// data-autosubmit: a filter that acts as soon as it is changed.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
});
