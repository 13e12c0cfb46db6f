// Short messages in the corner of the page.

const SECONDS = 8;

export function toast(text, kind = "info") {
  const box = document.getElementById("toasts");
  if (!box) return;
  const item = document.createElement("div");
  item.className = `app-toast app-toast-${kind}`;
  item.textContent = text;
  box.replaceChildren(item);
  hideLater(item);
}

// A toast stays for as long as someone points at it or has the keyboard focus in it.
function hideLater(item) {
  item.dataset.hiding = "";
  const timer = window.setInterval(() => {
    if (item.matches(":hover, :focus-within")) return;
    window.clearInterval(timer);
    item.remove();
  }, SECONDS * 1000);
}

document.querySelectorAll("[data-toast]").forEach(hideLater);
// Toasts that come with the answer to an htmx request.
document.addEventListener("htmx:oobAfterSwap", (event) => {
  event.detail.target.querySelectorAll("[data-toast]:not([data-hiding])").forEach(hideLater);
});
document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-toast-close]");
  if (close) close.closest("[data-toast]").remove();
});
