// The form of a brand: its preview, the color pickers, and the image of the logo.
import { LivePreview } from "./live_preview.js";

const form = document.getElementById("brand-form");
const preview = new LivePreview(
  form, document.getElementById("brand-frame"), document.getElementById("brand-warnings"),
);

form.addEventListener("input", (event) => {
  const swatch = event.target.dataset.swatch;
  if (swatch) form.elements[swatch].value = event.target.value;
  else showSwatch(event.target);
});

document.querySelectorAll("[data-scheme]").forEach((button) => {
  button.addEventListener("click", () => {
    document.querySelectorAll("[data-scheme]").forEach((one) => {
      one.classList.toggle("active", one === button);
      one.setAttribute("aria-pressed", String(one === button));
    });
    preview.showScheme(button.dataset.scheme);
  });
});

const pick = document.getElementById("pick-logo");
pick.addEventListener("click", async () => {
  const logo = form.elements.logo, alt = form.elements.logo_alt;
  const image = await window.pickImage({ src: logo.value, alt: alt.value });
  if (!image) return;
  logo.value = image.src;
  showLogo(image);
  if (!alt.value) alt.value = image.alt || "";
  preview.compile();
});
window.addEventListener("load", () => { pick.hidden = !window.pickImage; });

// An image of the library is shown as such, and not by its address.
const chosenLogo = document.getElementById("logo-image");
function showLogo({ src, url, name = "" }) {
  const isOurs = src.startsWith("media:");
  chosenLogo.hidden = !isOurs;
  document.getElementById("logo-address").hidden = isOurs;
  if (!isOurs) return;
  chosenLogo.querySelector("img").src = url;
  chosenLogo.querySelector("span").textContent = name;
}
document.getElementById("remove-logo").addEventListener("click", () => {
  form.elements.logo.value = "";
  showLogo({ src: "" });
  form.elements.logo.focus();
  preview.compile();
});

function showSwatch(input) {
  const swatch = form.querySelector(`[data-swatch="${CSS.escape(input.name || "")}"]`);
  if (swatch && /^#[0-9a-f]{6}$/i.test(input.value)) swatch.value = input.value;
}
