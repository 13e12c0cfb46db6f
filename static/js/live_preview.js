// The email that a form makes, compiled by the server after every change and shown in a frame.
const DELAY_MS = 250;

// `onAnswer` gets the server's answer: {html, warnings, ...}.
export class LivePreview {
  constructor(form, frame, warnings, onAnswer = () => {}) {
    Object.assign(this, { form, frame, warnings, onAnswer, scheme: "light", timer: 0, latest: 0 });
    form.addEventListener("input", () => this.schedule());
    // Values that the browser restored from an earlier visit may differ from those of the page.
    if (frame.contentDocument && frame.contentDocument.readyState === "complete") this.compile();
    frame.addEventListener("load", () => this.compile(), { once: true });
  }

  schedule() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.compile(), DELAY_MS);
  }

  async compile() {
    window.clearTimeout(this.timer);
    const number = ++this.latest;
    let answer;
    try {
      const response = await fetch(this.form.dataset.preview, {
        method: "POST", body: new FormData(this.form), headers: { "Accept": "application/json", "HX-Request": "true" },
      });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      return; // the next change asks again
    }
    if (number !== this.latest) return;
    if (answer.html) this.show(answer.html);
    this.warn(answer.warnings);
    this.onAnswer(answer);
  }

  show(html) {
    const page = this.frame.contentDocument;
    const parser = new this.frame.contentWindow.DOMParser(); // the page's own drops inline styles
    const wanted = parser.parseFromString(html, "text/html");
    page.head.replaceChildren(...wanted.head.childNodes);
    page.body.replaceWith(page.adoptNode(wanted.body));
    this.showScheme(this.scheme);
  }

  warn(texts) {
    this.warnings.replaceChildren(...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    this.warnings.hidden = !texts.length;
  }

  // Show the email in light or dark mode, whatever the device prefers.
  showScheme(scheme) {
    this.scheme = scheme;
    const page = this.frame.contentDocument, isDark = scheme === "dark";
    page.documentElement.style.colorScheme = scheme;
    for (const sheet of page.styleSheets) {
      for (const rule of sheet.cssRules) {
        if (!(rule instanceof this.frame.contentWindow.CSSMediaRule)) continue;
        rule.asked ??= rule.media.mediaText;
        rule.media.mediaText = rule.asked.replace(/\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/g, (_, one) =>
          (one === "dark") === isDark ? "(min-width: 0px)" : "(max-width: 0px)");
      }
    }
  }
}
