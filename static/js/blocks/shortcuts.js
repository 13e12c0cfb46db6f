// The keys of the block editor. In fields for text the keys of the browser win, except undo and redo,
// which apply to the whole document.
import { copy, pasted } from "./clipboard.js";
import { typeName } from "./labels.js";
import { word } from "./words.js";

const isField = (target) => Boolean(target.closest("input, textarea, select, [contenteditable=true]"));

export class Shortcuts {
  constructor(root, { store, actions, undo, redo, help, showPalette }) {
    Object.assign(this, { root, store, actions });
    this.always = {
      "mod+z": undo,
      "mod+shift+z": redo,
      "mod+y": redo,
      "alt+arrowup": () => actions.move(-1),
      "alt+arrowdown": () => actions.move(1),
    };
    this.outsideFields = {
      "mod+c": () => this.copy(),
      "mod+x": () => this.cut(),
      "mod+v": () => this.paste(),
      "mod+d": () => actions.duplicate(),
      delete: () => actions.remove(),
      backspace: () => actions.remove(),
      h: () => actions.hide(),
      a: showPalette,
      "?": help,
    };
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    // After a click outside everything, keys still apply to the selected block.
    if (!this.root.contains(event.target) && event.target !== document.body) return;
    const name = nameOf(event);
    const run = this.always[name] || (isField(event.target) ? null : this.outsideFields[name]);
    if (!run || (name === "mod+c" && !window.getSelection().isCollapsed)) return;
    if (run() !== false) event.preventDefault();
  }

  copy() {
    const { node } = this.actions;
    if (!copy(node)) return false;
    this.store.say(word("copied", { what: typeName(node) }));
    return true;
  }

  cut() {
    return this.copy() && this.actions.remove();
  }

  paste() {
    const node = pasted();
    if (node) this.actions.add(node, word("pasted", { what: typeName(node) }));
    return Boolean(node);
  }
}

function nameOf(event) {
  const key = event.key.toLowerCase();
  const isMod = event.ctrlKey || event.metaKey;
  const isShifted = event.shiftKey && key.length === 1 && /[a-z]/.test(key);
  return [isMod && "mod", event.altKey && "alt", isShifted && "shift", key].filter(Boolean).join("+");
}
