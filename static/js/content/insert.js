// Inserts merge tags, images, links and buttons, in the language of the content.
import { surface } from "./surface.js";

const kind = document.querySelector("[name='content_kind']").value;

function escaped(text) {
  return text.trim().replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

// In a URL a merge tag stays as it was typed: quotes inside {{ }} do not end the attribute.
function url(text) {
  return escaped(text).replace(/\{\{.*?\}\}/g, (part) => part.replace(/&quot;/g, "'"));
}

// Brackets and line breaks would end the text of a Markdown link, and spaces its address.
function plain(text) { return text.trim().replace(/\s+/g, " ").replace(/[[\]]/g, "\\$&"); }
function target(text) {
  const address = text.trim().replace(/[<>\n]/g, encodeURIComponent);
  return /[\s()]/.test(address) ? `<${address}>` : address;
}

const HTML = {
  image: ({ url: src, alt, width = 560 }) => `<img src="${url(src)}" alt="${escaped(alt)}" width="${width}"` +
    ` style="display:block;width:100%;max-width:${width}px;height:auto;border:0">`,
  link: ({ url: href, text }) => `<a href="${url(href)}">${escaped(text)}</a>`,
  button: ({ url: href, text }) => '<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>' +
    '<td style="border-radius:8px;background-color:#4f46e5">' +
    `<a href="${url(href)}" style="display:inline-block;padding:13px 26px;font-family:Arial,sans-serif;` +
    `font-size:16px;font-weight:bold;color:#ffffff;text-decoration:none">${escaped(text)}</a></td></tr></table>`,
};
const WRITERS = {
  html: HTML,
  mjml: {
    image: ({ url: src, alt, width }) => `<mj-image src="${url(src)}" alt="${escaped(alt)}"` +
      `${width ? ` width="${width}px"` : ""} />`,
    link: HTML.link,
    button: ({ url: href, text }) => `<mj-button href="${url(href)}">${escaped(text)}</mj-button>`,
  },
  markdown: {
    image: ({ url: src, alt }) => `![${plain(alt)}](${target(src)})`,
    link: ({ url: href, text }) => `[${plain(text)}](${target(href)})`,
  },
};

// The address of a page becomes a link to it.
async function insertTag() {
  const picked = await window.pickMergeTag();
  if (!picked) return;
  const write = WRITERS[kind];
  const isLink = picked.kind === "link" && write;
  surface.insert(isLink ? write.link({ url: picked.text, text: picked.label }) : picked.text);
}

async function insertImage() {
  const picked = await window.pickImage({ src: "", alt: "" });
  if (!picked) return;
  const width = Math.min(picked.width || 560, 560);
  surface.insert(WRITERS[kind].image({ url: picked.src, alt: picked.alt || "", width }));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-pick-tag]")) insertTag();
  if (event.target.closest("[data-pick-image]")) insertImage();
});

document.addEventListener("submit", (event) => {
  const what = event.target.dataset.insertForm;
  if (!what) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  event.target.closest("dialog").close();
  surface.insert(WRITERS[kind][what](values));
  event.target.reset();
});
