// The controls of the inspector, by their kind. Each gets its description and a context with the
// node, `set(values)` and `redraw()`.
import { BRAND_COLOURS, LAYOUTS } from "./block_types.js";
import { richText, setColumns } from "./document.js";
import { SECURE, brand, el, icon, iconButton, networks, word } from "./words.js";

let next = 0;
const newName = () => `be-${next += 1}`;

export function control(field, context) {
  const { node } = context;
  const value = node[field.name] ?? field.initial ?? defaultOf(field);
  return KINDS[field.kind](field, value, context);
}

function defaultOf(field) {
  return { number: 0, toggle: false, profiles: [], columns: [], own_text: null }[field.kind] ?? "";
}

function labelOf(field) { return word(`field_${field.label || field.name}`); }

// `shown`: the input with what stands beside it.
function row(field, input, { shown = input } = {}, ...more) {
  input.id ||= newName();
  input.dataset.field = field.name;
  const label = el("label", { class: "form-label", for: input.id }, labelOf(field));
  return el("div", { class: "be-field" }, label, shown, ...more);
}

function beside(input, button) { return { shown: el("div", { class: "be-with-button" }, input, button) }; }

// ---- Texts ------------------------------------------------------------------------------------

function textInput(tag, field, value, { set }, more = {}) {
  const input = el(tag, { class: "form-control", maxlength: 2000, autocomplete: "off", ...more,
    oninput: () => set({ [field.name]: input.value }) });
  input.value = value;
  return input;
}

// A merge tag from the picker, put where the caret is.
function tagButton(input) {
  if (!window.pickMergeTag) return "";
  return iconButton("user", word("insert_merge_tag"), async () => {
    const { selectionStart: from, selectionEnd: to } = input;
    const picked = await window.pickMergeTag();
    if (!picked) return;
    input.setRangeText(picked.text, from, to, "end");
    input.dispatchEvent(new Event("input"));
    input.focus();
  });
}

function text(field, value, context) {
  const input = textInput("input", field, value, context);
  return row(field, input, beside(input, field.hasTags ? tagButton(input) : ""));
}

function area(field, value, context) {
  const input = textInput("textarea", field, value, context, { rows: 3 });
  return row(field, input, beside(input, field.hasTags ? tagButton(input) : ""));
}

function code(field, value, context) {
  return row(field, textInput("textarea", field, value, context,
    { rows: 14, maxlength: 200000, class: "form-control code-editor be-code", spellcheck: "false", wrap: "off" }));
}

function link(field, value, context) {
  const input = textInput("input", field, value, context, { placeholder: SECURE, inputmode: "url", maxlength: 4000 });
  input.addEventListener("change", () => {
    const full = withScheme(input.value);
    if (full !== input.value) { input.value = full; context.set({ [field.name]: full }); }
  });
  return row(field, input, beside(input, tagButton(input)));
}

// "example.com/sale" is meant as a web address, "name@example.com" as an email address.
export function withScheme(address) {
  const typed = address.trim();
  if (!typed || /^([a-z][a-z0-9+.-]*:|#|\{\{|\/)/i.test(typed)) return typed;
  return /^[^\s/@]+@[^\s/@]+\.[^\s/@]+$/.test(typed) ? `mailto:${typed}` : `${SECURE}${typed}`;
}

// ---- Choices ----------------------------------------------------------------------------------

function choice(field, value, { set }) {
  const select = el("select", { class: "form-select", onchange: () => set({ [field.name]: chosen() }) },
    ...field.options.map(([key, name]) => el("option", { value: key, selected: key === value }, word(name))));
  const chosen = () => field.options[select.selectedIndex][0];
  return row(field, select);
}

function toggle(field, value, { set }) {
  const input = el("input", { type: "checkbox", class: "form-check-input", checked: value, "data-field": field.name,
    onchange: () => set({ [field.name]: input.checked }) });
  return el("label", { class: "form-check form-switch be-field" }, input,
    el("span", { class: "form-check-label" }, labelOf(field)));
}

function align(field, value, { set }) {
  const name = newName();
  return group(field, "be-segments", ["left", "center", "right"].map((side) => {
    const input = el("input", { type: "radio", name, value: side, checked: side === value, "data-field": `align-${side}`,
      onchange: () => set({ [field.name]: side }) });
    return el("label", { title: word(`align_${side}`) }, input, icon(`align-${side}`),
      el("span", { class: "visually-hidden" }, word(`align_${side}`)));
  }));
}

function group(field, className, choices, ...more) {
  const id = newName();
  return el("div", { class: "be-field", role: "group", "aria-labelledby": id },
    el("span", { class: "form-label", id }, labelOf(field)), el("div", { class: className }, ...choices), ...more);
}

// The brand's colours first: they follow the brand, also in dark mode. Then any other.
function colour(field, value, { set, redraw }) {
  const name = newName();
  const pick = (choice) => { set({ [field.name]: choice }); redraw(); };
  const swatches = ["", ...BRAND_COLOURS].map((choice) => {
    const title = choice ? word(`colour_${choice}`) : word("colour_usual");
    const swatch = el("span", { class: choice ? "be-swatch" : "be-swatch is-usual" });
    if (choice) swatch.style.backgroundColor = brand.palette[choice];
    return el("label", { title }, el("input", { type: "radio", name, value: choice, checked: choice === value,
      "data-field": `${field.name}-${choice}`, onchange: () => pick(choice) }),
    swatch, el("span", { class: "visually-hidden" }, title));
  });
  const isOwn = value.startsWith("#");
  const own = el("input", { type: "color", "aria-label": word("own_colour_of", { what: labelOf(field) }),
    value: isOwn ? value : brand.palette[value] || "#4f46e5", class: isOwn ? "is-chosen" : "",
    "data-field": `${field.name}-own`, oninput: () => set({ [field.name]: own.value }), onchange: () => pick(own.value) });
  return group(field, "be-swatches", [...swatches, el("label", { class: "be-own-colour", title: word("own_colour") }, own)]);
}

// ---- Numbers ----------------------------------------------------------------------------------

function number(field, value, { set }) {
  const shown = value === (field.empty ?? (field.zero ? 0 : null)) ? "" : value;
  const input = el("input", { type: "number", class: "form-control", min: field.min, max: field.max, value: shown,
    placeholder: placeholderOf(field), inputmode: "numeric", oninput: () => write(input) });
  const write = (from) => {
    const typed = from.value === "" ? (field.empty ?? (field.zero ? 0 : field.initial ?? field.min)) : Math.round(Number(from.value));
    if (Number.isNaN(typed)) return;
    const fits = Math.max(field.min, Math.min(field.max, typed));
    if (from !== input) input.value = fits;
    else if (range) range.value = fits;
    set({ [field.name]: fits });
  };
  const range = field.isRange && el("input", { type: "range", class: "form-range", min: field.min, max: field.max, value,
    step: 4, "aria-label": labelOf(field), oninput: () => write(range) });
  const unit = field.unit ? el("span", { class: "be-unit" }, field.unit) : "";
  return row(field, input, { shown: el("div", { class: "be-number" }, range, input, unit) });
}

function placeholderOf(field) {
  if (field.empty !== undefined) return word("as_brand");
  return field.zero ? word(field.zero) : "";
}

// ---- Images -----------------------------------------------------------------------------------

function image(field, value, context) {
  const { set, redraw, node } = context;
  const isMedia = value.startsWith("media:");
  const pick = async () => {
    const picked = await window.pickImage({ src: value, alt: node[field.alt] || "" });
    if (!picked) return;
    set({ [field.name]: picked.src, ...(field.alt ? { [field.alt]: picked.alt || node[field.alt] || "" } : {}) });
    redraw();
  };
  const address = textInput("input", field, isMedia ? "" : value, context, {
    placeholder: isMedia ? word("from_library") : SECURE, maxlength: 4000, inputmode: "url" });
  const buttons = el("div", { class: "be-buttons" },
    window.pickImage ? el("button", { type: "button", class: "btn btn-sm", onclick: pick, "data-field": `${field.name}-pick` },
      icon("photo"), value ? word("replace_image") : word("choose_image")) : "",
    value ? el("button", { type: "button", class: "btn btn-sm btn-ghost", "data-field": `${field.name}-remove`,
      onclick: () => { set({ [field.name]: "" }); redraw(); } }, word("remove_image")) : "");
  const parts = [row(field, address, {}, buttons)];
  if (field.alt) parts.push(altText(field, context));
  return el("div", {}, ...parts);
}

function altText(field, context) {
  const alt = { name: field.alt, label: "alt" };
  const input = textInput("input", alt, context.node[field.alt] || "", context);
  return row(alt, input, {}, el("p", { class: "form-hint" }, word("hint_alt")));
}

// ---- Lists of things --------------------------------------------------------------------------

function profiles(field, value, { set, redraw }) {
  const change = (entries, redraws) => { set({ [field.name]: entries }); if (redraws) redraw(); };
  const rows = value.map((entry, index) => {
    const others = () => structuredClone(value);
    const select = el("select", { class: "form-select", "aria-label": word("network"), "data-field": `network-${index}`,
      onchange: () => { const all = others(); all[index].network = select.value; change(all, true); } },
    ...networks.map(({ key, label }) => el("option", { value: key, selected: key === entry.network }, label)));
    const input = el("input", { class: "form-control", placeholder: SECURE, "aria-label": word("profile_address"),
      "data-field": `profile-${index}`, maxlength: 4000, autocomplete: "off",
      oninput: () => { const all = others(); all[index].url = input.value; value[index].url = input.value; change(all); } });
    input.value = entry.url;
    return el("div", { class: "be-profile" }, select, input, iconButton("x", word("remove_profile"),
      () => change(value.filter((_, at) => at !== index), true)));
  });
  const add = el("button", { type: "button", class: "btn btn-sm", "data-field": "add-profile",
    onclick: () => change([...value, { network: networks[0].key, url: "" }], true) }, icon("plus"), word("add_profile"));
  return el("div", { class: "be-field" }, el("span", { class: "form-label" }, labelOf(field)),
    value.length ? "" : el("p", { class: "form-hint" }, word("hint_social")), ...rows, add);
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

function columns(field, value, { node, set, redraw }) {
  const now = value.map((column) => column.width);
  return group(field, "be-layouts", LAYOUTS.map((widths) => el("button", {
    type: "button", title: layoutName(widths), "aria-label": layoutName(widths), "data-field": `layout-${widths}`,
    "aria-pressed": String(now.length === widths.length && now.every((width, index) => isSameWidth(width, widths[index], now.length))),
    onclick: () => {
      const copy = structuredClone(node);
      setColumns(copy, widths);
      set({ columns: copy.columns }, { redraws: true });
      redraw();
    },
  }, layoutPicture(widths))));
}

function isSameWidth(width, wanted, count) {
  return Math.abs((width || 100 / count) - (wanted || 100)) < 1.5;
}

function ownText(field, value, { set, redraw }) {
  const input = el("input", { type: "checkbox", class: "form-check-input", checked: Boolean(value), "data-field": field.name,
    onchange: () => { set({ [field.name]: input.checked ? richText(word("new_footer")) : null }, { redraws: true }); redraw(); } });
  return el("label", { class: "form-check form-switch be-field" }, input,
    el("span", { class: "form-check-label" }, word("field_own_text")));
}

function listField(field, value, context) {
  const input = textInput("input", field, value, context, { placeholder: "subscriber.products", list: "be-list-fields" });
  return row(field, input);
}

// ---- Saved blocks -----------------------------------------------------------------------------

function saveBlock(field, value, { node, saved }) {
  if (!saved.isThere) return "";
  return el("button", { type: "button", class: "btn w-100 be-field", onclick: () => saved.ask([node]) },
    icon("bookmark"), word("save_as_block"));
}

// Its name, the page where it is changed everywhere, and a copy that is changed only here.
function savedBlock(field, value, { saved, unlink }) {
  const known = saved.all.get(value);
  if (!known) return "";
  return el("div", { class: "be-field" }, el("p", {}, el("strong", {}, known.name)),
    el("button", { type: "button", class: "btn btn-sm", onclick: () => unlink(known.rows) }, icon("copy"), word("edit_copy")));
}

const KINDS = {
  save_block: saveBlock, saved_block: savedBlock,
  text, area, code, link, choice, toggle, align, colour, number, image, profiles, columns, own_text: ownText, list_field: listField,
};
