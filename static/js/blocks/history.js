// Undo and redo of whole documents, as text.

const MOST_STEPS = 200;
const MOST_CHARACTERS = 30_000_000;
const SAME_EDIT_MS = 1200;

export class History {
  constructor() {
    this.clear();
  }

  clear() {
    this.past = [];
    this.future = [];
    this.key = "";
    this.at = 0;
  }

  // Remembers the document as it was before a change. Changes with the same key that follow each
  // other quickly, such as typing, are one step.
  remember(before, key = "") {
    const now = Date.now();
    const goesOn = key && key === this.key && now - this.at < SAME_EDIT_MS && this.past.length;
    this.key = key;
    this.at = now;
    this.future = [];
    if (goesOn) return;
    this.past.push(before);
    let size = this.past.reduce((sum, text) => sum + text.length, 0);
    while (this.past.length > MOST_STEPS || (size > MOST_CHARACTERS && this.past.length > 1)) {
      size -= this.past.shift().length;
    }
  }

  // Returns the document before `current`, or null.
  undo(current) {
    return this.step(this.past, this.future, current);
  }

  redo(current) {
    return this.step(this.future, this.past, current);
  }

  step(from, to, current) {
    if (!from.length) return null;
    this.key = "";
    to.push(current);
    return from.pop();
  }
}
