// Completion of merge tags in the code editor: the tags of the picker, after "{{".

let loading = null;

async function load() {
  const { url } = document.querySelector("#merge-tag-dialog form").dataset;
  const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...page.querySelectorAll("[data-tag]")].map((option) => ({
    label: option.dataset.tag,
    detail: option.dataset.label,
    type: "variable",
    apply,
  }));
}

// The closing braces are written, too; the cursor goes after them.
function apply(view, completion, from, to) {
  const open = /\{\{$/.test(view.state.sliceDoc(0, from).slice(-2)) ? " " : "";
  const closing = view.state.sliceDoc(to, to + 4).match(/^\s*\}{0,2}/)[0];
  const end = closing.includes("}") ? to + closing.length : to;
  const text = `${open}${completion.label} }}`;
  view.dispatch({ changes: { from, to: end, insert: text }, selection: { anchor: from + text.length } });
}

export async function mergeTags(context) {
  const before = context.matchBefore(/\{\{\s*[\w.]*$/);
  if (!before) return null;
  loading = loading || load();
  try {
    const options = await loading;
    const typed = before.text.match(/[\w.]*$/)[0];
    return { from: before.to - typed.length, options, validFor: /^[\w.]*$/ };
  } catch {
    loading = null; // loaded again for the next tag
    return null;
  }
}
