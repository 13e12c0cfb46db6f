// Who sees a block: everyone, or recipients with a field, or those in a segment.
import { el, fields, segments, word } from "./words.js";

const OPERATORS = ["is", "is_not", "contains", "has_value", "no_value", "at_least", "at_most"];
const WITHOUT_VALUE = new Set(["has_value", "no_value"]);

// `set(when, options)` stores the condition, `redraw` shows the form again.
export function conditionControl(when, set, redraw) {
  const write = (condition, isOther) => {
    set(condition, { redraws: isOther });
    if (isOther) redraw();
  };
  const kinds = [
    ["", "seen_by_everyone"],
    ["field", "seen_by_field"],
  ];
  if (segments.length || (when && when.kind === "segment")) kinds.push(["segment", "seen_by_segment"]);
  const parts = [
    picker(
      "condition",
      word("field_when"),
      kinds.map(([key, name]) => [key, word(name)]),
      when ? when.kind : "",
      (kind) => write(blank(kind), true),
    ),
  ];
  if (when && when.kind === "field") parts.push(...fieldParts(when, write));
  if (when && when.kind === "segment") parts.push(...segmentParts(when, write));
  return el("div", { class: "be-condition" }, ...parts);
}

function blank(kind) {
  if (kind === "field") return { kind, field: fields[0].tag, op: "is", value: "" };
  if (kind === "segment") return { kind, segment: segments[0].id, is_in: true };
  return null;
}

function fieldParts(when, write) {
  const known = fields.some((field) => field.tag === when.field);
  const choices = [
    ...(known ? [] : [[when.field, when.field]]),
    ...fields.map((field) => [field.tag, field.label]),
  ];
  const parts = [
    picker("condition-field", word("condition_field"), choices, when.field, (field) =>
      write({ ...when, field }, true),
    ),
    picker(
      "condition-op",
      word("condition_op"),
      OPERATORS.map((op) => [op, word(`op_${op}`)]),
      when.op,
      (op) => write({ ...when, op, value: WITHOUT_VALUE.has(op) ? "" : when.value || "" }, true),
    ),
  ];
  if (WITHOUT_VALUE.has(when.op)) return parts;
  const input = el("input", {
    class: "form-control",
    "data-field": "condition-value",
    "aria-label": word("condition_value"),
    maxlength: 2000,
    autocomplete: "off",
    placeholder: word("condition_value"),
    oninput: () => {
      when.value = input.value;
      write({ ...when });
    },
  });
  input.value = when.value || "";
  return [...parts, input];
}

function segmentParts(when, write) {
  const known = segments.some((segment) => segment.id === when.segment);
  const choices = [
    ...(known ? [] : [[when.segment, word("deleted_segment")]]),
    ...segments.map(({ id, name }) => [id, name]),
  ];
  return [
    picker(
      "condition-in",
      word("condition_in"),
      [
        ["in", word("in_segment")],
        ["out", word("not_in_segment")],
      ],
      when.is_in === false ? "out" : "in",
      (choice) => write({ ...when, is_in: choice === "in" }, true),
    ),
    picker("condition-segment", word("condition_segment"), choices, when.segment, (segment) =>
      write({ ...when, segment }, true),
    ),
  ];
}

function picker(field, label, choices, value, set) {
  const select = el(
    "select",
    { class: "form-select", "aria-label": label, "data-field": field, onchange: () => set(select.value) },
    ...choices.map(([key, name]) => el("option", { value: key, selected: key === value }, name)),
  );
  return select;
}
