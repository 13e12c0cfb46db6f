// The controls of the inspector, by kind. Each gets its description and a context with the
// node, `set(values)` and `redraw()`.
import { align, choice, colour, number, toggle } from "./control_choices.js";
import { columns, image, ownText, profiles, saveBlock, savedBlock } from "./control_lists.js";
import { beside, row, tagButton, textInput, withScheme } from "./control_parts.js";
import { SECURE } from "./words.js";

export function control(field, context) {
  const { node } = context;
  const value = node[field.name] ?? field.initial ?? defaultOf(field);
  return KINDS[field.kind](field, value, context);
}

function defaultOf(field) {
  return { number: 0, toggle: false, profiles: [], columns: [], own_text: null }[field.kind] ?? "";
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
  return row(
    field,
    textInput("textarea", field, value, context, {
      rows: 14,
      maxlength: 200000,
      class: "form-control code-editor be-code",
      spellcheck: "false",
      wrap: "off",
    }),
  );
}

function link(field, value, context) {
  const input = textInput("input", field, value, context, {
    placeholder: SECURE,
    inputmode: "url",
    maxlength: 4000,
  });
  input.addEventListener("change", () => {
    const full = withScheme(input.value);
    if (full !== input.value) {
      input.value = full;
      context.set({ [field.name]: full });
    }
  });
  return row(field, input, beside(input, tagButton(input)));
}

function listField(field, value, context) {
  const input = textInput("input", field, value, context, { placeholder: "subscriber.products" });
  return row(field, input);
}

const KINDS = {
  save_block: saveBlock,
  saved_block: savedBlock,
  text,
  area,
  code,
  link,
  choice,
  toggle,
  align,
  colour,
  number,
  image,
  profiles,
  columns,
  own_text: ownText,
  list_field: listField,
};
