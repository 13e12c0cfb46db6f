// Actions on the selected block, for buttons and keys.
import { canStep, find, fresh, insertAfter, insertAt, isLocked, newId, remove, step } from "./document.js";
import { typeName } from "./labels.js";
import { word } from "./words.js";

const HIDDEN = ["", "phone", "desktop"];

export class Actions {
  constructor(store) {
    this.store = store;
  }

  get node() {
    const entry = this.store.entry();
    return entry ? entry.node : null;
  }

  canMove(direction) {
    return Boolean(this.node) && canStep(this.store.document, this.node.id, direction);
  }

  get canCopy() {
    return Boolean(this.node && this.node.type && !isLocked(this.node));
  }

  get canRemove() {
    const entry = this.store.entry();
    if (!entry || isLocked(entry.node)) return false;
    return entry.kind !== "column" || entry.siblings.length > 1;
  }

  move(direction) {
    const node = this.node;
    if (!node || isLocked(node)) return;
    const said = { what: typeName(node) };
    const isDone = this.store.change((document) => step(document, node.id, direction), {
      said: word(direction < 0 ? "moved_up" : "moved_down", said),
    });
    if (!isDone) this.store.say(word(direction < 0 ? "is_first" : "is_last", said));
    this.store.emit("selection", { reveal: true });
  }

  duplicate() {
    if (!this.canCopy) return;
    const copy = fresh(this.node);
    this.add(copy, word("duplicated", { what: typeName(copy) }));
  }

  remove() {
    if (!this.canRemove) return;
    const { node, siblings, index, parent } = this.store.entry();
    const next = siblings[index + 1] || siblings[index - 1] || parent;
    this.store.selected = next ? next.id : "";
    this.store.change(
      (document) => {
        remove(document, node.id);
      },
      { said: word("deleted", { what: typeName(node) }) },
    );
    this.store.emit("selection", { isNew: true });
  }

  // Shown everywhere, not on phones, not on computers, and again everywhere.
  hide() {
    const node = this.node;
    if (!node || !node.type || isLocked(node)) return;
    const next = HIDDEN[(HIDDEN.indexOf(node.hide_on || "") + 1) % HIDDEN.length];
    const said = { "": "now_on_all", phone: "now_not_on_phones", desktop: "now_not_on_computers" }[next];
    this.store.change(
      (document) => {
        find(document, node.id).node.hide_on = next;
      },
      { said: word(said, { what: typeName(node) }) },
    );
  }

  // Add after what is selected, and select it.
  add(node, said = word("added", { what: typeName(node) }), how = {}) {
    const isDone = this.store.change((document) => insertAfter(document, node, this.store.selected), {
      said,
    });
    if (isDone) this.store.selectNew(node.id, how);
    return isDone;
  }

  // Replace the row that stands for a saved block by copies of its rows.
  unlink(id, rows) {
    const entry = this.store.entry(id);
    if (!entry) return;
    const { node, siblings, index } = entry;
    const copies = rows.map(fresh);
    this.store.change(
      () => {
        siblings.splice(index, 1, ...copies);
      },
      { said: word("unlinked", { what: typeName(node) }) },
    );
    this.store.select(copies[0].id, { reveal: true });
  }

  // Replace a section by the saved block that it was saved as.
  link(id, saved) {
    const entry = this.store.entry(id);
    if (!entry) return;
    const row = { id: newId(), type: "saved", saved };
    this.store.change(
      () => {
        entry.siblings.splice(entry.index, 1, row);
      },
      { said: word("block_saved") },
    );
    this.store.select(row.id, { reveal: true });
  }

  addAt(node, place, said = word("added", { what: typeName(node) })) {
    const isDone = this.store.change((document) => insertAt(document, node, place), { said });
    if (isDone) this.store.selectNew(node.id, { focus: "all" });
  }
}
