// What the controls of the inspector are made of.
import { SECURE, el, iconButton, word } from "./words.js";

let next = 0;
export const newName = () => `be-${(next += 1)}`;

export function labelOf(field) {
  return word(`field_${field.label || field.name}`);
}

// `shown`: the input with what stands beside it.
export function row(field, input, { shown = input } = {}, ...more) {
  input.id ||= newName();
  input.dataset.field = field.name;
  const label = el("label", { class: "form-label", for: input.id }, labelOf(field));
  return el("div", { class: "be-field" }, label, shown, ...more);
}

export function beside(input, button) {
  return { shown: el("div", { class: "be-with-button" }, input, button) };
}

export function group(field, className, choices, ...more) {
  const id = newName();
  return el(
    "div",
    { class: "be-field", role: "group", "aria-labelledby": id },
    el("span", { class: "form-label", id }, labelOf(field)),
    el("div", { class: className }, ...choices),
    ...more,
  );
}

export function textInput(tag, field, value, { set }, more = {}) {
  const input = el(tag, {
    class: "form-control",
    maxlength: 2000,
    autocomplete: "off",
    ...more,
    oninput: () => set({ [field.name]: input.value }),
  });
  input.value = value;
  return input;
}

// A merge tag from the picker, put where the caret is.
export function tagButton(input) {
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

// "example.com/sale" is meant as a web address, "name@example.com" as an email address.
export function withScheme(address) {
  const typed = address.trim();
  if (!typed || /^([a-z][a-z0-9+.-]*:|#|\{\{|\/)/i.test(typed)) return typed;
  return /^[^\s/@]+@[^\s/@]+\.[^\s/@]+$/.test(typed) ? `mailto:${typed}` : `${SECURE}${typed}`;
}
