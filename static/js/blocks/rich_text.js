// Text edited in place: the editor lies exactly on the text of the block in the canvas.
import { put } from "./canvas.js";
import { cleanPaste } from "./clean_paste.js";
import { find } from "./document.js";
import { labelOf } from "./merge_tags.js";
import { SECURE, brand, el, word } from "./words.js";

const COPIED = [
  "fontFamily",
  "fontSize",
  "fontWeight",
  "fontStyle",
  "lineHeight",
  "letterSpacing",
  "color",
  "textAlign",
];

const EDITING_KEYS = new Set(["Delete", "Backspace", "Enter"]);

export const hasText = (node) => Boolean(node.content) && typeof node.content === "object";

export class RichText {
  // `leave(direction)`: the user leaves the text by keyboard.
  constructor(store, canvas, leave) {
    Object.assign(this, { store, canvas, leave });
    this.box = el("div", { class: "be-text", hidden: true });
    this.changed = new Set(); // called when the selection or the marks change
    this.kit = null; // the text editor, once it is loaded
    this.wanted = null; // what to open then: { id, how, typed }
    canvas.page.append(this.box);
    canvas.listeners.add(() => this.layOut());
    document.addEventListener("keydown", (event) => this.typedEarly(event), true);
  }

  // Load the text editor, and open the text that was asked for meanwhile.
  async load() {
    if (this.kit || this.isLoading) return;
    this.isLoading = true;
    try {
      this.kit = await import("./text_schema.js");
    } catch {
      // The next click on a text tries again.
    }
    this.isLoading = false;
    if (!this.kit) this.wanted = null;
    else if (this.wanted) this.openWanted(this.wanted);
  }

  openWanted({ id, how, typed }) {
    this.wanted = null;
    const entry = this.store.entry();
    if (!entry || entry.node.id !== id) return;
    this.open(entry.node, how);
    if (typed) this.editor.commands.insertContent({ type: "text", text: typed });
  }

  // What is typed after a click on a text that cannot be edited yet is kept, and no key acts on the
  // whole block.
  typedEarly(event) {
    if (!this.wanted || !this.wanted.how.focus || event.target !== this.canvas.layer) return;
    const isCommand = event.ctrlKey || event.metaKey || event.altKey;
    const isAll = isCommand && event.key === "a";
    if (isCommand ? !isAll : event.key.length > 1 && !EDITING_KEYS.has(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (isAll) this.wanted.how.focus = "all";
    else if (event.key.length === 1) this.wanted.typed += event.key;
  }

  // Edit the text of this block. `focus`: "end", "all" to replace it, or "point", in the window.
  open(node, how = {}) {
    const { focus, point } = how;
    if (!this.kit) {
      this.wanted = { id: node.id, how: { ...how }, typed: "" };
      this.load();
      return;
    }
    if (this.id !== node.id) {
      this.close();
      this.id = node.id;
      this.isLine = node.type === "heading";
      this.editor = this.kit.makeEditor({
        isLine: this.isLine,
        keys: this.keys(),
        known: { palette: brand.palette, labelOf, secure: SECURE },
        options: this.options(node),
      });
      this.layOut();
    }
    if (focus === "point" && point) this.focusAt(point);
    else if (focus) this.editor.commands.focus(focus, { scrollIntoView: false });
    // The command waits for a frame, and keys pressed until then would be lost.
    if (focus) this.editor.view.focus();
    this.tellChanged();
  }

  options(node) {
    return {
      element: this.box,
      content: node.content,
      editorProps: {
        attributes: {
          "aria-label": word("text_of_block"),
          role: "textbox",
          "aria-multiline": String(!this.isLine),
        },
        transformPastedHTML: (html) => cleanPaste(html, new this.canvas.frame.contentWindow.DOMParser()),
      },
      onUpdate: () => this.write(),
      onTransaction: () => this.tellChanged(),
      onFocus: () => this.tellChanged(),
      onBlur: () => this.tellChanged(),
    };
  }

  close() {
    this.wanted = null;
    if (!this.editor) return;
    this.editor.destroy();
    this.editor = null;
    this.id = "";
    this.box.replaceChildren();
    this.box.hidden = true;
    this.uncover();
    this.tellChanged();
  }

  get hasFocus() {
    return Boolean(this.editor && this.editor.isFocused);
  }

  // The document was changed elsewhere, for example by undo.
  refresh() {
    if (!this.editor) return;
    const entry = this.store.entry(this.id);
    if (!entry || !hasText(entry.node)) {
      this.close();
      return;
    }
    const { stored } = this.kit;
    if (JSON.stringify(stored(this.editor.getJSON())) === JSON.stringify(stored(entry.node.content))) return;
    const { from } = this.editor.state.selection;
    this.editor.commands.setContent(entry.node.content, { emitUpdate: false });
    const end = this.editor.state.doc.content.size - 1;
    this.editor.commands.setTextSelection(Math.max(1, Math.min(from, end)));
  }

  write() {
    const content = this.kit.stored(this.editor.getJSON());
    const id = this.id;
    this.store.change(
      (document) => {
        find(document, id).node.content = content;
      },
      { key: `${id}.content`, by: "text" },
    );
  }

  tellChanged() {
    for (const listener of this.changed) listener();
  }

  keys() {
    const leave = (direction) => () => {
      this.leave(direction);
      return true;
    };
    const keys = { Escape: leave(0), "Mod-s": () => false };
    // A heading is one line: Enter continues after it.
    if (this.isLine) keys.Enter = leave(1);
    return keys;
  }

  focusAt(point) {
    const found = this.editor.view.posAtCoords(point);
    this.editor.commands.focus(found ? found.pos : "end", { scrollIntoView: false });
  }

  // ---- Where it lies --------------------------------------------------------------------------

  // The element in the canvas with the text of this block.
  target() {
    const [block] = this.canvas.elements(this.id);
    if (!block) return null;
    return (
      block.querySelector(".be-rich, h1, h2, h3, blockquote") || block.querySelector(":scope > div") || block
    );
  }

  layOut() {
    if (!this.editor) return;
    this.uncover();
    const target = this.target();
    const rect = target && target.getBoundingClientRect();
    // A new block is not in the canvas yet, but can already be typed in.
    this.box.hidden = false;
    this.box.classList.toggle("is-waiting", !rect || !rect.width);
    if (!rect || !rect.width) return;
    const style = this.canvas.frame.contentWindow.getComputedStyle(target);
    put(this.box, rect);
    for (const name of COPIED) this.box.style[name] = style[name];
    const link = target.querySelector("a");
    if (link)
      this.box.style.setProperty("--be-link", this.canvas.frame.contentWindow.getComputedStyle(link).color);
    this.box.style.height = "auto";
    this.box.style.minHeight = `${rect.height}px`;
    this.box.classList.toggle("is-line", this.isLine);
    this.cover(target);
  }

  // Hide the text below the editor, so that it is not seen twice.
  cover(target) {
    target.style.visibility = "hidden";
    this.covered = target;
  }

  uncover() {
    if (this.covered) this.covered.style.removeProperty("visibility");
    this.covered = null;
  }
}
