// HTML and MJML: CodeMirror in front of the text area, which stays what is saved.
// It lives in a shadow root: there its styles need no exception from the content security policy.
import {
  Decoration, EditorState, EditorView, HighlightStyle, MatchDecorator, ViewPlugin, autocompletion, bracketMatching,
  closeBrackets, completionKeymap, defaultKeymap, drawSelection, foldGutter, foldKeymap, highlightActiveLine,
  highlightActiveLineGutter, history, historyKeymap, html, indentOnInput, indentWithTab, keymap, lineNumbers,
  lintGutter, setDiagnostics, syntaxHighlighting, tags, xml,
} from "../../vendor/codemirror/code-editor.min.js";
import { mergeTags } from "./merge_tag_completion.js";
import { surface } from "./surface.js";

const area = document.getElementById("source");
const host = document.getElementById("code-editor");
let isCopying = false; // the text is being copied from one to the other

const COLOURS = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: "var(--code-tag)" },
  { tag: tags.attributeName, color: "var(--code-name)" },
  { tag: [tags.attributeValue, tags.string], color: "var(--code-string)" },
  { tag: [tags.comment, tags.documentMeta, tags.processingInstruction], color: "var(--code-comment)" },
  { tag: [tags.propertyName, tags.className], color: "var(--code-name)" },
  { tag: [tags.keyword, tags.number, tags.unit, tags.color, tags.atom], color: "var(--code-number)" },
]);
const LOOK = EditorView.theme({
  "&": { height: "100%", fontSize: "0.8125rem", color: "var(--code-text)", backgroundColor: "var(--code-ground)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": {
    overflow: "auto", lineHeight: "1.6",
    fontFamily: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  },
  ".cm-content": { padding: "12px 0", caretColor: "var(--code-text)" },
  ".cm-line": { padding: "0 16px 0 8px" },
  ".cm-cursor": { borderLeftColor: "var(--code-text)" },
  ".cm-gutters": { backgroundColor: "var(--code-ground)", color: "var(--code-faint)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--code-line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--code-selection)" },
  ".cm-merge": { color: "var(--code-merge)", backgroundColor: "var(--code-merge-ground)", borderRadius: "3px" },
  ".cm-tooltip": {
    backgroundColor: "var(--tblr-bg-surface)", color: "var(--code-text)", border: "1px solid var(--tblr-border-color)",
    borderRadius: "8px", overflow: "hidden", boxShadow: "0 8px 24px rgba(0, 0, 0, 0.18)",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "4px 10px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]":
    { backgroundColor: "var(--code-selection)", color: "var(--code-text)" },
  ".cm-diagnostic": { padding: "8px 12px", fontFamily: "var(--tblr-font-sans-serif)" },
});

const mergeMarks = (() => {
  const decorator = new MatchDecorator({
    regexp: /\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}/g,
    decoration: Decoration.mark({ class: "cm-merge" }),
  });
  return ViewPlugin.define((view) => ({
    decorations: decorator.createDeco(view),
    update(change) { this.decorations = decorator.updateDeco(change, this.decorations); },
  }), { decorations: (plugin) => plugin.decorations });
})();

const language = host.dataset.kind === "mjml" ? xml({ autoCloseTags: false }) : html({ matchClosingTags: false, autoCloseTags: false });

const view = new EditorView({
  root: host.attachShadow({ mode: "open" }),
  parent: host.shadowRoot,
  state: EditorState.create({
    doc: area.value,
    extensions: [
      lintGutter(), lineNumbers(), foldGutter(), highlightActiveLineGutter(), highlightActiveLine(), history(),
      drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(), language,
      EditorState.languageData.of(() => [{ autocomplete: mergeTags }]), autocompletion(), mergeMarks,
      syntaxHighlighting(COLOURS), LOOK, EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        "aria-label": area.getAttribute("aria-label"), spellcheck: "false", autocapitalize: "off", tabindex: "0",
      }),
      keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
      EditorView.updateListener.of(toArea),
    ],
  }),
});
area.hidden = true;
host.hidden = false;

function toArea(update) {
  if (!update.docChanged || isCopying) return;
  isCopying = true;
  area.value = view.state.doc.toString();
  area.dispatchEvent(new Event("input", { bubbles: true }));
  isCopying = false;
}

// A text that was restored, or changed by other means than this editor.
function fromArea() {
  if (isCopying || area.value === view.state.doc.toString()) return;
  isCopying = true;
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: area.value } });
  isCopying = false;
}
area.addEventListener("input", fromArea);
area.form.addEventListener("restored", fromArea);

surface.insert = (text) => {
  view.dispatch(view.state.replaceSelection(text), { scrollIntoView: true, userEvent: "input.paste" });
  view.focus();
};
surface.showLine = (number) => {
  const line = view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines));
  view.dispatch({
    selection: { anchor: line.from, head: line.to },
    effects: EditorView.scrollIntoView(line.from, { y: "center" }),
  });
  view.focus();
  host.scrollIntoView({ block: "nearest" });
};

document.addEventListener("problems-shown", (event) => {
  const { doc } = view.state;
  const found = event.detail.filter(({ line }) => line >= 1 && line <= doc.lines).map(({ line, text, blocks }) => {
    const { from, to } = doc.line(line);
    return { from, to, message: text, severity: blocks ? "error" : "warning" };
  });
  view.dispatch(setDiagnostics(view.state, found));
});
