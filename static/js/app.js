// Shared by all pages behind the login. Pages declare what they want by data attributes.
import "./dialogs.js";
import "./forms.js";
import { toast } from "./toast.js";

// htmx requests carry the CSRF token of the page.
document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = document.body.dataset.csrf;
});

// A failed request shows a message, which says that nothing was lost.
document.addEventListener("htmx:responseError", (event) => {
  const words = document.body.dataset;
  toast(event.detail.xhr.status === 429 ? words.tooMany : words.requestFailed, "danger");
});
document.addEventListener("htmx:sendError", () => {
  toast(document.body.dataset.serverAway, "danger");
});

// Elements with data-poll do not poll while the page is hidden.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-poll]")) event.preventDefault();
});

// An answer that reloads the page waits while a dialog is open; the next poll brings it again.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const isReload = event.detail.xhr.getResponseHeader("HX-Refresh");
  if (isReload && document.querySelector("dialog[open]")) event.preventDefault();
});

// On a phone the tabs are wider than the screen: show the current one.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentNode.scrollLeft = tab.offsetLeft - tab.parentNode.offsetLeft - 16;

// On a phone Escape closes the menu.
document.addEventListener("keydown", (event) => {
  const menu = document.getElementById("sidebar");
  if (event.key !== "Escape" || !menu || !menu.classList.contains("show")) return;
  const toggle = document.querySelector('[data-bs-target="#sidebar"]');
  toggle.click();
  toggle.focus();
});

// data-copy="text" puts the text on the clipboard.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  navigator.clipboard.writeText(button.dataset.copy).then(() => toast(document.body.dataset.copied));
});

// "/" goes to the search box of the page.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  // In the code editor, the target is only the element around its shadow root.
  if (event.composedPath()[0].closest("input, textarea, select, [contenteditable]")) return;
  const box = document.querySelector("input[type=search]");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});
