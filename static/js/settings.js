// Settings: fill in what is known about a provider; show what matters for the choice made.
const form = document.getElementById("provider-form");
if (form) {
  const preset = document.getElementById("preset");
  if (preset) {
    document.getElementById("preset-box").hidden = false;
    preset.addEventListener("change", () => { fillIn(preset.selectedOptions[0]); });
  }
  form.addEventListener("change", showWhatMatters);
  form.addEventListener("input", showWhatMatters);
  // The browser cannot point at an invalid value in a closed group.
  form.addEventListener("invalid", ({ target }) => {
    const group = target.closest("details");
    if (group) group.open = true;
  }, true);
  showWhatMatters();
}

function fillIn(option) {
  document.getElementById("preset-note").textContent = option.dataset.note || "";
  if (!option.value) return;
  const values = Object.entries(JSON.parse(option.dataset.values));
  const changed = values.map(([name, value]) => put(form.elements[name], value)).filter(Boolean);
  // A name that was typed by hand stays.
  const name = form.elements.name, filled = form.dataset.filledName || "";
  if (!name.value || name.value === filled) name.value = form.dataset.filledName = option.dataset.name;
  showWhatMatters();
  changed.forEach(showGroup);
}

// Returns the control if that changed it.
function put(control, value) {
  const key = typeof value === "boolean" ? "checked" : "value", before = String(control[key]);
  control[key] = value;
  return before !== String(value) ? control[0] || control : null;
}

// Open the group of a control that was filled in, if the choice made needs it.
function showGroup(control) {
  const group = control.closest("details");
  if (group && !control.closest("[hidden]")) group.open = true;
}

function showWhatMatters() {
  form.querySelectorAll("[data-shown-if]").forEach((part) => {
    const conditions = Object.entries(JSON.parse(part.dataset.shownIf));
    part.hidden = !conditions.every(([name, pattern]) =>
      new RegExp(`^(?:${pattern})$`, "i").test(form.elements[name].value.trim()));
  });
}

// The password is asked for only when the address changes.
const password = document.getElementById("profile-password");
if (password) {
  const address = document.getElementById("profile-form").elements.address;
  const showPassword = () => {
    const isSame = address.value.trim().toLowerCase() === password.dataset.address.toLowerCase();
    password.hidden = isSame && !password.querySelector(".is-invalid");
  };
  address.addEventListener("input", showPassword);
  showPassword();
}

// While a workspace is set up, its time zone is the browser's unless someone has chosen one.
const zone = document.querySelector("[data-browser-zone] input");
if (zone && zone.value === "UTC") {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = Array.from(zone.list.options, (option) => option.value);
  if (known.includes(own)) zone.value = own;
}
