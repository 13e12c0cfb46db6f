// Controls of the inspector for what has parts: images, profiles, columns, saved blocks.
import { LAYOUTS } from "./block_types.js";
import { group, labelOf, row, textInput } from "./control_parts.js";
import { richText, setColumns } from "./document.js";
import { SECURE, el, icon, iconButton, networks, word } from "./words.js";

export function image(field, value, context) {
  const { set, redraw, node } = context;
  const isMedia = value.startsWith("media:");
  const pick = async () => {
    const picked = await window.pickImage({ src: value, alt: node[field.alt] || "" });
    if (!picked) return;
    set({
      [field.name]: picked.src,
      ...(field.alt ? { [field.alt]: picked.alt || node[field.alt] || "" } : {}),
    });
    redraw();
  };
  const address = textInput("input", field, isMedia ? "" : value, context, {
    placeholder: isMedia ? word("from_library") : SECURE,
    maxlength: 4000,
    inputmode: "url",
  });
  const buttons = el(
    "div",
    { class: "be-buttons" },
    window.pickImage
      ? el(
          "button",
          { type: "button", class: "btn btn-sm", onclick: pick, "data-field": `${field.name}-pick` },
          icon("photo"),
          value ? word("replace_image") : word("choose_image"),
        )
      : "",
    value
      ? el(
          "button",
          {
            type: "button",
            class: "btn btn-sm btn-ghost",
            "data-field": `${field.name}-remove`,
            onclick: () => {
              set({ [field.name]: "" });
              redraw();
            },
          },
          word("remove_image"),
        )
      : "",
  );
  const parts = [row(field, address, {}, buttons)];
  if (field.alt) parts.push(altText(field, context));
  return el("div", {}, ...parts);
}

function altText(field, context) {
  const alt = { name: field.alt, label: "alt" };
  const input = textInput("input", alt, context.node[field.alt] || "", context);
  return row(alt, input, {}, el("p", { class: "form-hint" }, word("hint_alt")));
}

export function profiles(field, value, { set, redraw }) {
  const change = (entries, redraws) => {
    set({ [field.name]: entries });
    if (redraws) redraw();
  };
  const rows = value.map((entry, index) => {
    const others = () => structuredClone(value);
    const select = el(
      "select",
      {
        class: "form-select",
        "aria-label": word("network"),
        "data-field": `network-${index}`,
        onchange: () => {
          const all = others();
          all[index].network = select.value;
          change(all, true);
        },
      },
      ...networks.map(({ key, label }) =>
        el("option", { value: key, selected: key === entry.network }, label),
      ),
    );
    const input = el("input", {
      class: "form-control",
      placeholder: SECURE,
      "aria-label": word("profile_address"),
      "data-field": `profile-${index}`,
      maxlength: 4000,
      autocomplete: "off",
      oninput: () => {
        const all = others();
        all[index].url = input.value;
        value[index].url = input.value;
        change(all);
      },
    });
    input.value = entry.url;
    return el(
      "div",
      { class: "be-profile" },
      select,
      input,
      iconButton("x", word("remove_profile"), () =>
        change(
          value.filter((_, at) => at !== index),
          true,
        ),
      ),
    );
  });
  const add = el(
    "button",
    {
      type: "button",
      class: "btn btn-sm",
      "data-field": "add-profile",
      onclick: () => change([...value, { network: networks[0].key, url: "" }], true),
    },
    icon("plus"),
    word("add_profile"),
  );
  return el(
    "div",
    { class: "be-field" },
    el("span", { class: "form-label" }, labelOf(field)),
    value.length ? "" : el("p", { class: "form-hint" }, word("hint_social")),
    ...rows,
    add,
  );
}

// Pictures of layouts, also in the palette.
export function layoutPicture(widths) {
  const picture = el("span", { class: "be-layout", "aria-hidden": "true" });
  for (const width of widths) {
    const part = el("span");
    part.style.flexGrow = width || 100;
    picture.append(part);
  }
  return picture;
}

export function layoutName(widths) {
  if (widths.every((width) => width === widths[0]) || widths.join() === "33,34,33") {
    return word(`columns_${widths.length}`);
  }
  return word(widths[0] < widths[1] ? "columns_narrow_wide" : "columns_wide_narrow");
}

export function columns(field, value, { node, set, redraw }) {
  const now = value.map((column) => column.width);
  return group(
    field,
    "be-layouts",
    LAYOUTS.map((widths) =>
      el(
        "button",
        {
          type: "button",
          title: layoutName(widths),
          "aria-label": layoutName(widths),
          "data-field": `layout-${widths}`,
          "aria-pressed": String(
            now.length === widths.length &&
              now.every((width, index) => isSameWidth(width, widths[index], now.length)),
          ),
          onclick: () => {
            const copy = structuredClone(node);
            setColumns(copy, widths);
            set({ columns: copy.columns }, { redraws: true });
            redraw();
          },
        },
        layoutPicture(widths),
      ),
    ),
  );
}

function isSameWidth(width, wanted, count) {
  return Math.abs((width || 100 / count) - (wanted || 100)) < 1.5;
}

export function ownText(field, value, { set, redraw }) {
  const input = el("input", {
    type: "checkbox",
    class: "form-check-input",
    checked: Boolean(value),
    "data-field": field.name,
    onchange: () => {
      set({ [field.name]: input.checked ? richText(word("new_footer")) : null }, { redraws: true });
      redraw();
    },
  });
  return el(
    "label",
    { class: "form-check form-switch be-field" },
    input,
    el("span", { class: "form-check-label" }, word("field_own_text")),
  );
}

export function saveBlock(field, value, { node, saved }) {
  if (!saved.isThere) return "";
  return el(
    "button",
    { type: "button", class: "btn w-100 be-field", onclick: () => saved.ask(node) },
    icon("bookmark"),
    word("save_as_block"),
  );
}

// Its name, the page where it is changed everywhere, and a copy that is changed only here.
export function savedBlock(field, value, { saved, unlink }) {
  const known = saved.all.get(value);
  if (!known) return "";
  return el(
    "div",
    { class: "be-field d-flex flex-wrap gap-2" },
    el("strong", { class: "w-100" }, known.name),
    el(
      "a",
      { class: "btn btn-sm", href: known.url, target: "_blank" },
      icon("edit"),
      word("edit_everywhere"),
    ),
    el(
      "button",
      { type: "button", class: "btn btn-sm", onclick: () => unlink(value) },
      icon("copy"),
      word("edit_copy"),
    ),
  );
}
