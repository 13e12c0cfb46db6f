// The calendar by keyboard: arrow keys move between days, Page Up and Page Down between months.

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const MONTHS = { PageUp: "prev", PageDown: "next" };
const days = [...document.querySelectorAll(".day")];

function follow(link) {
  if (link) window.location.assign(link.href);
}

function goToMonth(rel) {
  follow(document.querySelector(`.calendar-head a[rel="${rel}"]`));
}

function focusOn(day) {
  days.forEach((other) => { other.tabIndex = other === day ? 0 : -1; });
  day.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [role=menu], .dropdown-menu, dialog")) return;
  if (event.key === "t") document.querySelector("[data-today]").click();
  if (!days.length) return;
  if (event.key in MONTHS) {
    event.preventDefault();
    goToMonth(MONTHS[event.key]);
  }
  const day = event.target.closest(".day");
  if (day) moveFrom(day, event);
});

function moveFrom(day, event) {
  const at = days.indexOf(day), step = STEPS[event.key];
  if (step) {
    event.preventDefault();
    if (days[at + step]) focusOn(days[at + step]);
    else goToMonth(step < 0 ? "prev" : "next");
  } else if (event.key === "Home" || event.key === "End") {
    event.preventDefault();
    focusOn(days[at - (at % 7) + (event.key === "End" ? 6 : 0)]);
  } else if (event.key === "Enter" && event.target === day) {
    // A single entry opens; for several, the list of that day does.
    const entries = day.querySelectorAll(".entry");
    follow(entries.length === 1 ? entries[0] : day.querySelector(".day-count"));
  }
}
