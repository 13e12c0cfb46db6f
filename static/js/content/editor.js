// The content page. The editors of each kind of content are modules of their own.
import "../autosave.js";
import "../preview.js";
import "./insert.js";
import "./modes.js";
import "./problems.js";

// The block editor starts with the colors of the brand.
const brand = document.getElementById("brand");
if (brand && "reloads" in brand.dataset) {
  const first = brand.value;
  document.body.addEventListener("content-saved", () => {
    if (brand.value !== first) window.location.reload();
  });
}
