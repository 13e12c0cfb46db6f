// The palette: blocks, layouts and saved blocks. A click adds after what is selected; dragging places.
import { LAYOUTS, TYPES } from "./block_types.js";
import { BLOCK_TYPES, blank, newId, section } from "./document.js";
import { layoutName, layoutPicture } from "./control_lists.js";
import { el, icon, word } from "./words.js";

export class Palette {
  constructor(store, actions, canvas, saved, root) {
    Object.assign(this, { store, actions, canvas, saved });
    this.place = root.querySelector("[data-palette]");
    this.isPart = "isPart" in root.dataset; // a saved block, which has no footer of its own
    this.savedBlocks = el("div", { hidden: true });
    this.footer = el("div", {});
    this.place.append(
      this.group(
        word("blocks"),
        "be-tiles",
        BLOCK_TYPES.map((type) => this.blockTile(type)),
      ),
      this.footer,
      this.group(
        word("layouts"),
        "be-tiles be-layout-tiles",
        LAYOUTS.map((widths) => this.layoutTile(widths)),
      ),
      this.savedBlocks,
    );
    store.addEventListener("document", () => this.offerFooter());
    saved.addEventListener("change", () => this.showSaved());
    this.offerFooter();
  }

  focus() {
    this.place.querySelector(".be-tile").focus();
  }

  group(title, className, tiles) {
    return el(
      "section",
      {},
      el("h3", { class: "be-group-title" }, title),
      el("div", { class: className }, ...tiles),
    );
  }

  // Not a <button>: not every browser drags one.
  tile(kind, make, title, ...picture) {
    const attributes = {
      role: "button",
      tabindex: "0",
      class: "be-tile",
      draggable: "true",
      title: word("add_what", { what: title }),
      onclick: () => this.actions.add(make(), undefined, { focus: "all" }),
      onkeydown: (event) => {
        if (event.key === "Escape") this.canvas.layer.focus({ preventScroll: true });
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.target.click();
      },
    };
    const tile = el("div", attributes, ...picture, el("span", {}, title));
    tile.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", title);
      event.dataTransfer.effectAllowed = "copy";
      this.canvas.drag({ kind, drop: (place) => this.actions.addAt(make(), place) });
    });
    tile.addEventListener("dragend", () => this.canvas.endDrag());
    return tile;
  }

  blockTile(type) {
    return this.tile(type, () => blank(type, word), word(`type_${type}`), icon(TYPES[type].icon));
  }

  layoutTile(widths) {
    return this.tile("section", () => section(widths), layoutName(widths), layoutPicture(widths));
  }

  // A document without the legal footer gets it here; there is never a second one.
  offerFooter() {
    const isThere = this.isPart || this.store.document.rows.some((row) => row.type === "footer");
    if (isThere === !this.footer.firstChild) return;
    this.footer.replaceChildren(
      isThere
        ? ""
        : el(
            "div",
            { class: "be-tiles" },
            this.tile(
              "footer",
              () => ({ id: newId(), type: "footer" }),
              word("type_footer"),
              icon(TYPES.footer.icon),
            ),
          ),
    );
  }

  savedTile({ id, name, url }) {
    const make = () => ({ id: newId(), type: "saved", saved: id });
    const title = word("edit_what", { what: name });
    return el(
      "div",
      { class: "be-saved-tile" },
      this.tile("saved", make, name, icon("bookmark")),
      el("a", { class: "be-icon", href: url, target: "_blank", title, "aria-label": title }, icon("edit")),
    );
  }

  showSaved() {
    const blocks = [...this.saved.all.values()];
    this.savedBlocks.hidden = !blocks.length;
    this.savedBlocks.replaceChildren(
      this.group(
        word("saved_blocks"),
        "be-saved-tiles",
        blocks.map((saved) => this.savedTile(saved)),
      ),
    );
  }
}
