// The lists of a campaign: each is either sent to or excluded.

const form = document.getElementById("campaign-form");

form.addEventListener("input", (event) => {
  const box = event.target;
  if (box.checked && (box.name === "include" || box.name === "exclude")) uncheckTwin(box);
  if (box.matches("[data-filter-chips]")) filter(box);
});

function uncheckTwin(box) {
  const other = box.name === "include" ? "exclude" : "include";
  form.querySelectorAll(`input[name=${other}]`).forEach((twin) => {
    if (twin.value === box.value) twin.checked = false;
  });
}

function filter(input) {
  const text = input.value.trim().toLowerCase();
  input.parentElement.querySelectorAll(".chip").forEach((chip) => {
    chip.hidden = !chip.textContent.toLowerCase().includes(text) && !chip.firstElementChild.checked;
  });
}
