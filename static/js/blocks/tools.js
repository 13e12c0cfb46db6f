// The tools that float at the selected block: move, duplicate, delete, add below; and for its text
// bold, italic, links, lists, colour and merge tags.
import { BRAND_COLOURS } from "./block_types.js";
import { withScheme } from "./controls.js";
import { isLocked, moveTo } from "./document.js";
import { typeName } from "./labels.js";
import { SECURE, brand, el, icon, iconButton, word } from "./words.js";

const MARKS = [["bold", "bold", "Bold"], ["italic", "italic", "Italic"], ["underline", "underline", "Underline"],
  ["strike", "strikethrough", "Strike"]];
const GAP = 8;
const FLAT = 200;

export class Tools {
  // `add()`: the user wants to add a block below; `inspect()`: wants its settings, on a phone.
  constructor(store, actions, canvas, text, { add, inspect }) {
    Object.assign(this, { store, actions, canvas, text, inspect });
    this.bar = el("div", { class: "be-tools", role: "toolbar", "aria-label": word("tools"), hidden: true,
      onmousedown: (event) => { if (!event.target.closest("input")) event.preventDefault(); } });
    this.block = el("div", { class: "be-tool-group" });
    this.format = el("div", { class: "be-tool-group is-format", hidden: true });
    this.popover = el("div", { class: "be-popover", hidden: true });
    this.bar.append(this.block, this.format, this.popover);
    this.below = el("button", { type: "button", class: "be-add-below", title: word("add_below"), tabindex: "-1",
      "aria-label": word("add_below"), hidden: true, onclick: add }, icon("plus"));
    canvas.page.append(this.bar, this.below);
    this.bar.addEventListener("keydown", (event) => { if (event.key === "Escape") this.closePopover(); });
    this.makeFormat();
    for (const type of ["selection", "document"]) store.addEventListener(type, () => this.showBlock());
    canvas.listeners.add(() => this.place());
    document.addEventListener("scroll", () => this.place(), { capture: true, passive: true });
    text.changed.add(() => this.showFormat());
    this.showBlock();
  }

  // ---- The block ------------------------------------------------------------------------------

  showBlock() {
    const entry = this.store.entry();
    this.closePopover();
    if (entry) this.block.replaceChildren(...this.blockTools(entry));
    this.showFormat();
  }

  blockTools({ node }) {
    const settings = iconButton("adjustments", word("settings"), () => this.inspect(), { class: "be-icon is-narrow-only" });
    if (isLocked(node)) return [el("span", { class: "be-locked" }, icon("lock"), word("is_locked")), settings];
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
    const grip = el("span", { class: "be-icon be-grip", draggable: "true", title: word("drag_to_move") }, icon("grip-vertical"));
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
    this.store.change((document) => moveTo(document, node.id, place), { said: word("moved", { what: typeName(node) }) });
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

  // Above the block; below it at the top of the canvas; within it while its top is scrolled away.
  topOf(rect) {
    const above = rect.top - this.bar.offsetHeight / this.canvas.scale - GAP, seen = this.canvas.seenFrom();
    if (above >= seen) return above;
    if (rect.top >= seen && rect.bottom - rect.top < FLAT) return rect.bottom + GAP;
    return Math.min(seen + GAP, rect.bottom + GAP);
  }

  // ---- Its text -------------------------------------------------------------------------------

  makeFormat() {
    const button = (name, label, run, id) => iconButton(name, label, run, { "data-format": id, "aria-pressed": "false" });
    this.lists = [
      button("list", word("bullet_list"), () => this.run("toggleBulletList"), "bulletList"),
      button("list-numbers", word("numbered_list"), () => this.run("toggleOrderedList"), "orderedList"),
    ];
    this.format.append(
      ...MARKS.map(([mark, name, method]) => button(name, word(`mark_${mark}`), () => this.run(`toggle${method}`), mark)),
      button("link", word("mark_link"), () => this.editLink(), "link"),
      button("palette", word("mark_colour"), () => this.pickColour(), "textColour"),
      ...this.lists,
    );
    this.tag = iconButton("user", word("insert_merge_tag"), () => this.insertTag());
    this.format.append(this.tag);
  }

  run(command, ...values) { this.text.editor.chain().focus(null, { scrollIntoView: false })[command](...values).run(); }

  showFormat() {
    const { editor } = this.text;
    this.format.hidden = !editor;
    if (editor) {
      for (const button of this.format.querySelectorAll("[data-format]")) {
        button.setAttribute("aria-pressed", String(editor.isActive(button.dataset.format)));
      }
      for (const button of this.lists) button.hidden = this.text.isLine;
      this.tag.hidden = !window.pickMergeTag;
    }
    this.place();
  }

  async insertTag() {
    const picked = await window.pickMergeTag();
    if (!picked || !this.text.editor) return;
    this.text.editor.chain().focus()
      .insertContent({ type: "mergeTag", attrs: { tag: picked.tag, fallback: picked.fallback || "" } }).run();
  }

  editLink() {
    const { editor } = this.text;
    const now = editor.getAttributes("link").href || "";
    const input = el("input", { class: "form-control form-control-sm", placeholder: SECURE, "aria-label": word("link_address"),
      autocomplete: "off" });
    input.value = now;
    const apply = () => {
      const href = withScheme(input.value);
      this.closePopover();
      const chain = editor.chain().focus().extendMarkRange("link");
      if (!href) chain.unsetMark("link").run();
      else if (editor.state.selection.empty && !now) {
        chain.insertContent({ type: "text", text: input.value.trim(), marks: [{ type: "link", attrs: { href } }] }).run();
      } else chain.setMark("link", { href }).run();
    };
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); apply(); } });
    this.openPopover(input, el("button", { type: "button", class: "btn btn-sm btn-primary", onclick: apply }, word("apply")),
      now ? iconButton("link-off", word("remove_link"), () => { input.value = ""; apply(); }) : "");
    input.focus();
  }

  pickColour() {
    const { editor } = this.text;
    const set = (colour) => {
      this.closePopover();
      const chain = editor.chain().focus();
      if (colour) chain.setMark("textColour", { colour }).run();
      else chain.unsetMark("textColour").run();
    };
    const swatch = (choice) => {
      const button = el("button", { type: "button", class: choice ? "be-swatch" : "be-swatch is-usual",
        title: word(choice ? `colour_${choice}` : "colour_usual"), "aria-label": word(choice ? `colour_${choice}` : "colour_usual"),
        onclick: () => set(choice) });
      if (choice) button.style.backgroundColor = brand.palette[choice];
      return button;
    };
    const own = el("input", { type: "color", "aria-label": word("own_colour"), onchange: () => set(own.value) });
    const now = editor.getAttributes("textColour").colour || "";
    own.value = now.startsWith("#") ? now : brand.palette[now] || brand.palette.text;
    this.openPopover(el("span", { class: "be-swatches" }, ...["", ...BRAND_COLOURS.slice(0, 4)].map(swatch),
      el("label", { class: "be-own-colour", title: word("own_colour") }, own)));
  }

  openPopover(...children) {
    this.popover.replaceChildren(...children.filter(Boolean));
    this.popover.hidden = false;
  }

  closePopover() {
    this.popover.hidden = true;
    this.popover.replaceChildren();
  }
}
