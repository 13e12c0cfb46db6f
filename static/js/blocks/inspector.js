// The inspector: the form of what is selected.
import { TYPES, canBeHidden } from "./block_types.js";
import { find, pathTo } from "./document.js";
import { control } from "./controls.js";
import { conditionControl } from "./conditions.js";
import { el, icon, word } from "./words.js";

export class Inspector {
  constructor(store, root, hooks) {
    Object.assign(this, { store, hooks });
    this.path = root.querySelector("[data-path]");
    this.form = root.querySelector("[data-inspector]");
    this.list = el("ul", { class: "be-problems" });
    this.isPart = "isPart" in root.dataset; // a saved block, which has no settings of an email
    store.addEventListener("selection", ({ detail }) => {
      this.render();
      if (detail.isNew) this.form.scrollTop = 0;
    });
    store.addEventListener("problems", () => this.showProblems());
    store.addEventListener("document", ({ detail }) => {
      if (detail.by !== "inspector" && detail.by !== "text") this.render();
    });
    this.render();
  }

  get kind() {
    const entry = this.store.entry();
    return entry ? entry.kind : "email";
  }

  get node() {
    const entry = this.store.entry();
    return entry ? entry.node : this.store.document;
  }

  render() {
    if (!this.store.document) return;
    const focused = this.form.contains(document.activeElement) ? document.activeElement.dataset.field : "";
    const type = TYPES[this.kind];
    const fields = this.isPart && this.kind === "email" ? [] : type.fields;
    const main = fields.filter((field) => !field.isMore),
      more = fields.filter((field) => field.isMore);
    this.showPath();
    this.form.replaceChildren(
      this.heading(type),
      this.list,
      ...main.map((field) => this.control(field)),
      ...this.everyBlock(),
      more.length
        ? el(
            "details",
            { class: "be-more" },
            el("summary", {}, word("more_options")),
            ...more.map((field) => this.control(field)),
          )
        : "",
    );
    this.showProblems();
    const again = focused && this.form.querySelector(`[data-field="${CSS.escape(focused)}"]`);
    if (again) again.focus();
  }

  heading(type) {
    const hint = this.hint();
    return el(
      "header",
      { class: "be-inspector-head" },
      el("h3", {}, icon(type.icon), word(`type_${this.kind}`)),
      hint ? el("p", { class: "form-hint" }, hint) : "",
    );
  }

  hint() {
    const hints = {
      heading: "hint_text",
      text: "hint_text",
      quote: "hint_text",
      footer: "hint_footer",
      repeat: "hint_repeat",
      video: "hint_video",
      html: "hint_html",
      saved: "hint_saved",
      email: "hint_email",
      logo: "hint_logo",
    };
    return hints[this.kind] ? word(hints[this.kind]) : "";
  }

  control(field) {
    return control(field, {
      node: this.node,
      kind: this.kind,
      set: (values, options) => this.set(values, options),
      redraw: () => this.render(),
      say: (text) => this.store.say(text),
      ...this.hooks,
    });
  }

  everyBlock() {
    if (!canBeHidden(this.kind)) return [];
    const shown = {
      kind: "choice",
      name: "hide_on",
      initial: "",
      options: [
        ["", "on_all"],
        ["phone", "not_on_phones"],
        ["desktop", "not_on_computers"],
      ],
    };
    return [
      el(
        "details",
        { class: "be-more", open: Boolean(this.node.when || this.node.hide_on) },
        el("summary", {}, word("who_sees_it")),
        this.control(shown),
        conditionControl(
          this.node.when || null,
          (when, options) => this.set({ when }, options),
          () => this.render(),
        ),
      ),
    ];
  }

  set(values, { redraws = false } = {}) {
    const id = this.store.selected;
    this.store.change(
      (document) => {
        Object.assign(id ? find(document, id).node : document, values);
      },
      { key: `${id}.${Object.keys(values)}`, by: redraws ? "" : "inspector" },
    );
  }

  showProblems() {
    const found = this.store.problemsOf(this.store.selected);
    this.list.replaceChildren(
      ...found.map((problem) =>
        el(
          "li",
          { class: problem.blocks ? "is-error" : "is-warning" },
          icon(problem.blocks ? "alert-triangle" : "info-circle"),
          el("span", {}, problem.text),
        ),
      ),
      this.store.samples.has(this.store.selected)
        ? el("li", { class: "is-note" }, icon("edit"), el("span", {}, word("sample_content")))
        : "",
    );
  }

  // The path to what is selected; each step of it can be selected.
  showPath() {
    const steps = [
      { id: "", kind: "email" },
      ...pathTo(this.store.document, this.store.selected).map(({ node, kind }) => ({ id: node.id, kind })),
    ];
    this.path.replaceChildren(
      ...steps.map(({ id, kind }) =>
        el(
          "li",
          {},
          el(
            "button",
            {
              type: "button",
              onclick: () => this.store.select(id, { reveal: true }),
              ...(id === this.store.selected ? { "aria-current": "true" } : {}),
            },
            word(`type_${kind}`),
          ),
        ),
      ),
    );
  }
}
