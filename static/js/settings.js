// Settings: fill in what is known of a provider; show what matters for the choice made.
const form = document.getElementById("provider-form");
if (form) {
  const preset = document.getElementById("preset");
  if (preset) {
    document.getElementById("preset-box").hidden = false;
    preset.addEventListener("change", () => { fillIn(preset.selectedOptions[0]); });
  }
  form.addEventListener("change", showWhatMatters);
  form.addEventListener("input", showWhatMatters);
  showWhatMatters();
}

function fillIn(option) {
  document.getElementById("preset-note").textContent = option.dataset.note || "";
  if (!option.value) return;
  const known = option.dataset;
  form.elements.host.value = known.host;
  form.elements.port.value = known.port;
  form.elements.security.value = known.security;
  form.elements.username.value = known.username;
  form.elements.token_url.value = known.tokenUrl;
  form.elements.token_scope.value = known.tokenScope;
  if (!known.tokenUrl) form.elements.auth.value = "password";
  form.elements.per_second.value = known.perSecond;
  form.elements.per_minute.value = known.perMinute;
  form.elements.per_hour.value = known.perHour;
  form.elements.per_day.value = known.perDay;
  form.elements.connections.value = known.connections;
  form.elements.messages_per_connection.value = known.messagesPerConnection;
  form.elements.rewrites_return_path.checked = known.rewrites === "1";
  // A name that was typed by hand stays.
  const name = form.elements.name, filled = form.dataset.filledName || "";
  if (!name.value || name.value === filled) name.value = form.dataset.filledName = known.name;
  showWhatMatters();
}

function showWhatMatters() {
  showUnencrypted();
  form.querySelectorAll("[data-shown-for]").forEach((part) => {
    part.hidden = part.dataset.shownFor !== form.elements.auth.value;
  });
}

// The warning belongs to servers elsewhere: on this machine nobody listens on the way.
function showUnencrypted() {
  const host = form.elements.host.value.trim().toLowerCase();
  const isHere = host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
  document.getElementById("unencrypted-box").hidden = form.elements.security.value !== "none" || isHere;
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

// While a workspace is set up, its time zone is the browser's unless somebody has chosen one.
const zone = document.querySelector("[data-browser-zone] input");
if (zone && zone.value === "UTC") {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const known = Array.from(zone.list.options, (option) => option.value);
  if (known.includes(own)) zone.value = own;
}
