// The canvas: the compiled email in a sandboxed frame. A layer above the frame takes clicks and keys,
// because scripts and listeners need not work inside.
import { schemeIn } from "./dark_mode.js";
import { find, isRow, walk } from "./document.js";
import { DropPlaces } from "./drop_places.js";
import { blocksOf, morph } from "./morph.js";
import { showTags } from "./merge_tags.js";
import { el, sentSource, word } from "./words.js";

const DELAY_MS = 30;
const RETRY_MS = 4000;
const LOOK_MS = 15;
const MIN_DESKTOP = 620;
const PHONE = 375;

export class Canvas {
  constructor(store, root) {
    this.store = store;
    this.url = root.dataset.canvas;
    this.stage = root.querySelector("[data-stage]");
    this.page = root.querySelector("[data-page]");
    this.bar = root.querySelector(".be-bar");
    this.frame = root.querySelector("[data-frame]");
    this.layer = root.querySelector("[data-layer]");
    this.status = root.querySelector("[data-canvas-status]");
    this.chosen = el(
      "div",
      { class: "be-box be-box-chosen", hidden: true },
      el("span", { class: "be-box-name" }),
    );
    this.hover = el(
      "div",
      { class: "be-box be-box-hover", hidden: true },
      el("span", { class: "be-box-name" }),
    );
    this.line = el("div", { class: "be-drop", hidden: true });
    this.marks = el("div", { class: "be-marks" });
    this.layer.append(this.marks, this.hover, this.chosen, this.line);
    this.view = { width: "desktop", isDark: false };
    this.places = new DropPlaces(store, this);
    this.dragged = null;
    this.timer = null;
    this.listeners = new Set(); // called after each layout of the canvas
    this.listen();
  }

  get body() {
    const page = this.frame.contentDocument;
    return page && page.body;
  }

  // The style sheet of the canvas in the frame.
  get own() {
    return this.frame.contentDocument.head.querySelector("[data-canvas]");
  }

  // Resolves when the frame's page is there and the email is shown for the first time.
  async start() {
    await loaded(this.frame);
    const { problems, source } = this.own.dataset;
    if (source === sentSource && this.store.isAsSent) this.showFirst(JSON.parse(problems));
    else await this.compile();
    this.sizes = new ResizeObserver(() => this.layOut());
    this.sizes.observe(this.stage);
    this.sizes.observe(this.body);
  }

  // Show the email that the frame was loaded with.
  showFirst(problems) {
    showTags(this.body);
    this.finish();
    this.store.showProblems(problems);
  }

  // ---- Compiling ------------------------------------------------------------------------------

  schedule() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.compile(), DELAY_MS);
  }

  async compile() {
    window.clearTimeout(this.timer);
    this.timer = null;
    if (this.isBusy) {
      this.isStale = true;
      return;
    }
    this.isBusy = true;
    this.isStale = false;
    try {
      await this.answered(await this.post(this.store.text));
    } catch {
      this.failed(word("canvas_offline"), RETRY_MS);
    }
    this.isBusy = false;
    if (this.isStale) await this.compile();
  }

  post(text) {
    return fetch(this.url, {
      method: "POST",
      body: text,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": document.body.dataset.csrf,
        "HX-Request": "true",
      },
    });
  }

  async answered(answer) {
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      this.failed(
        body.message || word(answer.status === 401 ? "canvas_logged_out" : "canvas_failed"),
        answer.status >= 500 || answer.status === 400 ? RETRY_MS : 0,
      );
      return;
    }
    this.show(body);
  }

  failed(message, retry) {
    this.status.textContent = message;
    this.status.hidden = false;
    if (retry) this.timer = window.setTimeout(() => this.compile(), retry);
  }

  show({ html, problems }) {
    this.status.hidden = true;
    if (html) this.put(html);
    else this.failed(problems.map((problem) => problem.text).join(" "), 0);
    this.store.showProblems(problems);
  }

  put(html) {
    if (!this.body) return; // the page is being left
    const parser = new this.frame.contentWindow.DOMParser(); // the page's own drops inline styles
    const wanted = parser.parseFromString(html, "text/html");
    showTags(wanted.body);
    const { head } = this.frame.contentDocument;
    const { own } = this;
    own.remove();
    morph(head, wanted.head);
    head.append(own);
    morph(this.body, wanted.body);
    for (const name of ["lang", "dir"]) {
      this.frame.contentDocument.documentElement.setAttribute(
        name,
        wanted.documentElement.getAttribute(name) || "",
      );
    }
    this.finish();
    if (this.isRevealing) this.reveal();
  }

  finish() {
    this.showTheme();
    this.markEmpty();
    this.layOut();
  }

  // ---- Views ----------------------------------------------------------------------------------

  setView(view) {
    Object.assign(this.view, view);
    this.showTheme();
    this.layOut();
  }

  // Dark mode is a media query; here it follows the button, whatever the browser prefers.
  showTheme() {
    for (const sheet of this.frame.contentDocument.styleSheets) schemeIn(sheet.cssRules, this.view.isDark);
    this.frame.contentDocument.documentElement.style.colorScheme = this.view.isDark ? "dark" : "light";
  }

  // The frame is as high as the email, so that the stage scrolls and the layer lies exactly on it.
  layOut() {
    const room = this.stage.clientWidth;
    if (!room) return; // the preview is shown instead
    const isPhone = this.view.width === "phone";
    const width = isPhone ? Math.min(PHONE, room) : Math.max(MIN_DESKTOP, room);
    const scale = Math.min(1, room / width);
    this.scale = scale;
    this.page.style.width = `${width}px`;
    const height = Math.max(this.contentHeight(), this.leastHeight() / scale);
    this.page.style.height = `${height}px`;
    this.page.style.transform = scale < 1 ? `scale(${scale})` : "";
    this.page.style.setProperty("--be-unscale", 1 / scale);
    this.page.style.marginBottom = scale < 1 ? `${(scale - 1) * height}px` : "";
    this.page.style.marginInline = room > width ? "auto" : "0";
    this.page.classList.toggle("is-phone", isPhone);
    this.placeBoxes();
    for (const listener of this.listeners) listener();
  }

  // On a phone the stage is as high as the email, and the whole page scrolls.
  leastHeight() {
    return getComputedStyle(this.stage).overflowY === "visible"
      ? window.innerHeight * 0.6
      : this.stage.clientHeight;
  }

  contentHeight() {
    if (!this.body) return 0;
    const bottoms = [...this.body.children].map((child) => child.getBoundingClientRect().bottom);
    return Math.ceil(Math.max(0, ...bottoms));
  }

  // ---- Where blocks are -----------------------------------------------------------------------

  elements(id) {
    return id && this.body ? [...this.body.querySelectorAll(`.b-${CSS.escape(id)}`)] : [];
  }

  // The rectangle of a block in the frame, or null if it is not shown in this view.
  rectOf(id) {
    const rects = this.elements(id)
      .map((element) => element.getBoundingClientRect())
      .filter((rect) => rect.width && rect.height);
    if (!rects.length) return null;
    const left = Math.min(...rects.map((rect) => rect.left)),
      top = Math.min(...rects.map((rect) => rect.top));
    const right = Math.max(...rects.map((rect) => rect.right)),
      bottom = Math.max(...rects.map((rect) => rect.bottom));
    return { left, top, right, bottom, width: right - left, height: bottom - top };
  }

  // A point of the page as a point of the frame.
  pointOf(event) {
    const rect = this.page.getBoundingClientRect();
    return { x: (event.clientX - rect.left) / this.scale, y: (event.clientY - rect.top) / this.scale };
  }

  // The block at a point of the frame, or "".
  at({ x, y }) {
    let element = this.frame.contentDocument.elementFromPoint(x, y);
    for (; element; element = element.parentElement) {
      const entries = blocksOf(element)
        .map((id) => find(this.store.document, id))
        .filter(Boolean);
      if (entries.length) return entries.sort((one, other) => other.depth - one.depth)[0].node.id;
    }
    return "";
  }

  markEmpty() {
    for (const { node, kind } of walk(this.store.document)) {
      if (kind !== "column" && kind !== "repeat") continue;
      for (const element of this.elements(node.id)) element.classList.toggle("be-empty", !node.blocks.length);
    }
  }

  // ---- Boxes ----------------------------------------------------------------------------------

  placeBoxes() {
    const rect = this.rectOf(this.store.selected);
    this.place(this.chosen, rect, this.store.selected);
    this.hover.hidden = true;
    this.marks.replaceChildren(...this.emptyMarks(), ...this.problemMarks());
    this.layer.classList.toggle("is-hidden-block", Boolean(this.store.selected) && !rect);
  }

  place(box, rect, id) {
    const entry = rect && this.store.entry(id);
    box.hidden = !entry;
    if (!entry) return;
    put(box, rect);
    box.classList.toggle("is-row", isRow(entry.kind) || entry.kind === "column");
    box.firstElementChild.textContent = word(`type_${entry.kind}`);
  }

  emptyMarks() {
    return [...walk(this.store.document)]
      .filter(({ node, kind }) => (kind === "column" || kind === "repeat") && !node.blocks.length)
      .map(({ node }) => ({ node, rect: this.rectOf(node.id) }))
      .filter(({ rect }) => rect)
      .map(({ node, rect }) =>
        put(
          el(
            "button",
            {
              type: "button",
              class: "be-add-here",
              tabindex: "-1",
              "data-add-in": node.id,
            },
            word("add_block"),
          ),
          rect,
        ),
      );
  }

  problemMarks() {
    const ids = new Set(this.store.problems.map((problem) => problem.block).filter(Boolean));
    return [...ids]
      .filter((id) => this.store.problemsOf(id).length)
      .map((id) => ({ id, rect: this.rectOf(id) }))
      .filter(({ rect }) => rect)
      .map(({ id, rect }) => {
        const listed = this.store.problemsOf(id);
        const kind = listed.some((problem) => problem.blocks) ? "is-error" : "is-warning";
        const text = listed.map((problem) => problem.text).join("\n");
        return put(el("span", { class: `be-problem-mark ${kind}`, title: text }, "!"), {
          ...rect,
          left: rect.right - 11,
          top: rect.top - 9,
          width: 20,
          height: 20,
        });
      });
  }

  // The top of the part of the page that is not scrolled away, in the page.
  seenFrom() {
    const top = Math.max(this.stage.getBoundingClientRect().top, this.bar.getBoundingClientRect().bottom);
    return (top - this.page.getBoundingClientRect().top) / this.scale;
  }

  // Scroll so that the selected block is seen: now, and again where the next compilation puts it.
  reveal() {
    this.isRevealing = this.timer !== null || this.isBusy;
    if (!this.chosen.hidden) this.chosen.scrollIntoView({ block: "nearest" });
  }

  // ---- Pointer --------------------------------------------------------------------------------

  listen() {
    this.layer.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch" || event.target.closest("[data-add-in]")) return;
      const id = this.at(this.pointOf(event));
      this.place(this.hover, id && id !== this.store.selected ? this.rectOf(id) : null, id);
    });
    this.layer.addEventListener("pointerleave", () => {
      this.hover.hidden = true;
    });
    this.layer.addEventListener("click", (event) => {
      if (event.target.closest("[data-add-in]")) return;
      const id = this.at(this.pointOf(event));
      this.layer.focus({ preventScroll: true });
      this.store.select(id, { focus: "point", point: { left: event.clientX, top: event.clientY } });
    });
    for (const type of ["dragenter", "dragover"]) {
      this.page.addEventListener(type, (event) => this.dragOver(event));
    }
    this.page.addEventListener("dragleave", (event) => {
      if (!this.page.contains(event.relatedTarget)) this.line.hidden = true;
    });
    this.page.addEventListener("drop", (event) => this.drop(event));
  }

  // ---- Dragging -------------------------------------------------------------------------------

  // What is dragged: { kind, drop(place) }.
  drag(dragged) {
    this.dragged = dragged;
    this.page.classList.add("is-dragging");
    this.hover.hidden = true;
  }

  endDrag() {
    this.dragged = null;
    this.line.hidden = true;
    this.page.classList.remove("is-dragging");
  }

  dragOver(event) {
    if (!this.dragged) return;
    event.preventDefault();
    this.target = this.places.at(this.pointOf(event), this.dragged.kind);
    this.line.hidden = false;
    this.line.classList.toggle("is-area", this.target.isArea);
    put(this.line, this.target.rect);
  }

  drop(event) {
    if (!this.dragged) return;
    event.preventDefault();
    const { dragged, target } = this;
    this.endDrag();
    if (target) dragged.drop(target.place);
  }
}

// Put an element at a rectangle, and return it.
export function put(element, rect) {
  Object.assign(element.style, {
    left: `${rect.left}px`,
    top: `${rect.top}px`,
    width: `${rect.width}px`,
    height: `${rect.height}px`,
  });
  return element;
}

// Resolves when the frame has its page, and not the empty one that it begins with. Its images may
// still be loading.
function loaded(frame) {
  const isThere = () => {
    const page = frame.contentDocument;
    return page && page.readyState !== "loading" && page.querySelector("[data-canvas]");
  };
  return new Promise((resolve) => {
    const look = () => {
      if (!isThere()) return;
      window.clearInterval(timer);
      resolve();
    };
    const timer = window.setInterval(look, LOOK_MS);
    frame.addEventListener("load", look);
    look();
  });
}
