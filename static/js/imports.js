// The upload's progress bar, and the parts of the mapping that show only when chosen.
(function () {
  "use strict";

  // Without this script the form is sent as any other.
  var form = document.querySelector("[data-upload]");
  if (form) form.addEventListener("submit", function (event) {
    event.preventDefault();
    send(form);
  });

  function send(form) {
    var request = new XMLHttpRequest();
    var box = form.querySelector("[data-upload-progress]");
    var button = form.querySelector("button[type=submit]");
    button.disabled = true;
    box.hidden = false;
    document.getElementById("upload-problem").replaceChildren();
    request.upload.addEventListener("progress", function (event) {
      if (!event.lengthComputable) return;
      var share = Math.floor(100 * event.loaded / event.total);
      box.querySelector("progress").value = share;
      box.querySelector("[data-upload-text]").textContent = share < 100 ? share + "%" : "Looking at the file …";
    });
    request.addEventListener("load", function () {
      if (request.status < 400) { window.location.assign(request.responseURL); return; }
      var answer = new DOMParser().parseFromString(request.responseText, "text/html");
      var problem = answer.querySelector("#upload-problem .alert");
      failed(problem ? document.importNode(problem, true) : message("The upload failed (" + request.status + "). Please try again."));
    });
    request.addEventListener("error", function () {
      failed(message("The connection broke during the upload. Nothing was kept of it; please try again."));
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
    var node = document.createElement("div");
    node.className = "alert alert-danger";
    node.setAttribute("role", "alert");
    node.textContent = text;
    return node;
  }

  function arrange() {
    var list = document.querySelector("[data-list-choice]");
    if (list) {
      var isNew = list.value === "new";
      document.querySelector("[data-new-list]").hidden = !isNew;
      document.getElementById("list_name").required = isNew;
    }
    document.querySelectorAll("[data-column]").forEach(function (row) {
      row.querySelector("[data-attribute]").hidden = row.querySelector("[data-role]").value !== "attribute";
    });
    document.querySelectorAll("[data-values-of]").forEach(function (section) {
      var role = document.querySelector("[name=column_" + section.dataset.valuesOf + "]");
      section.hidden = role.value !== "status";
      section.querySelectorAll("[name]").forEach(function (field) { field.disabled = section.hidden; });
    });
    allowStart();
  }

  function allowStart() {
    var start = document.querySelector("[data-start]");
    if (!start) return;
    var roles = Array.from(document.querySelectorAll("[data-role]"));
    var can = roles.filter(function (role) { return role.value === "address"; }).length === 1;
    start.disabled = !can;
    document.querySelector("[data-can-start]").hidden = !can;
    document.querySelector("[data-cannot-start]").hidden = can;
  }
  document.addEventListener("change", arrange);
  document.addEventListener("htmx:afterSwap", arrange);
  arrange();
})();
