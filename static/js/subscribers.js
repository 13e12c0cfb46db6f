// Ticking rows of the table, and attribute rows of the form.
(function () {
  "use strict";

  function ticks(form) { return Array.from(form.querySelectorAll(".row-tick")); }

  function show(form) {
    var all = ticks(form), ticked = all.filter(function (tick) { return tick.checked; }).length;
    form.querySelector("[data-bulk-count]").textContent = ticked + " ticked";
    var master = form.querySelector("[data-tick-all]");
    master.checked = ticked > 0 && ticked === all.length;
    master.indeterminate = ticked > 0 && ticked < all.length;
  }

  document.addEventListener("change", function (event) {
    var form = event.target.closest(".bulk-form");
    if (!form) return;
    if (event.target.matches("[data-tick-all]")) {
      ticks(form).forEach(function (tick) { tick.checked = event.target.checked; });
    }
    if (event.target.matches("[data-tick-all], .row-tick")) show(form);
  });

  // Coming back by the browser's button, ticks may still be there.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll(".bulk-form").forEach(show);
  });

  // One more attribute row; the rows without a name are not saved.
  document.addEventListener("click", function (event) {
    var more = event.target.closest("[data-add-attribute]");
    if (more) {
      var template = document.getElementById("attribute-row");
      var rows = document.getElementById("attribute-rows");
      rows.append(template.content.cloneNode(true));
      rows.lastElementChild.querySelector("input").focus();
    }
    var less = event.target.closest("[data-remove-attribute]");
    if (less) less.closest(".attribute-row").remove();
  });
})();
