// The rule of a recurring campaign follows its first date, until someone chooses otherwise.

const date = document.getElementById("date");
const weekdays = [...document.querySelectorAll("[name=weekday]")];
const monthDay = document.querySelector("[name=month_day]");
const nthWeekday = document.querySelector("[name=nth_weekday]");
let before = parts(date.value);

function parts(value) {
  const [year, month, day] = value.split("-").map(Number);
  if (!day) return null;
  return { weekday: String((new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7), day: String(day) };
}

date.addEventListener("change", () => {
  const now = parts(date.value);
  if (!now) return;
  const chosen = weekdays.filter((box) => box.checked).map((box) => box.value);
  if (!before || chosen.join() === before.weekday) {
    weekdays.forEach((box) => { box.checked = box.value === now.weekday; });
  }
  if (!before || monthDay.value === before.day) monthDay.value = now.day;
  if (!before || nthWeekday.value === before.weekday) nthWeekday.value = now.weekday;
  before = now;
});
