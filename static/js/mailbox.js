// The list stays where it is: while it refreshes itself, and when another message is opened.
(function () {
  "use strict";
  var box = document.getElementById("mailbox-scroll");
  if (!box) return;
  var KEY = "mailbox-place";
  var anchor = null;

  // Which list this is: the same search, the same page.
  function place() {
    var query = new URLSearchParams(window.location.search);
    return ["q", "before", "after"].map(function (name) { return query.get(name) || ""; }).join("|");
  }

  // Opening a message loads a page; its list begins where the one before it was.
  window.addEventListener("pagehide", function () {
    window.sessionStorage.setItem(KEY, JSON.stringify({ place: place(), top: box.scrollTop }));
  });
  var kept = JSON.parse(window.sessionStorage.getItem(KEY) || "null");
  if (kept && kept.place === place()) box.scrollTop = kept.top;
  var chosen = box.querySelector("[aria-current]");
  if (chosen && window.matchMedia("(min-width: 992px)").matches) chosen.scrollIntoView({ block: "nearest" });

  // On a narrow screen the list is as long as it is, and the page scrolls.
  function scroller() {
    return window.getComputedStyle(box).overflowY === "auto" ? box : document.scrollingElement;
  }

  // Nobody looks at a hidden page: it need not ask.
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.id === "mailbox-list" && document.hidden) event.preventDefault();
  });

  // New mail comes in above; the row that was at the top of the view stays there.
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (event.target.id !== "mailbox-list") return;
    anchor = null;
    if (scroller().scrollTop === 0) return;
    var top = Math.max(0, box.getBoundingClientRect().top);
    Array.prototype.some.call(box.querySelectorAll(".mailbox-row"), function (row) {
      var at = row.getBoundingClientRect().top;
      if (at < top) return false;
      anchor = { id: row.id, at: at };
      return true;
    });
  });
  document.addEventListener("htmx:afterSwap", function () {
    var row = anchor && document.getElementById(anchor.id);
    if (row) scroller().scrollTop += row.getBoundingClientRect().top - anchor.at;
    anchor = null;
  });

  // j and k, or the arrows inside the list, go to the next and the previous message.
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    var inList = box.contains(event.target);
    var step = event.key === "j" || (inList && event.key === "ArrowDown") ? 1
      : event.key === "k" || (inList && event.key === "ArrowUp") ? -1 : 0;
    if (!step) return;
    var rows = Array.prototype.slice.call(box.querySelectorAll(".mailbox-row"));
    var from = rows.indexOf(document.activeElement);
    if (from < 0) from = rows.indexOf(box.querySelector("[aria-current]"));
    var next = rows[from < 0 ? 0 : from + step];
    if (next) { event.preventDefault(); next.focus(); }
  });
})();
