// The tools for the text that is edited: bold, italic, links, lists, colour and merge tags.
import { BRAND_COLOURS } from "./block_types.js";
import { withScheme } from "./control_parts.js";
import { SECURE, brand, el, iconButton, word } from "./words.js";

const MARKS = [
  ["bold", "bold", "Bold"],
  ["italic", "italic", "Italic"],
  ["underline", "underline", "Underline"],
  ["strike", "strikethrough", "Strike"],
];

export class TextTools {
  constructor(text) {
    this.text = text;
    this.bar = el("div", { class: "be-tool-group is-format", hidden: true });
    this.popover = el("div", { class: "be-popover", hidden: true });
    this.make();
  }

  make() {
    const button = (name, label, run, id) =>
      iconButton(name, label, run, { "data-format": id, "aria-pressed": "false" });
    this.lists = [
      button("list", word("bullet_list"), () => this.run("toggleBulletList"), "bulletList"),
      button("list-numbers", word("numbered_list"), () => this.run("toggleOrderedList"), "orderedList"),
    ];
    this.bar.append(
      ...MARKS.map(([mark, name, method]) =>
        button(name, word(`mark_${mark}`), () => this.run(`toggle${method}`), mark),
      ),
      button("link", word("mark_link"), () => this.editLink(), "link"),
      button("palette", word("mark_colour"), () => this.pickColour(), "textColour"),
      ...this.lists,
    );
    this.tag = iconButton("user", word("insert_merge_tag"), () => this.insertTag());
    this.bar.append(this.tag);
  }

  run(command, ...values) {
    this.text.editor
      .chain()
      .focus(null, { scrollIntoView: false })
      [command](...values)
      .run();
  }

  show() {
    const { editor } = this.text;
    this.bar.hidden = !editor;
    if (editor) {
      for (const button of this.bar.querySelectorAll("[data-format]")) {
        button.setAttribute("aria-pressed", String(editor.isActive(button.dataset.format)));
      }
      for (const button of this.lists) button.hidden = this.text.isLine;
      this.tag.hidden = !window.pickMergeTag;
    }
  }

  async insertTag() {
    const picked = await window.pickMergeTag();
    if (!picked || !this.text.editor) return;
    this.text.editor
      .chain()
      .focus()
      .insertContent({ type: "mergeTag", attrs: { tag: picked.tag, fallback: picked.fallback || "" } })
      .run();
  }

  editLink() {
    const { editor } = this.text;
    const now = editor.getAttributes("link").href || "";
    const input = el("input", {
      class: "form-control form-control-sm",
      placeholder: SECURE,
      "aria-label": word("link_address"),
      autocomplete: "off",
    });
    input.value = now;
    const apply = () => {
      const href = withScheme(input.value);
      this.closePopover();
      const chain = editor.chain().focus().extendMarkRange("link");
      if (!href) chain.unsetMark("link").run();
      else if (editor.state.selection.empty && !now) {
        chain
          .insertContent({
            type: "text",
            text: input.value.trim(),
            marks: [{ type: "link", attrs: { href } }],
          })
          .run();
      } else chain.setMark("link", { href }).run();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        apply();
      }
    });
    this.openPopover(
      input,
      el("button", { type: "button", class: "btn btn-sm btn-primary", onclick: apply }, word("apply")),
      now
        ? iconButton("link-off", word("remove_link"), () => {
            input.value = "";
            apply();
          })
        : "",
    );
    input.focus();
  }

  pickColour() {
    const { editor } = this.text;
    const set = (colour) => {
      this.closePopover();
      const chain = editor.chain().focus();
      if (colour) chain.setMark("textColour", { colour }).run();
      else chain.unsetMark("textColour").run();
    };
    const swatch = (choice) => {
      const button = el("button", {
        type: "button",
        class: choice ? "be-swatch" : "be-swatch is-usual",
        title: word(choice ? `colour_${choice}` : "colour_usual"),
        "aria-label": word(choice ? `colour_${choice}` : "colour_usual"),
        onclick: () => set(choice),
      });
      if (choice) button.style.backgroundColor = brand.palette[choice];
      return button;
    };
    const own = el("input", {
      type: "color",
      "aria-label": word("own_colour"),
      onchange: () => set(own.value),
    });
    const now = editor.getAttributes("textColour").colour || "";
    own.value = now.startsWith("#") ? now : brand.palette[now] || brand.palette.text;
    this.openPopover(
      el(
        "span",
        { class: "be-swatches" },
        ...["", ...BRAND_COLOURS.slice(0, 4)].map(swatch),
        el("label", { class: "be-own-colour", title: word("own_colour") }, own),
      ),
    );
  }

  openPopover(...children) {
    this.popover.replaceChildren(...children.filter(Boolean));
    this.popover.hidden = false;
  }

  closePopover() {
    this.popover.hidden = true;
    this.popover.replaceChildren();
  }
}
