// Small behaviours that many pages share. Pages declare them by data attributes.
(function () {
  "use strict";

  // htmx requests carry the CSRF token of the page.
  document.addEventListener("htmx:configRequest", function (event) {
    event.detail.headers["X-CSRFToken"] = document.body.dataset.csrf;
  });

  // A request that failed says so, and says that nothing was lost.
  document.addEventListener("htmx:responseError", function (event) {
    toast(event.detail.xhr.status === 429
      ? "Too many requests. Please wait a moment."
      : "That did not work. What you typed is still here; please try again.", "danger");
  });
  document.addEventListener("htmx:sendError", function () {
    toast("The server cannot be reached. What you typed is still here.", "danger");
  });

  function toast(text, kind) {
    var box = document.getElementById("toasts");
    if (!box) return;
    var item = document.createElement("div");
    item.className = "app-toast app-toast-" + (kind || "info");
    item.textContent = text;
    box.replaceChildren(item);
    window.setTimeout(function () { item.remove(); }, 7000);
  }
  window.campaignsToast = toast;

  // data-confirm="Question?" asks before a form is sent.
  document.addEventListener("submit", function (event) {
    var question = event.target.getAttribute("data-confirm");
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A form is sent once: its buttons rest while the answer is on its way.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.hasAttribute("data-many") || form.method !== "post") return;
    window.setTimeout(function () {
      form.querySelectorAll("button:not([type=button])").forEach(function (button) { button.disabled = true; });
    });
  });
  window.addEventListener("pageshow", function (event) {
    if (!event.persisted) return;
    document.querySelectorAll("form button:disabled").forEach(function (button) { button.disabled = false; });
  });

  // The answer to a form, such as what was wrong in it, stands in the history as a page: going
  // back to it, or loading it again, sends nothing a second time.
  window.history.replaceState(window.history.state, "", window.location.href);

  // data-autosubmit: a filter that acts as soon as it is changed.
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
  });

  // On a phone the tabs of the settings are wider than the screen: show the current one.
  var tab = document.querySelector(".settings-tabs [aria-current]");
  if (tab) tab.parentNode.scrollLeft = tab.offsetLeft - tab.parentNode.offsetLeft - 16;

  // data-copy="text" puts the text on the clipboard.
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () { toast("Copied."); });
  });

  // "/" goes to the search box of the page.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    var box = document.querySelector("input[type=search]");
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  });
})();
