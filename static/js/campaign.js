// The campaign pages: a form that saves itself, the preview, the dialogs, the typed number.
(function () {
  "use strict";

  // ---- Dialogs ------------------------------------------------------------------------------
  document.addEventListener("click", function (event) {
    var opener = event.target.closest("[data-open]");
    if (opener) document.querySelector(opener.dataset.open).showModal();
    var closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
  });

  // ---- The number that is typed before many mails leave ----------------------------------------
  var typed = document.querySelector("[data-must-be]");
  if (typed) {
    var send = typed.form.querySelector(".send-button");
    var compare = function () {
      var fits = typed.value.replace(/\D/g, "") === typed.dataset.mustBe;
      if (!typed.closest("fieldset").disabled) send.disabled = !fits;
    };
    typed.addEventListener("input", compare);
    window.addEventListener("pageshow", compare);
    compare();
  }

  // ---- The preview ----------------------------------------------------------------------------
  var DESKTOP_WIDTH = 720;
  var card = document.getElementById("preview");
  var stage = card && card.querySelector(".preview-stage");
  var frame = card && card.querySelector(".preview-frame");

  function fitFrame() {
    if (!stage) return;
    if (stage.dataset.view !== "desktop" || stage.clientWidth >= DESKTOP_WIDTH) {
      frame.style.cssText = "";
      return;
    }
    // A mail knows a phone by its width: a narrow column shows the desktop one, made smaller.
    var scale = stage.clientWidth / DESKTOP_WIDTH;
    frame.style.width = DESKTOP_WIDTH + "px";
    frame.style.height = stage.clientHeight / scale + "px";
    frame.style.transform = "scale(" + scale + ")";
  }

  function reloadPreview() {
    if (!card) return;
    var address = new URL(card.dataset.preview, window.location.href);
    if (stage.dataset.view === "text") address.searchParams.set("part", "text");
    var reader = document.getElementById("reader-id").value;
    if (reader) address.searchParams.set("as", reader);
    address.searchParams.set("v", card.dataset.version);
    frame.contentWindow.location.replace(address.href); // leaves no trace in the history
  }

  function showAs(view) {
    var wasText = stage.dataset.view === "text";
    card.querySelectorAll("button[data-view]").forEach(function (button) {
      button.classList.toggle("active", button.dataset.view === view);
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    });
    stage.dataset.view = view;
    fitFrame();
    if (wasText !== (view === "text")) reloadPreview();
  }

  if (card) {
    if (stage.clientWidth < 480) showAs("phone");
    new ResizeObserver(fitFrame).observe(stage);
    card.addEventListener("click", function (event) {
      var button = event.target.closest("button[data-view]");
      if (button) showAs(button.dataset.view);
    });

    var list = document.getElementById("reader-list");
    var box = document.getElementById("reader");
    list.addEventListener("htmx:afterSwap", function () {
      list.hidden = !card.querySelector(".reader-picker").contains(document.activeElement);
    });
    // Who goes by keyboard stays near: focusing the box itself would open the list again.
    function closeReaders() {
      if (list.contains(document.activeElement)) card.querySelector("button[data-view].active").focus();
      list.hidden = true;
    }
    list.addEventListener("click", function (event) {
      var option = event.target.closest("[data-reader]");
      if (!option) return;
      document.getElementById("reader-id").value = option.dataset.reader;
      box.value = "";
      box.placeholder = option.dataset.label ? "As " + option.dataset.label : "Preview as…";
      closeReaders();
      htmx.trigger(document.body, "reader-chosen");
      reloadPreview();
    });
    document.addEventListener("click", function (event) {
      if (!event.target.closest(".reader-picker")) list.hidden = true;
    });
    card.addEventListener("keydown", function (event) {
      if (event.target === box && event.key === "Enter") event.preventDefault();
      if (event.key === "Escape") closeReaders();
      var step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
      if (!step || list.hidden || !(event.target === box || list.contains(event.target))) return;
      // Down from the box into the list and on; up from its first entry back to the box.
      event.preventDefault();
      var entries = [box].concat(Array.from(list.querySelectorAll("[data-reader]")));
      var next = entries[entries.indexOf(event.target) + step];
      if (next) next.focus();
    });
  }

  // ---- The form that saves itself --------------------------------------------------------------
  var form = document.getElementById("campaign-form");
  if (!form) return;

  var DELAY = 700;
  var RETRY = 5000;
  var KEPT = "campaign-text:" + form.dataset.campaign;
  var version = form.dataset.version;
  var saved = snapshot();
  var busy = null;
  var stopped = false; // a conflict or a lock: nothing is saved until the user has chosen
  var timer = 0;
  var state = document.getElementById("save-state");

  function snapshot() { return new URLSearchParams(new FormData(form)).toString(); }
  function isDirty() { return snapshot() !== saved; }
  function bar(id) { return document.getElementById(id + "-bar"); }

  function say(text, kind) {
    state.dataset.kind = kind;
    state.lastElementChild.textContent = text;
  }

  function keep() {
    try {
      localStorage.setItem(KEPT, JSON.stringify({ at: Date.now(), text: snapshot() }));
      return true;
    } catch (error) { return false; } // no room, or a private window
  }
  function kept() {
    try { return JSON.parse(localStorage.getItem(KEPT)); } catch (error) { return null; }
  }
  function forget() {
    try { localStorage.removeItem(KEPT); } catch (error) { /* a private window keeps nothing */ }
    bar("restore").hidden = true;
  }

  function soon(delay) {
    window.clearTimeout(timer);
    timer = window.setTimeout(save, delay);
  }

  // Resolves to whether everything on the page is saved.
  function save() {
    window.clearTimeout(timer);
    if (busy) return busy.then(function () { return save(); }); // one after the other: each builds on the version before
    if (stopped) return Promise.resolve(false);
    var text = snapshot();
    if (text === saved) { say(state.lastElementChild.textContent, "saved"); return Promise.resolve(true); }
    say("Saving…", "busy");
    busy = send(text).then(function (answer) {
      // Whoever logged in anew, in another tab, has a new session: this page takes its token.
      return answer.status === 400 ? renewToken().then(function () { return send(text); }) : answer;
    }).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (body) {
        return answered(answer.status, body, text);
      });
    }, function () {
      return notSaved("offline.", RETRY);
    }).finally(function () { busy = null; });
    return busy;
  }

  function send(text) {
    return fetch(form.action, {
      method: "POST",
      body: text + "&version=" + encodeURIComponent(version),
      headers: {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-CSRFToken": document.body.dataset.csrf,
        "HX-Request": "true",
      },
    });
  }

  function renewToken() {
    return fetch(window.location.pathname).then(function (answer) { return answer.text(); }).then(function (html) {
      var page = new DOMParser().parseFromString(html, "text/html");
      document.body.dataset.csrf = page.body.dataset.csrf || "";
    });
  }

  function answered(status, body, text) {
    if (status === 200) return wasSaved(body, text);
    if (status === 409) return ask(bar("conflict"), body);
    if (status === 423) return ask(bar("locked"), body);
    if (status === 413) return notSaved("the content is larger than 512 KB.", 0);
    if (status === 401) return notSaved("you were logged out. Log in in another tab, then save again.", 0);
    if (status < 500) return notSaved(body.message || "the server refused it.", 0);
    return notSaved((body.message || "the server has a problem.") + " Trying again.", RETRY);
  }

  function wasSaved(body, text) {
    var before = new URLSearchParams(saved);
    var after = new URLSearchParams(text);
    version = String(body.version);
    saved = text;
    if (card) card.dataset.version = version;
    forget();
    say("Saved " + body.saved_at, "saved");
    document.getElementById("campaign-title").textContent = body.title;
    document.title = body.title;
    var differs = function (name) { return before.getAll(name).join() !== after.getAll(name).join(); };
    if (differs("include") || differs("exclude")) htmx.trigger(document.body, "lists-saved");
    if (["html", "subject", "preheader", "sender", "include"].some(differs)) {
      htmx.trigger(document.body, "content-saved");
      reloadPreview();
    }
    if (isDirty()) soon(DELAY);
    return !isDirty();
  }

  function notSaved(reason, retry) {
    var comfort = keep() ? " Your text is kept here." : " Leave this page open: the browser has no room to keep your text.";
    say("Not saved: " + reason + comfort, "problem");
    if (retry) soon(retry);
    return false;
  }

  function ask(which, body) {
    stopped = true;
    keep();
    say("Not saved", "problem");
    which.dataset.version = body.version || "";
    which.querySelector("[data-message]").textContent = body.message || "";
    which.hidden = false;
    which.scrollIntoView({ block: "nearest" });
    return false;
  }

  form.addEventListener("input", function (event) {
    if (event.target.name === "include" || event.target.name === "exclude") separate(event.target);
    gauge(event.target.id);
    if (event.target.matches("[data-filter-chips]")) { filterChips(event.target); return; }
    if (stopped) { keep(); return; }
    if (!isDirty()) { say("Saved", "saved"); return; }
    say("Not saved yet", "waiting");
    soon(DELAY);
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); save(); });
  form.addEventListener("keydown", function (event) {
    if (event.key === "Enter" && event.target.matches("input[type=text], input:not([type])")) event.preventDefault();
  });
  document.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); save(); }
  });
  ["online", "focus"].forEach(function (back) {
    window.addEventListener(back, function () { if (isDirty()) save(); });
  });
  window.addEventListener("beforeunload", function (event) {
    if (!isDirty() && !busy) return;
    keep();
    event.preventDefault();
  });

  // An anchor on this page, a new tab or a download keeps the page; everything else leaves it.
  function leaves(link) {
    return !link.target && !link.hasAttribute("download") && !link.getAttribute("href").startsWith("#");
  }

  // Whoever leaves by a link, or sends a test, waits until everything is saved.
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[href]");
    if (!link || !leaves(link) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!isDirty() && !busy) return;
    event.preventDefault();
    save().then(function (done) {
      // Unsaved text holds back the next step of the campaign; elsewhere the browser asks.
      if (done || !link.hasAttribute("data-leave")) window.location.assign(link.href);
    });
  });
  document.addEventListener("htmx:confirm", function (event) {
    if (!event.target.matches("[data-after-save]") || (!isDirty() && !busy)) return;
    event.preventDefault();
    save().then(function (done) {
      if (done) event.detail.issueRequest(true);
      else document.getElementById("test-result").textContent = "Your last changes are not saved yet. Please try again in a moment.";
    });
  });

  // Whoever saved first: theirs or mine.
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-load-theirs], [data-reload]")) {
      keep();
      saved = snapshot(); // kept: leaving loses nothing
      window.location.reload();
    }
    if (event.target.closest("[data-keep-mine]")) {
      version = bar("conflict").dataset.version;
      bar("conflict").hidden = true;
      stopped = false;
      saved = null; // all of it is saved again, whatever it was before
      save();
    }
    if (event.target.closest("[data-forget]")) forget();
    if (event.target.closest("[data-restore]")) {
      fill(new URLSearchParams(kept().text));
      bar("restore").hidden = true;
      save();
    }
  });

  function fill(values) {
    Array.prototype.forEach.call(form.elements, function (element) {
      if (!element.name) return;
      if (element.type === "checkbox") element.checked = values.getAll(element.name).includes(element.value);
      else if (values.has(element.name)) element.value = values.get(element.name);
      gauge(element.id);
    });
  }

  var old = kept();
  if (old && old.text !== saved) {
    bar("restore").querySelector("[data-when]").textContent =
      new Date(old.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    bar("restore").hidden = false;
  } else if (old) {
    forget();
  }

  // ---- Lists ------------------------------------------------------------------------------------
  // A list is either sent to or left out.
  function separate(box) {
    if (!box.checked) return;
    var other = box.name === "include" ? "exclude" : "include";
    form.querySelectorAll("input[name=" + other + "]").forEach(function (twin) {
      if (twin.value === box.value) twin.checked = false;
    });
  }
  function filterChips(input) {
    var words = input.value.trim().toLowerCase();
    input.parentElement.querySelectorAll(".chip").forEach(function (chip) {
      chip.hidden = !chip.textContent.toLowerCase().includes(words) && !chip.firstElementChild.checked;
    });
  }

  // ---- The length of the subject ------------------------------------------------------------------
  function gauge(id) {
    var place = id && form.querySelector('[data-gauge-for="' + id + '"]');
    if (!place) return;
    var length = Array.from(document.getElementById(id).value.trim()).length;
    var low = Number(place.dataset.low), high = Number(place.dataset.high);
    place.querySelector("meter").value = Math.min(length, 100);
    place.querySelector("span").textContent = !length ? "" : length + (length === 1 ? " character" : " characters") +
      (length < low ? ", a little short" : length > high ? ", inboxes cut it off" : ", good");
  }
  gauge("subject");

  // ---- Writing ------------------------------------------------------------------------------------
  var editor = document.getElementById("html");

  function insert(text) {
    editor.focus();
    // execCommand keeps the browser's undo; it is the only way that does.
    if (!document.execCommand("insertText", false, text)) {
      editor.setRangeText(text, editor.selectionStart, editor.selectionEnd, "end");
      editor.dispatchEvent(new Event("input", { bubbles: true }));
    }
  }
  function escaped(text) {
    return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
  }
  // In an address a merge field stays as it is typed: quotes inside {{ }} are no attribute's end.
  function address(text) { return escaped(text.trim()).replace(/\{\{.*?\}\}/g, function (part) { return part.replace(/&quot;/g, "'"); }); }

  var SNIPPETS = {
    image: function (get) {
      return '<img src="' + address(get("url")) + '" alt="' + escaped(get("alt").trim()) +
        '" width="560" style="display:block;width:100%;max-width:560px;height:auto;border:0">';
    },
    link: function (get) {
      return '<a href="' + address(get("url")) + '">' + escaped(get("text").trim()) + "</a>";
    },
    button: function (get) {
      return '<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td style="border-radius:8px;background-color:#4f46e5">' +
        '<a href="' + address(get("url")) + '" style="display:inline-block;padding:13px 26px;font-family:Arial,sans-serif;font-size:16px;font-weight:bold;color:#ffffff;text-decoration:none">' +
        escaped(get("text").trim()) + "</a></td></tr></table>";
    },
  };

  document.addEventListener("click", function (event) {
    var field = event.target.closest("[data-insert]");
    if (field) insert(field.dataset.insert);
    var problem = event.target.closest("[data-line]");
    if (problem) showLine(Number(problem.dataset.line));
  });
  document.addEventListener("submit", function (event) {
    var kind = event.target.dataset.insertForm;
    if (!kind) return;
    event.preventDefault();
    var data = new FormData(event.target);
    event.target.closest("dialog").close();
    insert(SNIPPETS[kind](function (name) { return String(data.get(name) || ""); }));
    event.target.reset();
  });

  function showLine(number) {
    var lines = editor.value.split("\n");
    var start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    editor.focus();
    editor.setSelectionRange(start, start + (lines[number - 1] || "").length);
    var height = parseFloat(getComputedStyle(editor).lineHeight);
    editor.scrollTop = Math.max(0, (number - 5) * height);
    editor.scrollIntoView({ block: "nearest" });
  }
})();
