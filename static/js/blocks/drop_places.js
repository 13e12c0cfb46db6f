// Where in the canvas something that is dragged can be dropped.
import { isRow, listOf, takes, walk } from "./document.js";

const EDGE = 8;

export class DropPlaces {
  constructor(store, canvas) {
    Object.assign(this, { store, canvas });
  }

  // The place for something that is dropped at a point, and where to show it.
  at({ x, y }, kind) {
    const list = isRow(kind) ? null : this.listAt(x, y, kind);
    if (!list) return this.gapIn("", this.canvas.body.getBoundingClientRect(), y);
    const rect = this.canvas.rectOf(list);
    if (!listOf(this.store.document, list).length) return { place: { list, index: 0 }, rect, isArea: true };
    return this.gapIn(list, rect, y);
  }

  // The column or the repetition at a point: the nearest column of the section at that height.
  listAt(x, y, kind) {
    const lists = [...walk(this.store.document)]
      .filter((entry) => entry.node.blocks && takes(this.store.document, entry.node.id, kind))
      .map((entry) => ({ entry, rect: this.canvas.rectOf(entry.node.id) }))
      .filter(({ rect }) => rect);
    const repeat = lists.find(
      ({ entry, rect }) =>
        entry.kind === "repeat" &&
        y > rect.top + EDGE &&
        y < rect.bottom - EDGE &&
        x > rect.left &&
        x < rect.right,
    );
    if (repeat) return repeat.entry.node.id;
    const inSection = lists
      .filter(({ entry }) => entry.kind === "column")
      .filter(({ entry }) => {
        const section = this.canvas.rectOf(entry.parent.id);
        return section && y >= section.top && y <= section.bottom;
      });
    const away = ({ rect }) =>
      Math.max(rect.left - x, x - rect.right, 0) + Math.max(rect.top - y, y - rect.bottom, 0);
    inSection.sort((one, other) => away(one) - away(other));
    return inSection.length ? inSection[0].entry.node.id : null;
  }

  gapIn(list, rect, y) {
    const nodes = listOf(this.store.document, list);
    const rects = nodes.map((node) => this.canvas.rectOf(node.id));
    let index = rects.findIndex((one) => one && y < (one.top + one.bottom) / 2);
    if (index < 0) index = nodes.length;
    if (list === "" && index === nodes.length && nodes.length && nodes.at(-1).type === "footer") index -= 1;
    const next = rects[index],
      previous = rects.slice(0, index).findLast(Boolean);
    const top =
      next && previous ? (next.top + previous.bottom) / 2 : next ? next.top : previous ? previous.bottom : 40;
    return {
      place: { list, index },
      rect: { left: rect.left, top: top - 2, width: rect.width, height: 4 },
      isArea: false,
    };
  }
}
