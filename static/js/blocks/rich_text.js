// Text edited in place: the editor lies exactly on the text of the block in the canvas.
import { Editor } from "../../vendor/tiptap/rich-text.min.js";
import { put } from "./canvas.js";
import { cleanPaste } from "./clean_paste.js";
import { find } from "./document.js";
import { extensions, stored } from "./text_schema.js";
import { el, word } from "./words.js";

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

export const hasText = (node) => Boolean(node.content) && typeof node.content === "object";

export class RichText {
  // `leave(direction)`: the user leaves the text by keyboard.
  constructor(store, canvas, leave) {
    Object.assign(this, { store, canvas, leave });
    this.box = el("div", { class: "be-text", hidden: true });
    this.changed = new Set(); // called when the selection or the marks change
    canvas.page.append(this.box);
    canvas.listeners.add(() => this.layOut());
  }

  // Edit the text of this block. `focus`: "end", "all" to replace it, or "point", in the window.
  open(node, { focus, point } = {}) {
    if (this.id !== node.id) {
      this.close();
      this.id = node.id;
      this.isLine = node.type === "heading";
      this.editor = new Editor({
        element: this.box,
        injectCSS: false,
        content: node.content,
        extensions: extensions({ isLine: this.isLine, keys: this.keys() }),
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
      });
      this.layOut();
    }
    if (focus === "point" && point) this.focusAt(point);
    else if (focus) this.editor.commands.focus(focus, { scrollIntoView: false });
    this.tellChanged();
  }

  close() {
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
    const entry = this.id && this.store.entry(this.id);
    if (!entry || !hasText(entry.node)) {
      this.close();
      return;
    }
    if (JSON.stringify(stored(this.editor.getJSON())) === JSON.stringify(stored(entry.node.content))) return;
    const { from } = this.editor.state.selection;
    this.editor.commands.setContent(entry.node.content, { emitUpdate: false });
    const end = this.editor.state.doc.content.size - 1;
    this.editor.commands.setTextSelection(Math.max(1, Math.min(from, end)));
  }

  write() {
    const content = stored(this.editor.getJSON());
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
    // A heading is one line: Enter goes on after it.
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

  // The text below the editor is not seen twice.
  cover(target) {
    target.style.visibility = "hidden";
    this.covered = target;
  }

  uncover() {
    if (this.covered) this.covered.style.removeProperty("visibility");
    this.covered = null;
  }
}
