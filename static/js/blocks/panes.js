// The panes beside the canvas: tabs on the left, and sheets from below on a phone.

const NARROW = window.matchMedia("(max-width: 899.98px)");

export class Panes {
  constructor(root) {
    this.root = root;
    this.tabs = [...root.querySelectorAll("[role=tab]")];
    root.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) this.showTab(tab.dataset.tab);
      const opener = event.target.closest("[data-sheet]");
      if (opener) this.open(opener.dataset.sheet);
      if (event.target.closest("[data-close-sheet]")) this.close();
    });
    root.addEventListener("keydown", (event) => {
      if (event.target.matches("[role=tab]") && /^Arrow(Left|Right)$/.test(event.key)) this.nextTab(event);
      if (event.key === "Escape" && this.isOpen) this.close();
    });
  }

  get isNarrow() {
    return NARROW.matches;
  }

  get isOpen() {
    return Boolean(this.root.dataset.shown);
  }

  nextTab(event) {
    const other = this.tabs[(this.tabs.indexOf(event.target) + 1) % this.tabs.length];
    this.showTab(other.dataset.tab);
    other.focus();
  }

  showTab(name) {
    for (const tab of this.tabs) {
      const isShown = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isShown;
    }
    this.root.dispatchEvent(new CustomEvent("tab-shown"));
  }

  // Show a pane: a tab ("add", "outline") or the inspector.
  open(name) {
    if (name !== "inspector") this.showTab(name);
    if (!this.isNarrow) return;
    this.opener = document.activeElement;
    this.root.dataset.shown = name === "inspector" ? "inspector" : "left";
  }

  close() {
    if (!this.isOpen) return;
    delete this.root.dataset.shown;
    if (this.opener && this.opener.isConnected) this.opener.focus({ preventScroll: true });
  }
}
