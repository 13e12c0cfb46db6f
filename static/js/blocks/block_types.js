// One description per kind of block: its icon, and the form in the inspector.
import { start } from "./words.js";

const size = (name, min, max, more = {}) => ({ kind: "number", name, min, max, unit: "px", ...more });
const colour = (name) => ({ kind: "colour", name });
const align = { kind: "align", name: "align", initial: start };
const centred = { ...align, initial: "center" };
const link = { kind: "link", name: "link" };
const image = (name, alt) => ({ kind: "image", name, alt });
const choice = (name, initial, ...options) => ({ kind: "choice", name, initial, options });

export const TYPES = {
  heading: {
    icon: "heading",
    fields: [choice("level", 2, [1, "level_1"], [2, "level_2"], [3, "level_3"]), align, colour("colour")],
  },
  text: {
    icon: "align-left",
    fields: [align, size("size", 0, 48, { zero: "size_of_brand" }), colour("colour")],
  },
  image: {
    icon: "photo",
    fields: [
      image("src", "alt"),
      link,
      size("width", 0, 1200, { zero: "full_width" }),
      centred,
      { kind: "toggle", name: "is_flush", isMore: true },
      { ...size("radius", 0, 60), isMore: true },
      { ...image("dark_src"), isMore: true },
    ],
  },
  logo: {
    icon: "square-rounded",
    fields: [
      centred,
      size("width", 0, 600, { zero: "size_of_brand" }),
      link,
      { kind: "text", name: "alt", isMore: true },
    ],
  },
  button: {
    icon: "click",
    fields: [
      { kind: "text", name: "label", hasTags: true },
      link,
      align,
      { kind: "toggle", name: "is_wide" },
      colour("background"),
      { ...colour("colour"), label: "text_colour" },
      size("radius", -1, 40, { initial: -1, empty: -1, zero: "" }),
    ],
  },
  divider: {
    icon: "separator-horizontal",
    fields: [
      colour("colour"),
      size("thickness", 1, 12, { initial: 1 }),
      { kind: "number", name: "width", min: 10, max: 100, unit: "%", initial: 100 },
    ],
  },
  spacer: { icon: "spacing-vertical", fields: [size("height", 4, 200, { initial: 24, isRange: true })] },
  social: {
    icon: "share",
    fields: [{ kind: "profiles", name: "entries" }, centred, size("size", 16, 48, { initial: 24 })],
  },
  product: {
    icon: "shopping-bag",
    fields: [
      image("image", "alt"),
      { kind: "text", name: "title", hasTags: true },
      { kind: "area", name: "text", hasTags: true },
      { kind: "text", name: "price", hasTags: true },
      { kind: "text", name: "old_price", hasTags: true },
      { kind: "text", name: "label", hasTags: true },
      link,
      choice("layout", "top", ["top", "image_top"], ["left", "image_left"]),
    ],
  },
  quote: {
    icon: "quote",
    fields: [{ kind: "text", name: "author", hasTags: true }, { kind: "text", name: "role" }, image("image")],
  },
  video: { icon: "player-play", fields: [{ ...link, label: "video_link" }, image("image", "alt")] },
  html: { icon: "code", fields: [{ kind: "code", name: "code" }] },
  repeat: {
    icon: "repeat",
    fields: [
      { kind: "list_field", name: "each" },
      { kind: "number", name: "limit", min: 1, max: 100, initial: 10 },
    ],
  },
  section: {
    icon: "section",
    fields: [
      { kind: "columns", name: "columns" },
      colour("background"),
      size("padding_top", 0, 120, { initial: 16, isRange: true }),
      size("padding_bottom", 0, 120, { initial: 16, isRange: true }),
      { kind: "toggle", name: "stacks", initial: true },
      { kind: "toggle", name: "is_full" },
      { ...image("background_image"), isMore: true },
      { kind: "save_block", name: "save_block" },
    ],
  },
  column: {
    icon: "layout-rows",
    fields: [
      { kind: "number", name: "width", min: 0, max: 100, unit: "%", zero: "equal_width" },
      choice("vertical_align", "top", ["top", "to_top"], ["middle", "to_middle"], ["bottom", "to_bottom"]),
      colour("background"),
    ],
  },
  saved: { icon: "bookmark", fields: [{ kind: "saved_block", name: "saved" }] },
  footer: {
    icon: "layout-bottombar",
    fields: [{ kind: "own_text", name: "content" }, centred, { kind: "toggle", name: "shows_social" }],
  },
  email: {
    icon: "mail",
    fields: [size("width", 320, 800, { initial: 600 }), colour("background"), colour("surface")],
  },
};

export const LAYOUTS = [[0], [50, 50], [33, 67], [67, 33], [33, 34, 33], [25, 25, 25, 25]];

// Names of the colours of a brand, in the order of the inspector.
export const BRAND_COLOURS = [
  "accent",
  "heading",
  "text",
  "muted",
  "on_accent",
  "surface",
  "background",
  "border",
];

// What can be hidden on some screens and shown to some recipients only.
export const canBeHidden = (kind) => kind !== "column" && kind !== "email" && kind !== "footer";
