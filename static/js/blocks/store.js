// The state of the block editor: the document, what is selected, and its problems. Parts listen to
// the events "document", "selection" and "problems".
import { childrenOf, find, parse, pathTo, walk } from "./document.js";
import { History } from "./history.js";

export class Store extends EventTarget {
  constructor(source, live) {
    super();
    this.source = source;
    this.live = live;
    this.history = new History();
    this.problems = [];
    this.samples = new Set(); // the blocks that still have content of the design
    this.selected = "";
    this.unfinished = ""; // the id of a new block, whose problems are shown once it is left
    this.load();
  }

  // Read the document from the page's form, for example after someone else's version was loaded.
  load() {
    this.document = parse(this.source.value);
    this.text = JSON.stringify(this.document);
    this.history.clear();
    if (this.document && !find(this.document, this.selected)) this.selected = "";
    this.emit("document", { isWhole: true });
  }

  // Whether this is the document that the server sent, and nothing was completed in it.
  get isAsSent() {
    const { value, defaultValue } = this.source;
    return Boolean(value) && value === defaultValue && this.text === JSON.stringify(JSON.parse(value));
  }

  emit(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  entry(id = this.selected) {
    return id ? find(this.document, id) : null;
  }

  // Change the document. `mutate` changes it in place and returns false if nothing can change.
  // `key`: changes with the same key are one step of undo; `by`: the part that changes it;
  // `said`: what screen readers say.
  change(mutate, { key = "", by = "", said = "" } = {}) {
    const before = this.text;
    if (mutate(this.document) === false) return false;
    const text = JSON.stringify(this.document);
    if (text === before) return false;
    this.history.remember(before, key);
    this.put(text, { by });
    if (said) this.say(said);
    return true;
  }

  put(text, detail) {
    this.text = text;
    this.source.value = text;
    this.source.dispatchEvent(new Event("input", { bubbles: true }));
    const isGone = this.selected && !find(this.document, this.selected);
    if (isGone) this.selected = "";
    this.emit("document", detail);
    if (isGone) this.emit("selection");
  }

  undo(said) {
    return this.travel(this.history.undo(this.text), said);
  }

  redo(said) {
    return this.travel(this.history.redo(this.text), said);
  }

  travel(text, said) {
    if (text === null) return false;
    const changed = differing(this.document, JSON.parse(text));
    this.document = JSON.parse(text);
    this.put(text, { isWhole: true });
    if (changed && find(this.document, changed)) this.select(changed);
    this.say(said);
    return true;
  }

  select(id, how = {}) {
    const wanted = id && find(this.document, id) ? id : "";
    const isNew = wanted !== this.selected;
    this.selected = wanted;
    if (wanted !== this.unfinished) this.finish();
    if (isNew || how.focus || how.reveal) this.emit("selection", { ...how, isNew });
  }

  // Select a block that was just put into the document.
  selectNew(id, how = {}) {
    this.finish();
    this.unfinished = id;
    this.select(id, { reveal: true, ...how });
    this.emit("unfinished");
  }

  // Nobody is working on a new block now: show its problems.
  finish() {
    if (!this.unfinished) return;
    this.unfinished = "";
    this.emit("problems");
    this.emit("unfinished");
  }

  // Select the next (1) or the previous (-1) node in the order of reading. `only`: which nodes count.
  selectNext(direction, only = () => true) {
    const order = [...walk(this.document)].filter(only).map((entry) => entry.node.id);
    const at = order.indexOf(this.selected);
    const start = at < 0 && direction < 0 ? order.length : at;
    const next = order[start + direction];
    if (next) this.select(next, { reveal: true });
    return Boolean(next);
  }

  showProblems(problems) {
    this.problems = problems;
    this.emit("problems");
  }

  showSamples(ids) {
    this.samples = new Set(ids);
    this.emit("problems");
  }

  problemsOf(id) {
    const found = this.problems.filter((problem) => problem.block === id);
    return id && id === this.unfinished ? found.filter((problem) => problem.blocks) : found;
  }

  say(text) {
    this.live.textContent = "";
    window.requestAnimationFrame(() => {
      this.live.textContent = text;
    });
  }
}

// The node that an undone step was about: the deepest one that is not the same in both.
function differing(before, after) {
  const old = new Map([...walk(before)].map((entry) => [entry.node.id, ownText(entry.node)]));
  const changed = [...walk(after)].filter((entry) => old.get(entry.node.id) !== ownText(entry.node));
  const added = changed.find((entry) => !old.has(entry.node.id));
  const found = added || changed.at(-1);
  return found ? pathTo(after, found.node.id).at(-1).node.id : "";
}

function ownText(node) {
  if (!childrenOf(node)) return JSON.stringify(node);
  const { columns, blocks, ...own } = node;
  return JSON.stringify([own, childrenOf(node).map((child) => child.id)]);
}
