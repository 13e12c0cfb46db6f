// Controls of the inspector to choose: values, colours, numbers.
import { BRAND_COLOURS } from "./block_types.js";
import { group, labelOf, newName, row } from "./control_parts.js";
import { brand, el, icon, word } from "./words.js";

export function choice(field, value, { set }) {
  const select = el(
    "select",
    { class: "form-select", onchange: () => set({ [field.name]: chosen() }) },
    ...field.options.map(([key, name]) => el("option", { value: key, selected: key === value }, word(name))),
  );
  const chosen = () => field.options[select.selectedIndex][0];
  return row(field, select);
}

export function toggle(field, value, { set }) {
  const input = el("input", {
    type: "checkbox",
    class: "form-check-input",
    checked: value,
    "data-field": field.name,
    onchange: () => set({ [field.name]: input.checked }),
  });
  return el(
    "label",
    { class: "form-check form-switch be-field" },
    input,
    el("span", { class: "form-check-label" }, labelOf(field)),
  );
}

export function align(field, value, { set }) {
  const name = newName();
  return group(
    field,
    "be-segments",
    ["left", "center", "right"].map((side) => {
      const input = el("input", {
        type: "radio",
        name,
        value: side,
        checked: side === value,
        "data-field": `align-${side}`,
        onchange: () => set({ [field.name]: side }),
      });
      return el(
        "label",
        { title: word(`align_${side}`) },
        input,
        icon(`align-${side}`),
        el("span", { class: "visually-hidden" }, word(`align_${side}`)),
      );
    }),
  );
}

// The brand's colours first: they follow the brand, also in dark mode. Then any other.
export function colour(field, value, { set, redraw }) {
  const name = newName();
  const pick = (choice) => {
    set({ [field.name]: choice });
    redraw();
  };
  const nameOf = (choice) => word(choice ? `colour_${choice}` : "colour_usual");
  const nameNow = value.startsWith("#") ? value : nameOf(value);
  // Colors that look alike are told apart by name: that of the chosen one, or of the one pointed at.
  const caption = el("span", { class: "be-swatch-name", "aria-hidden": "true" }, nameNow);
  const show = (text) => {
    caption.textContent = text;
  };
  const swatches = ["", ...BRAND_COLOURS].map((choice) => {
    const title = nameOf(choice);
    const swatch = el("span", { class: choice ? "be-swatch" : "be-swatch is-usual" });
    if (choice) swatch.style.backgroundColor = brand.palette[choice];
    return el(
      "label",
      { title, onmouseenter: () => show(title), onmouseleave: () => show(nameNow) },
      el("input", {
        type: "radio",
        name,
        value: choice,
        checked: choice === value,
        "data-field": `${field.name}-${choice}`,
        onchange: () => pick(choice),
      }),
      swatch,
      el("span", { class: "visually-hidden" }, title),
    );
  });
  const isOwn = value.startsWith("#");
  const own = el("input", {
    type: "color",
    "aria-label": word("own_colour_of", { what: labelOf(field) }),
    value: isOwn ? value : brand.palette[value] || "#4f46e5",
    class: isOwn ? "is-chosen" : "",
    "data-field": `${field.name}-own`,
    oninput: () => set({ [field.name]: own.value }),
    onchange: () => pick(own.value),
  });
  return group(field, "be-swatches", [
    ...swatches,
    el("label", { class: "be-own-colour", title: word("own_colour") }, own),
    caption,
  ]);
}

export function number(field, value, { set }) {
  const shown = value === (field.empty ?? (field.zero ? 0 : null)) ? "" : value;
  const input = el("input", {
    type: "number",
    class: "form-control",
    min: field.min,
    max: field.max,
    value: shown,
    placeholder: placeholderOf(field),
    inputmode: "numeric",
    oninput: () => write(input),
  });
  const write = (from) => {
    const typed =
      from.value === ""
        ? (field.empty ?? (field.zero ? 0 : (field.initial ?? field.min)))
        : Math.round(Number(from.value));
    if (Number.isNaN(typed)) return;
    const fits = Math.max(field.min, Math.min(field.max, typed));
    if (from !== input) input.value = fits;
    else if (range) range.value = fits;
    set({ [field.name]: fits });
  };
  const range =
    field.isRange &&
    el("input", {
      type: "range",
      class: "form-range",
      min: field.min,
      max: field.max,
      value,
      step: 4,
      "aria-label": labelOf(field),
      oninput: () => write(range),
    });
  const unit = field.unit ? el("span", { class: "be-unit" }, field.unit) : "";
  return row(field, input, { shown: el("div", { class: "be-number" }, range, input, unit) });
}

function placeholderOf(field) {
  if (field.empty !== undefined) return word("as_brand");
  return field.zero ? word(field.zero) : "";
}
