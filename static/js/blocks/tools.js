// The tools that float at the selected block: move, duplicate, delete, add below, and those of its
// text.
import { isLocked, moveTo } from "./document.js";
import { typeName } from "./labels.js";
import { TextTools } from "./text_tools.js";
import { el, icon, iconButton, word } from "./words.js";

const GAP = 8;
const FLAT = 200;

export class Tools {
  // `add()`: the user wants to add a block below; `inspect()`: wants its settings, on a phone.
  constructor(store, actions, canvas, text, { add, inspect }) {
    Object.assign(this, { store, actions, canvas, inspect });
    this.bar = el("div", {
      class: "be-tools",
      role: "toolbar",
      "aria-label": word("tools"),
      hidden: true,
      onmousedown: (event) => {
        if (!event.target.closest("input")) event.preventDefault();
      },
    });
    this.block = el("div", { class: "be-tool-group" });
    this.forText = new TextTools(text);
    this.bar.append(this.block, this.forText.bar, this.forText.popover);
    this.below = el(
      "button",
      {
        type: "button",
        class: "be-add-below",
        title: word("add_below"),
        tabindex: "-1",
        "aria-label": word("add_below"),
        hidden: true,
        onclick: add,
      },
      icon("plus"),
    );
    canvas.page.append(this.bar, this.below);
    this.bar.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.forText.closePopover();
    });
    store.addEventListener("selection", () => this.showBlock());
    store.addEventListener("document", ({ detail }) => {
      if (detail.by !== "text" && detail.by !== "inspector") this.showBlock();
    });
    canvas.listeners.add(() => this.place());
    document.addEventListener("scroll", () => this.place(), { capture: true, passive: true });
    text.changed.add(() => this.showText());
    this.showBlock();
  }

  // ---- The block ------------------------------------------------------------------------------

  showBlock() {
    const entry = this.store.entry();
    this.forText.closePopover();
    if (entry) this.block.replaceChildren(...this.blockTools(entry));
    this.showText();
  }

  showText() {
    this.forText.show();
    this.place();
  }

  blockTools({ node }) {
    const settings = iconButton("adjustments", word("settings"), () => this.inspect(), {
      class: "be-icon is-narrow-only",
    });
    if (isLocked(node))
      return [el("span", { class: "be-locked" }, icon("lock"), word("is_locked")), settings];
    const { actions } = this;
    const tool = (name, label, run, isThere) => iconButton(name, label, run, { disabled: !isThere });
    return [
      this.grip(node),
      tool("arrow-up", word("move_up"), () => actions.move(-1), actions.canMove(-1)),
      tool("arrow-down", word("move_down"), () => actions.move(1), actions.canMove(1)),
      actions.canCopy ? tool("copy", word("duplicate"), () => actions.duplicate(), true) : "",
      tool("trash", word("delete"), () => actions.remove(), actions.canRemove),
      settings,
    ].filter(Boolean);
  }

  grip(node) {
    if (!node.type) return "";
    const grip = el(
      "span",
      { class: "be-icon be-grip", draggable: "true", title: word("drag_to_move") },
      icon("grip-vertical"),
    );
    grip.addEventListener("mousedown", (event) => event.stopPropagation());
    grip.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", typeName(node));
      event.dataTransfer.effectAllowed = "move";
      this.canvas.drag({ kind: node.type, drop: (place) => this.dropped(node, place) });
    });
    grip.addEventListener("dragend", () => this.canvas.endDrag());
    return grip;
  }

  dropped(node, place) {
    this.store.change((document) => moveTo(document, node.id, place), {
      said: word("moved", { what: typeName(node) }),
    });
    this.store.select(node.id, { reveal: true });
  }

  place() {
    const rect = this.canvas.rectOf(this.store.selected);
    this.bar.hidden = !rect;
    this.below.hidden = !rect || isLocked(this.store.entry().node);
    if (!rect) return;
    const most = this.canvas.page.clientWidth - this.bar.offsetWidth / this.canvas.scale - 4;
    const left = Math.max(4, Math.min(rect.left, most));
    this.bar.style.left = `${left}px`;
    this.bar.style.top = `${this.topOf(rect)}px`;
    this.below.style.top = `${rect.bottom}px`;
    this.below.style.left = `${rect.left + rect.width / 2}px`;
  }

  // Above the block; below it at the top of the canvas; inside it while its top is scrolled away.
  topOf(rect) {
    const above = rect.top - this.bar.offsetHeight / this.canvas.scale - GAP,
      seen = this.canvas.seenFrom();
    if (above >= seen) return above;
    if (rect.top >= seen && rect.bottom - rect.top < FLAT) return rect.bottom + GAP;
    return Math.min(seen + GAP, rect.bottom + GAP);
  }
}
