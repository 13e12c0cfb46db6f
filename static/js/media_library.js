// The page of the media library.
import { watchUploads } from "./media_upload.js";

const area = document.querySelector("[data-media-upload]");
const folder = new URLSearchParams(window.location.search).get("folder") || "";

watchUploads(area, document, reload, () => ({ folder: folder === "-" ? "" : folder }));

function reload() {
  return window.htmx.ajax("GET", window.location.href, {
    target: "#media-library", select: "#media-library", swap: "outerHTML",
  });
}
