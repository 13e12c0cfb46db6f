// Dark mode in the canvas follows its button, whatever the browser prefers: the media queries of the
// email's style sheets are rewritten.

const asWritten = new WeakMap();

export function schemeIn(rules, isDark) {
  for (const rule of rules) {
    if (rule.media && !asWritten.has(rule)) asWritten.set(rule, rule.media.mediaText);
    const text = asWritten.get(rule);
    if (text && text.includes("prefers-color-scheme")) {
      rule.media.mediaText = text.replace(
        /\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)/g,
        (_, scheme) => ((scheme === "dark") === isDark ? "(min-width: 0px)" : "(max-width: 0px)"),
      );
    }
    if (rule.cssRules) schemeIn(rule.cssRules, isDark);
  }
}
