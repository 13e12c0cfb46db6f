// Dialogs that pages declare by data attributes: see templates/components/dialogs.html.

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open]");
  if (opener) open(document.querySelector(opener.dataset.open));
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
});

function open(dialog) {
  if (!dialog.open) dialog.showModal();
}

// A form with data-confirm is sent only after the dialog has asked. The capture phase comes before
// htmx and every other listener, so none of them sees a form that nobody has confirmed.
const confirmed = new WeakSet();

document.addEventListener("submit", (event) => {
  const form = event.target, dialog = document.getElementById("confirm-dialog");
  if (!form.dataset.confirm || !dialog || confirmed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(dialog, form, event.submitter);
}, true);

function ask(dialog, form, submitter) {
  const words = submitter ? submitter.textContent.trim() : "";
  const button = dialog.querySelector("[data-confirmed]");
  dialog.querySelector("#confirm-title").textContent = form.dataset.confirmTitle || words;
  dialog.querySelector("#confirm-text").textContent = form.dataset.confirm;
  button.textContent = words;
  button.className = "btn " + ("confirmDanger" in form.dataset ? "btn-danger" : "btn-primary");
  button.onclick = () => {
    dialog.close();
    // A part of the page that polls may have been replaced while the dialog was open.
    if (!form.isConnected) {
      form.hidden = true;
      document.body.append(form);
    }
    confirmed.add(form);
    form.requestSubmit(submitter);
  };
  dialog.showModal();
}
