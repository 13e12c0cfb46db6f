// The words and data that the server gives the block editor.

const data = JSON.parse(document.getElementById("block-editor-data").textContent);

export const SECURE = "https://";

// The digest of the document that the server sent.
export const sentSource = data.source;
// The side on which lines begin in the language of the email.
export const start = data.start;
export const brand = data.brand;
export const fields = data.fields;
export const segments = data.segments;
export const networks = data.networks;

// The sentence with this name, with its parameters: "{name} moved up".
export function word(name, values = {}) {
  const text = data.words[name];
  if (text === undefined) throw new Error(`no word ${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${data.icons}#${name}`);
  svg.append(use);
  return svg;
}

// An element with attributes, properties ("on..." are listeners) and children.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function iconButton(name, label, run, more = {}) {
  return el(
    "button",
    { type: "button", class: "be-icon", title: label, "aria-label": label, onclick: run, ...more },
    icon(name),
  );
}
