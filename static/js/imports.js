// The upload's progress bar, and the parts of the mapping that show only when chosen.
// Without this script the form is sent as any other.
const upload = document.querySelector("[data-upload]");
if (upload) upload.addEventListener("submit", (event) => {
  event.preventDefault();
  send(upload);
});

function send(form) {
  const request = new XMLHttpRequest();
  const box = form.querySelector("[data-upload-progress]");
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  box.hidden = false;
  document.getElementById("upload-problem").replaceChildren();
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const share = Math.floor(100 * event.loaded / event.total);
    box.querySelector("progress").value = share;
    box.querySelector("[data-upload-text]").textContent = share < 100 ? `${share}%` : form.dataset.reading;
  });
  request.addEventListener("load", () => {
    if (request.status < 400) { window.location.assign(request.responseURL); return; }
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const problem = answer.querySelector("#upload-problem .alert");
    failed(problem ? document.importNode(problem, true) : message(form.dataset.failed));
  });
  request.addEventListener("error", () => {
    failed(message(form.dataset.broken));
  });
  request.open("POST", form.action);
  request.send(new FormData(form));

  function failed(node) {
    document.getElementById("upload-problem").replaceChildren(node);
    button.disabled = false;
    box.hidden = true;
  }
}

function message(text) {
  const node = document.createElement("div");
  node.className = "alert alert-danger";
  node.setAttribute("role", "alert");
  node.textContent = text;
  return node;
}

function arrange() {
  const list = document.querySelector("[data-list-choice]");
  if (list) {
    const isNew = list.value === "new";
    document.querySelector("[data-new-list]").hidden = !isNew;
    document.getElementById("list_name").required = isNew;
  }
  document.querySelectorAll("[data-column]").forEach((row) => {
    const role = row.querySelector("[data-role]"), type = role.selectedOptions[0].dataset.type;
    row.querySelector("[data-attribute]").hidden = role.value !== "attribute";
    row.querySelectorAll("[data-notation]").forEach((choice) => {
      choice.hidden = choice.dataset.notation !== type;
      choice.disabled = choice.hidden;
    });
  });
  document.querySelectorAll("[data-values-of]").forEach((section) => {
    const role = document.querySelector("[name=column_" + section.dataset.valuesOf + "]");
    section.hidden = role.value !== "status";
    section.querySelectorAll("[name]").forEach((field) => { field.disabled = section.hidden; });
  });
  allowStart();
}

function allowStart() {
  const start = document.querySelector("[data-start]");
  if (!start) return;
  const roles = Array.from(document.querySelectorAll("[data-role]"));
  const can = roles.filter((role) => { return role.value === "address"; }).length === 1;
  start.disabled = !can || waiting > 0;
  document.querySelector("[data-can-start]").hidden = !can;
  document.querySelector("[data-cannot-start]").hidden = can;
}

// While the file is read again, the previous columns are inert; they are still sent.
let waiting = 0;
function wait(change, { detail }) {
  if (detail.target.id !== "preview") return;
  waiting += change;
  detail.target.querySelectorAll(":scope > :not(.import-grid)").forEach((part) => { part.inert = waiting > 0; });
  allowStart();
}
document.addEventListener("htmx:beforeRequest", (event) => wait(1, event));
document.addEventListener("htmx:afterRequest", (event) => wait(-1, event));
document.addEventListener("change", arrange);
document.addEventListener("htmx:afterSwap", arrange);
arrange();
