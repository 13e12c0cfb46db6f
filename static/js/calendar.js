// The calendar by keyboard: from day to day by the arrows, from month to month by the page keys.
(function () {
  "use strict";

  var STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
  var days = Array.from(document.querySelectorAll(".day"));

  function go(rel) {
    var link = document.querySelector('a[rel="' + rel + '"]');
    if (link) window.location.assign(link.href);
  }

  function focusOn(day) {
    days.forEach(function (other) { other.tabIndex = other === day ? 0 : -1; });
    day.focus();
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [role=menu], .dropdown-menu")) return;
    if (event.key === "t") document.querySelector("[data-today]").click();
    if (!days.length) return;
    if (event.key === "PageUp" || event.key === "PageDown") {
      event.preventDefault();
      go(event.key === "PageUp" ? "prev" : "next");
    }
    var day = event.target.closest(".day");
    if (!day) return;
    var at = days.indexOf(day);
    if (event.key in STEPS) {
      event.preventDefault();
      var next = days[at + STEPS[event.key]];
      if (next) focusOn(next); else go(STEPS[event.key] < 0 ? "prev" : "next");
    } else if (event.key === "Home" || event.key === "End") {
      event.preventDefault();
      focusOn(days[at - (at % 7) + (event.key === "End" ? 6 : 0)]);
    } else if (event.key === "Enter" && event.target === day) {
      // One entry is opened; of several one chooses in the list of that day.
      var entries = day.querySelectorAll(".entry");
      var link = entries.length === 1 ? entries[0] : day.querySelector(".day-count");
      if (link) window.location.assign(link.href);
    }
  });
})();
