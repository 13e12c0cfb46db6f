// The form of a brand: its preview, the color pickers, and the image of the logo.
const DELAY_MS = 250;
const form = document.getElementById("brand-form");
const frame = document.getElementById("brand-frame");
const warnings = document.getElementById("brand-warnings");
const view = { scheme: "light", timer: 0, latest: 0 };

form.addEventListener("input", (event) => {
  const swatch = event.target.dataset.swatch;
  if (swatch) form.elements[swatch].value = event.target.value;
  else showSwatch(event.target);
  window.clearTimeout(view.timer);
  view.timer = window.setTimeout(compile, DELAY_MS);
});

document.querySelectorAll("[data-scheme]").forEach((button) => {
  button.addEventListener("click", () => {
    view.scheme = button.dataset.scheme;
    document.querySelectorAll("[data-scheme]").forEach((one) => {
      one.classList.toggle("active", one === button);
      one.setAttribute("aria-pressed", String(one === button));
    });
    showScheme();
  });
});

const pick = document.getElementById("pick-logo");
pick.addEventListener("click", async () => {
  const logo = form.elements.logo, alt = form.elements.logo_alt;
  const image = await window.pickImage({ src: logo.value, alt: alt.value });
  if (!image) return;
  logo.value = image.src;
  if (!alt.value) alt.value = image.alt || "";
  compile();
});
window.addEventListener("load", () => { pick.hidden = !window.pickImage; });

// What a browser kept of an earlier visit may differ from what the page came with.
if (frame.contentDocument && frame.contentDocument.readyState === "complete") compile();
frame.addEventListener("load", compile, { once: true });

function showSwatch(input) {
  const swatch = form.querySelector(`[data-swatch="${CSS.escape(input.name || "")}"]`);
  if (swatch && /^#[0-9a-f]{6}$/i.test(input.value)) swatch.value = input.value;
}

async function compile() {
  window.clearTimeout(view.timer);
  const number = ++view.latest;
  let answer;
  try {
    const response = await fetch(form.dataset.preview, {
      method: "POST", body: new FormData(form), headers: { "Accept": "application/json", "HX-Request": "true" },
    });
    if (!response.ok) return;
    answer = await response.json();
  } catch {
    return; // the next change asks again
  }
  if (number !== view.latest) return;
  show(answer.html);
  warnings.replaceChildren(...answer.warnings.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  warnings.hidden = !answer.warnings.length;
}

function show(html) {
  const page = frame.contentDocument;
  const parser = new frame.contentWindow.DOMParser(); // the page's own drops inline styles
  const wanted = parser.parseFromString(html, "text/html");
  page.head.replaceChildren(...wanted.head.childNodes);
  page.body.replaceWith(page.adoptNode(wanted.body));
  showScheme();
}

// The theme of the email is that of the button, not of the device.
function showScheme() {
  const page = frame.contentDocument, isDark = view.scheme === "dark";
  page.documentElement.style.colorScheme = view.scheme;
  for (const sheet of page.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof frame.contentWindow.CSSMediaRule)) continue;
      rule.asked ??= rule.media.mediaText;
      rule.media.mediaText = rule.asked.replace(/\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/g, (_, scheme) =>
        (scheme === "dark") === isDark ? "(min-width: 0px)" : "(max-width: 0px)");
    }
  }
}
