// The outline: the document as a tree. Every move works by mouse, by key and by button.
import Sortable from "../../vendor/sortable/sortable.min.js";
import { TYPES } from "./block_types.js";
import { childrenOf, isLocked, moveTo } from "./document.js";
import { excerpt, typeName } from "./labels.js";
import { el, icon, iconButton, word } from "./words.js";

export class Outline {
  // `edit()`: the user wants to edit what is selected.
  constructor(store, actions, saved, root, edit) {
    Object.assign(this, { store, actions, saved, edit });
    this.tree = root.querySelector("[data-outline]");
    this.pane = this.tree.closest("[role=tabpanel]");
    this.collapsed = new Set();
    this.sortables = [];
    this.tree.addEventListener("keydown", (event) => this.key(event));
    store.addEventListener("document", () => this.schedule());
    store.addEventListener("selection", () => this.schedule());
    store.addEventListener("problems", () => this.schedule());
    root.addEventListener("tab-shown", () => this.render());
  }

  schedule() {
    if (this.isDue) return;
    this.isDue = true;
    window.requestAnimationFrame(() => {
      this.isDue = false;
      this.render();
    });
  }

  // Nothing is rendered while another tab is shown.
  render() {
    if (!this.store.document || this.isDragging || this.pane.hidden) return;
    const hadFocus = this.tree.contains(document.activeElement);
    const button = hadFocus && document.activeElement.dataset.action;
    for (const sortable of this.sortables) sortable.destroy();
    this.sortables = [];
    this.tree.replaceChildren(this.email(), ...this.store.document.rows.map((row) => this.item(row, 1)));
    this.makeSortable(this.tree, "", "rows");
    if (hadFocus) this.focus(button);
  }

  focus(action = "") {
    const row = this.tree.querySelector(".is-chosen > .be-row");
    const button = action && row && row.querySelector(`[data-action="${action}"]:not(:disabled)`);
    (button || (row && row.querySelector(".be-row-name")) || this.tree.querySelector(".be-row-name")).focus();
  }

  // ---- Items ----------------------------------------------------------------------------------

  email() {
    const isChosen = !this.store.selected;
    return el(
      "li",
      { role: "none", class: `be-item is-email${isChosen ? " is-chosen" : ""}` },
      el(
        "div",
        { class: "be-row" },
        this.name("", icon("mail"), word("type_email"), "", { isChosen, level: 1 }),
      ),
    );
  }

  item(node, level) {
    const isChosen = node.id === this.store.selected;
    const children = this.shownChildren(node);
    const isOpen = children ? !this.collapsed.has(node.id) : null;
    const item = el("li", {
      role: "none",
      class: `be-item${isChosen ? " is-chosen" : ""}`,
      "data-id": node.id,
    });
    item.append(this.row(node, { isChosen, isOpen, level }));
    if (isOpen) item.append(this.group(node, children, level + 1));
    return item;
  }

  // A section with one column shows its blocks at once.
  shownChildren(node) {
    if (node.columns && node.columns.length === 1) return node.columns[0].blocks;
    return childrenOf(node);
  }

  group(node, children, level) {
    const list = el("ul", { role: "group" }, ...children.map((child) => this.item(child, level)));
    if (node.columns && node.columns.length > 1) this.makeSortable(list, node.id, `columns ${node.id}`);
    else this.makeSortable(list, node.columns ? node.columns[0].id : node.id, "blocks");
    return list;
  }

  row(node, state) {
    const row = el("div", { class: "be-row" });
    if (state.isOpen !== null) row.append(this.fold(node, state.isOpen));
    const picture = icon(TYPES[node.type || "column"].icon);
    const text = node.saved ? this.saved.nameOf(node.saved) : excerpt(node);
    row.append(this.name(node.id, picture, typeName(node), text, state), ...this.badges(node));
    if (state.isChosen) row.append(this.buttons(node));
    return row;
  }

  fold(node, isOpen) {
    const attributes = {
      class: `be-fold${isOpen ? " is-open" : ""}`,
      onclick: () => this.setOpen(node.id, !isOpen),
    };
    return el("span", attributes, icon("chevron-right"));
  }

  // Not a button: not every browser drags what is in one.
  name(id, picture, type, text, { isChosen, isOpen = null, level }) {
    return el(
      "div",
      {
        role: "treeitem",
        class: "be-row-name",
        tabindex: isChosen ? "0" : "-1",
        "aria-level": level,
        "aria-selected": String(isChosen),
        "aria-expanded": isOpen === null ? null : String(isOpen),
        onclick: () => this.store.select(id, { reveal: true }),
      },
      picture,
      el("span", { class: "be-row-text" }, text || type),
      text ? el("span", { class: "visually-hidden" }, type) : "",
    );
  }

  badges(node) {
    const badges = [];
    const badge = (name, title, kind = "") =>
      el(
        "span",
        { class: `be-badge ${kind}`, title },
        icon(name),
        el("span", { class: "visually-hidden" }, title),
      );
    const problems = this.store.problemsOf(node.id);
    if (problems.length) {
      badges.push(
        badge(
          "alert-triangle",
          problems.map((problem) => problem.text).join("\n"),
          problems.some((problem) => problem.blocks) ? "is-error" : "is-warning",
        ),
      );
    }
    if (node.when) badges.push(badge("filter", word("has_condition")));
    if (node.hide_on)
      badges.push(badge("eye-off", word(node.hide_on === "phone" ? "not_on_phones" : "not_on_computers")));
    if (isLocked(node)) badges.push(badge("lock", word("is_locked")));
    return badges;
  }

  buttons(node) {
    const { actions } = this;
    if (isLocked(node)) return "";
    const button = (action, name, label, run, isThere) =>
      isThere === null
        ? ""
        : iconButton(
            name,
            label,
            () => {
              run();
              this.focusSoon(action);
            },
            { "data-action": action, disabled: !isThere },
          );
    return el(
      "span",
      { class: "be-row-buttons" },
      button("up", "arrow-up", word("move_up"), () => actions.move(-1), actions.canMove(-1)),
      button("down", "arrow-down", word("move_down"), () => actions.move(1), actions.canMove(1)),
      button("hide", "eye", word("hide_or_show"), () => actions.hide(), node.type ? true : null),
      button("duplicate", "copy", word("duplicate"), () => actions.duplicate(), node.type ? true : null),
      button("delete", "trash", word("delete"), () => actions.remove(), actions.canRemove),
    );
  }

  focusSoon(action) {
    window.requestAnimationFrame(() => window.requestAnimationFrame(() => this.focus(action)));
  }

  setOpen(id, isOpen) {
    if (isOpen) this.collapsed.delete(id);
    else this.collapsed.add(id);
    this.render();
  }

  // ---- Keys -----------------------------------------------------------------------------------

  key(event) {
    if (!event.target.matches(".be-row-name") || event.altKey || event.ctrlKey || event.metaKey) return;
    const { target } = event;
    const keys = {
      ArrowDown: () => this.go(1),
      ArrowUp: () => this.go(-1),
      Home: () => this.go(-Infinity),
      End: () => this.go(Infinity),
      ArrowLeft: () => this.left(target),
      ArrowRight: () => this.right(target),
      Enter: () => this.edit(),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  go(steps) {
    const names = [...this.tree.querySelectorAll(".be-row-name")];
    const at = names.indexOf(document.activeElement);
    const next = names[Math.max(0, Math.min(names.length - 1, at + steps))];
    next.focus();
    next.click();
  }

  // Go to the enclosing item; an open one is closed first.
  left(name) {
    const item = name.closest(".be-item");
    if (name.getAttribute("aria-expanded") === "true") {
      this.setOpen(item.dataset.id, false);
      return;
    }
    const parent = item.parentElement.closest(".be-item");
    if (parent) this.store.select(parent.dataset.id, { reveal: true });
  }

  right(name) {
    const isOpen = name.getAttribute("aria-expanded");
    if (isOpen === "false") this.setOpen(name.closest(".be-item").dataset.id, true);
    else if (isOpen) this.go(1);
  }

  // ---- Dragging -------------------------------------------------------------------------------

  makeSortable(list, id, group) {
    list.dataset.list = id;
    this.sortables.push(
      Sortable.create(list, {
        group,
        animation: 120,
        draggable: ".be-item:not(.is-email)",
        filter: ".be-icon",
        preventOnFilter: false,
        delay: 150,
        delayOnTouchOnly: true,
        ghostClass: "is-ghost",
        emptyInsertThreshold: 12,
        // From the press on: rendering the outline again before the first move would lose the drag.
        onChoose: () => {
          this.isDragging = true;
        },
        onUnchoose: () => {
          this.isDragging = false;
          this.schedule();
        },
        onEnd: (event) => this.dropped(event),
      }),
    );
  }

  dropped({ item, from, to, oldDraggableIndex, newDraggableIndex }) {
    const isSame = from === to;
    const index = isSame && newDraggableIndex > oldDraggableIndex ? newDraggableIndex + 1 : newDraggableIndex;
    const { id } = item.dataset;
    const { node, kind, siblings } = this.store.entry(id);
    this.store.change(
      (document) =>
        kind === "column"
          ? reorder(siblings, oldDraggableIndex, newDraggableIndex)
          : moveTo(document, id, { list: to.dataset.list, index }),
      { said: word("moved", { what: typeName(node) }) },
    );
    this.store.select(id, { reveal: true });
    this.schedule();
  }
}

function reorder(list, from, to) {
  if (from === to) return false;
  list.splice(to, 0, ...list.splice(from, 1));
  return true;
}
