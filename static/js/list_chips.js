// The lists and segments of a campaign: each is either sent to or excluded.

const form = document.getElementById("campaign-form");
const NAMES = ["include", "exclude", "include_segment", "exclude_segment"];

form.addEventListener("input", (event) => {
  const box = event.target;
  if (box.checked && NAMES.includes(box.name)) uncheckTwin(box);
  if (box.matches("[data-filter-chips]")) filter(box);
});

function uncheckTwin(box) {
  const [from, to] = box.name.startsWith("include") ? ["include", "exclude"] : ["exclude", "include"];
  boxes(form, box.name.replace(from, to), box.value).forEach((twin) => { twin.checked = false; });
}

function boxes(within, name, value) {
  return [...within.querySelectorAll(`input[name=${name}]`)].filter((box) => box.value === value);
}

function filter(input) {
  const text = input.value.trim().toLowerCase();
  input.parentElement.querySelectorAll(".chips-shown .chip").forEach((chip) => {
    chip.hidden = !chip.textContent.toLowerCase().includes(text) && !chip.firstElementChild.checked;
  });
  hideEmptyGroups(input.parentElement);
}

function hideEmptyGroups(within) {
  within.querySelectorAll(".chip-group").forEach((group) => {
    group.hidden = !group.querySelector(".chip:not([hidden])");
  });
}

// The server finds what is not shown. What was chosen there stays when the next answer arrives.
form.addEventListener("htmx:beforeSwap", ({ target }) => {
  if (!target.matches(".chips-found")) return;
  const shown = target.previousElementSibling;
  target.querySelectorAll(".chip-group").forEach((group) => {
    if (group.querySelector("input:checked")) shown.append(group);
    group.querySelectorAll("input:not(:checked)").forEach((box) => box.parentElement.remove());
  });
});
form.addEventListener("htmx:afterSwap", ({ target }) => {
  if (!target.matches(".chips-found")) return;
  const shown = target.previousElementSibling;
  target.querySelectorAll("input").forEach((box) => {
    if (boxes(shown, box.name, box.value).length) box.parentElement.remove();
  });
  hideEmptyGroups(target);
});
