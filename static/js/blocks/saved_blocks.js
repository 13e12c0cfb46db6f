// The saved blocks of the library: what can be inserted, and saving a section as a new one. Parts
// listen to the events "change", and "saved", whose detail has the ids of the section and the block.
import { toast } from "../toast.js";
import { el, word } from "./words.js";

export class SavedBlocks extends EventTarget {
  constructor(root) {
    super();
    this.urls = { list: root.dataset.saved, create: root.dataset.saveBlock };
    this.dialog = document.getElementById("save-block");
    this.all = new Map();
    this.isThere = false;
    this.isSaving = false;
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
  }

  // Loads nothing in a saved block, which cannot contain others.
  async load() {
    if (!this.urls.list) return;
    const answer = await fetch(this.urls.list, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer || !answer.ok) return;
    const { blocks } = await answer.json();
    this.all = new Map(blocks.map((saved) => [saved.id, saved]));
    this.isThere = true;
    this.dispatchEvent(new Event("change"));
  }

  nameOf(id) {
    return this.all.has(id) ? this.all.get(id).name : "";
  }

  // Ask for a name, then save this section under it.
  ask(section) {
    this.section = section;
    this.dialog.querySelector("form").reset();
    this.refuse("");
    this.dialog.showModal();
  }

  // A second click while the first is in progress does not save twice.
  async save() {
    if (this.isSaving) return;
    this.isSaving = true;
    try {
      await this.create(this.section);
    } finally {
      this.isSaving = false;
    }
  }

  async create(section) {
    const name = this.dialog.querySelector("[name=name]").value;
    let answer;
    try {
      answer = await fetch(this.urls.create, {
        method: "POST",
        body: JSON.stringify({ name, rows: [section] }),
        headers: {
          Accept: "application/json",
          "Content-Type": "application/json",
          "X-CSRFToken": document.body.dataset.csrf,
          "HX-Request": "true",
        },
      });
    } catch {
      this.refuse(document.body.dataset.serverAway);
      return;
    }
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      this.refuse(body.message || document.body.dataset.requestFailed);
      return;
    }
    this.dialog.close();
    toast(word("block_saved"), "success");
    // At once: what is typed into the section from now on would be lost.
    this.dispatchEvent(new CustomEvent("saved", { detail: { section: section.id, block: body.id } }));
    await this.load();
  }

  refuse(message) {
    const place = this.dialog.querySelector("[data-refused]");
    place.replaceChildren(message ? el("span", {}, message) : "");
  }
}
