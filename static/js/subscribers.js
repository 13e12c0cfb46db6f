// Selecting rows of the table, and attribute rows of the form.

const ticks = (form) => Array.from(form.querySelectorAll(".row-tick"));

function show(form) {
  const all = ticks(form), count = all.filter((tick) => tick.checked).length;
  form.querySelector("[data-bulk-count]").textContent = form.dataset.selected.replace("{count}", count);
  const master = form.querySelector("[data-tick-all]");
  master.checked = count > 0 && count === all.length;
  master.indeterminate = count > 0 && count < all.length;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest(".bulk-form");
  if (!form || !event.target.matches("[data-tick-all], .row-tick")) return;
  if (event.target.matches("[data-tick-all]")) {
    ticks(form).forEach((tick) => { tick.checked = event.target.checked; });
  }
  show(form);
});

// Coming back by the browser's button, rows may still be selected.
window.addEventListener("pageshow", () => document.querySelectorAll(".bulk-form").forEach(show));

// One more attribute row; the rows without a name are not saved.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-add-attribute]")) {
    const rows = document.getElementById("attribute-rows");
    rows.append(document.getElementById("attribute-row").content.cloneNode(true));
    rows.lastElementChild.querySelector("input").focus();
  }
  const remove = event.target.closest("[data-remove-attribute]");
  if (remove) remove.closest(".attribute-row").remove();
});
