// Runs before the page is painted, so that a dark page never flashes white. A choice is kept in a
// cookie: the page comes with it, while reading a browser's storage can take a tenth of a second.
(function () {
  "use strict";
  var root = document.documentElement, dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    if (!("themeChosen" in root.dataset)) root.dataset.bsTheme = dark.matches ? "dark" : "light";
  }
  apply();
  dark.addEventListener("change", apply);
  document.addEventListener("click", function (event) {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    root.dataset.themeChosen = "";
    document.cookie = "theme=" + root.dataset.bsTheme + "; path=/; max-age=31536000; samesite=lax";
  });
})();
