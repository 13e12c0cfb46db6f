// Selecting rows of the table, and attribute rows of the form.

const ticks = (form) => Array.from(form.querySelectorAll(".row-tick"));

function show(form) {
  const all = ticks(form), count = all.filter((tick) => tick.checked).length;
  form.querySelector("[data-bulk-count]").textContent = form.dataset.selected.replace("{count}", count);
  const master = form.querySelector("[data-tick-all]");
  master.checked = count > 0 && count === all.length;
  master.indeterminate = count > 0 && count < all.length;
  offerMatching(form, master.checked);
}

// With the whole page selected, everyone who matches can be, on all pages. Counting them takes a
// second among a million, so it waits until then.
function offerMatching(form, isWholePage) {
  form.elements.all.value = "";
  const offer = form.querySelector("[data-matching]");
  if (!offer) return;
  if (isWholePage && offer.hidden) window.htmx.trigger(offer, "count-matching");
  offer.hidden = !isWholePage;
  form.querySelector("[data-clear-selection]").hidden = true;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-select-matching], [data-clear-selection]");
  if (!button) return;
  const form = button.closest(".bulk-form");
  if (button.matches("[data-clear-selection]")) {
    ticks(form).forEach((tick) => { tick.checked = false; });
    show(form);
    form.querySelector("[data-tick-all]").focus();
    return;
  }
  form.elements.all.value = "1";
  form.querySelector("[data-bulk-count]").textContent = button.dataset.selectMatching;
  form.querySelector("[data-matching]").hidden = true;
  const clear = form.querySelector("[data-clear-selection]");
  clear.hidden = false;
  clear.focus();
});

// In a dialog, Enter does what its blue button does, not what the first button of the form does.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".bulk-form dialog input")) return;
  event.preventDefault();
  event.target.closest("dialog").querySelector(".btn-primary").click();
});

document.addEventListener("change", (event) => {
  const form = event.target.closest(".bulk-form");
  if (!form || !event.target.matches("[data-tick-all], .row-tick")) return;
  if (event.target.matches("[data-tick-all]")) {
    ticks(form).forEach((tick) => { tick.checked = event.target.checked; });
  }
  show(form);
});

// After the browser's back button, rows may still be selected.
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
