// The block editor of an email. docs/decisions/0021 says why it is built like this.
import { Actions } from "./actions.js";
import { Canvas } from "./canvas.js";
import { Inspector } from "./inspector.js";
import { Outline } from "./outline.js";
import { Palette } from "./palette.js";
import { Panes } from "./panes.js";
import { SavedBlocks } from "./saved_blocks.js";
import { RichText, hasText } from "./rich_text.js";
import { Shortcuts } from "./shortcuts.js";
import { Store } from "./store.js";
import { Tools } from "./tools.js";
import { word } from "./words.js";

const root = document.getElementById("block-editor");
const source = document.getElementById("source");
const store = new Store(source, root.querySelector("[data-live]"));

// Modules run before this event, and htmx listens only after it.
const isRead = new Promise((resolve) => {
  document.addEventListener("DOMContentLoaded", () => window.setTimeout(resolve), { once: true });
});

if (store.document) start();
else {
  root.querySelector("[data-unreadable]").hidden = false;
  tellReady();
}

// What else is on the page is loaded now.
function tellReady() {
  isRead.then(() => document.body.dispatchEvent(new CustomEvent("editor-ready")));
}

function start() {
  const actions = new Actions(store);
  const panes = new Panes(root);
  const canvas = new Canvas(store, root);
  const text = new RichText(store, canvas, (direction) => leaveText(direction));
  const undo = () => {
    if (!store.undo(word("undone"))) store.say(word("nothing_to_undo"));
  };
  const redo = () => {
    if (!store.redo(word("redone"))) store.say(word("nothing_to_redo"));
  };
  const showPalette = () => {
    panes.open("add");
    palette.focus();
  };
  const saved = new SavedBlocks(root);
  const palette = new Palette(store, actions, canvas, saved, root);
  new Tools(store, actions, canvas, text, { add: showPalette, inspect: () => panes.open("inspector") });
  const unlink = async (block) => {
    const { node } = store.entry();
    await saved.load(); // it may have been changed on another page
    if (saved.all.has(block)) actions.unlink(node.id, saved.all.get(block).rows);
  };
  const inspector = new Inspector(store, root, { saved, unlink });
  const outline = new Outline(store, actions, saved, root, edit);
  saved.addEventListener("change", () => {
    inspector.render();
    outline.schedule();
  });
  saved.addEventListener("saved", ({ detail }) => actions.link(detail.section, detail.block));
  new Shortcuts(root, { store, actions, undo, redo, help, showPalette });

  // ---- Selection and document -----------------------------------------------------------------

  store.addEventListener("selection", ({ detail }) => {
    const entry = store.entry();
    canvas.placeBoxes();
    if (entry && hasText(entry.node)) text.open(entry.node, detail);
    else text.close();
    if (detail.focus && !text.editor) canvas.layer.focus({ preventScroll: true });
    if (detail.reveal) canvas.reveal();
  });
  store.addEventListener("document", ({ detail }) => {
    if (detail.by !== "text") text.refresh();
    canvas.schedule();
    showHistory();
  });
  store.addEventListener("problems", () => canvas.placeBoxes());
  palette.place.addEventListener("click", () => panes.close());

  // Enter: to the text of the block, or to its settings.
  function edit() {
    const entry = store.entry();
    if (entry && hasText(entry.node)) {
      text.open(entry.node, { focus: "end" });
      return;
    }
    panes.open("inspector");
    const first = root.querySelector(
      "[data-inspector] :is(input, select, textarea, button):not([type=hidden])",
    );
    if (first) first.focus();
  }

  function leaveText(direction) {
    canvas.layer.focus({ preventScroll: true });
    if (direction) store.selectNext(direction, inCanvas);
  }

  // ---- Keys in the canvas ---------------------------------------------------------------------

  // Rows with blocks are selected by clicks and in the outline; the keys go from block to block.
  function inCanvas({ node, kind }) {
    return kind !== "column" && kind !== "section" && canvas.rectOf(node.id);
  }

  canvas.layer.addEventListener("keydown", (event) => {
    if (event.target !== canvas.layer || event.altKey || event.ctrlKey || event.metaKey) return;
    const keys = {
      ArrowDown: () => store.selectNext(1, inCanvas),
      ArrowRight: () => store.selectNext(1, inCanvas),
      ArrowUp: () => store.selectNext(-1, inCanvas),
      ArrowLeft: () => store.selectNext(-1, inCanvas),
      Enter: edit,
      Escape: selectParent,
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
    announce();
  });

  function selectParent() {
    const entry = store.entry();
    store.select(entry && entry.parent ? entry.parent.id : "", { reveal: true });
  }

  function announce() {
    const entry = store.entry();
    store.say(word(entry ? `type_${entry.kind}` : "type_email"));
  }

  canvas.page.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-in]");
    if (!button) return;
    store.select(button.dataset.addIn);
    showPalette();
  });

  // ---- The bar --------------------------------------------------------------------------------

  const buttons = { undo: root.querySelector("[data-undo]"), redo: root.querySelector("[data-redo]") };
  buttons.undo.addEventListener("click", undo);
  buttons.redo.addEventListener("click", redo);
  root.querySelector("[data-help]").addEventListener("click", help);
  function help() {
    document.getElementById("block-keys").showModal();
  }

  function showHistory() {
    buttons.undo.disabled = !store.history.past.length;
    buttons.redo.disabled = !store.history.future.length;
  }

  for (const button of root.querySelectorAll("[data-width]")) {
    button.addEventListener("click", () => showWidth(button.dataset.width));
  }
  function showWidth(width) {
    for (const button of root.querySelectorAll("[data-width]")) {
      button.setAttribute("aria-pressed", String(button.dataset.width === width));
    }
    canvas.setView({ width });
  }
  const dark = root.querySelector("[data-dark]");
  dark.addEventListener("click", () => {
    const isDark = dark.getAttribute("aria-pressed") !== "true";
    dark.setAttribute("aria-pressed", String(isDark));
    canvas.setView({ isDark });
  });

  // The list of problems leads to their blocks.
  document.addEventListener("select-block", ({ detail }) => {
    root.scrollIntoView({ block: "nearest" });
    store.select(detail.id, { reveal: true });
  });
  // Neither do the problems of a new block interrupt whoever is filling it in.
  const unfinished = root.querySelector("[data-unfinished]");
  store.addEventListener("unfinished", () => {
    unfinished.value = store.unfinished;
    document.body.dispatchEvent(new CustomEvent("block-finished"));
  });
  document.addEventListener("preview-shown", () => store.finish());
  document.addEventListener("samples-shown", ({ detail }) => store.showSamples(detail));
  // Another version was put into the form: someone else's, or the one kept in this browser.
  source.form.addEventListener("restored", () => store.load());

  // ---- Ready ----------------------------------------------------------------------------------

  showHistory();
  canvas.start().then(() => {
    if (panes.isNarrow) showWidth("phone"); // the frame has no page to show before
    root.dataset.ready = "";
    text.load().then(() => {
      if (text.kit) root.dataset.canWrite = "";
    });
    saved.load();
    tellReady();
  });
}
