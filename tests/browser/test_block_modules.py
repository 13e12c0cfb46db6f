"""Parts of the block editor without the page around them: what happens to the document."""

import json
import mimetypes
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from campaigns.paths import resource_root

HOST = "https://editor.example.net"
WORDS = (
    "added", "block_saved", "is_first", "is_last", "moved_down", "moved_up", "type_button",
    "type_image", "type_saved", "type_section", "type_text",
)  # fmt: skip
DATA = {"words": {name: name for name in WORDS}, "icons": "", "brand": {}, "fields": []}
PAGE = f"""<!doctype html><title>Editor</title><body data-csrf="">
<script type="application/json" id="block-editor-data">{json.dumps(DATA)}</script>
<textarea id="source"></textarea><p id="live"></p>
<div id="editor" data-saved="/blocks.json" data-save-block="/blocks"></div>
<dialog id="save-block"><form><input name="name"><p data-refused></p></form></dialog>"""
START = """async (document_) => {
  const { Store } = await import("/js/blocks/store.js");
  const { Actions } = await import("/js/blocks/actions.js");
  const source = document.getElementById("source");
  source.value = JSON.stringify(document_);
  window.store = new Store(source, document.getElementById("live"));
  window.actions = new Actions(window.store);
}"""


def _section(key: str, *blocks: str) -> dict[str, Any]:
    found = [{"id": block, "type": "text"} for block in blocks]
    return {"id": key, "type": "section", "columns": [{"id": f"{key}-c", "blocks": found}]}


def _answer(route: Route) -> None:
    """Answer with the page, a script, or what the library of saved blocks would say."""
    path = route.request.url.removeprefix(HOST)
    if path == "/":
        route.fulfill(body=PAGE, content_type="text/html")
    elif path == "/blocks":
        route.fulfill(status=201, json={"id": "saved000001", "name": "Intro"})
    elif path == "/blocks.json":
        route.fulfill(json={"blocks": []})
    else:
        file = resource_root() / "static" / path.removeprefix("/")
        route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file)[0])


@pytest.fixture
def editor(page: Page) -> Page:
    """A store with two sections, and what can be done with it."""
    page.route(f"{HOST}/**", _answer)
    page.goto(HOST)
    rows = [_section("one", "first"), _section("two", "lone"), {"id": "foot", "type": "footer"}]
    page.evaluate(START, {"version": 1, "rows": rows})
    return page


def _shape(page: Page) -> list[Any]:
    """Return the rows: of sections the blocks, of others the type."""
    rows = json.loads(page.input_value("#source"))["rows"]
    return [
        [block["id"] for column in row["columns"] for block in column["blocks"]]
        if row["type"] == "section"
        else row["type"]
        for row in rows
    ]


def test_a_section_goes_with_its_last_block_in_one_step_of_undo(editor: Page) -> None:
    editor.evaluate("store.select('lone'); actions.move(-1)")
    assert _shape(editor) == [["first", "lone"], "footer"]
    editor.evaluate("store.undo('')")
    assert _shape(editor) == [["first"], ["lone"], "footer"]


def test_a_block_dropped_into_another_section_leaves_no_empty_one(editor: Page) -> None:
    move = """async ([id, list, index]) => {
      const { moveTo } = await import("/js/blocks/document.js");
      store.change((document) => moveTo(document, id, { list, index }));
    }"""
    editor.evaluate(move, ["first", "two-c", 1])
    assert _shape(editor) == [["lone", "first"], "footer"]
    editor.evaluate("store.undo('')")
    editor.evaluate(move, ["lone", "", 0])
    rows = json.loads(editor.input_value("#source"))["rows"]
    assert [row["id"] for row in rows] == ["two", "one", "foot"]


def test_a_section_saved_as_a_block_becomes_that_block(editor: Page) -> None:
    save = """async () => {
      const { SavedBlocks } = await import("/js/blocks/saved_blocks.js");
      const saved = new SavedBlocks(document.getElementById("editor"));
      saved.ask(store.entry("two").node);
      saved.addEventListener("saved", ({ detail }) => actions.link(detail.section, detail.block));
      await Promise.all([saved.save(), saved.save()]); // a form that was sent twice
      return store.entry().node.saved;
    }"""
    posts: list[str] = []
    editor.on("request", lambda sent: posts.append(sent.url) if sent.method == "POST" else None)
    assert editor.evaluate(save) == "saved000001"
    assert posts == [f"{HOST}/blocks"]
    assert _shape(editor) == [["first"], "saved", "footer"]
    editor.evaluate("store.undo('')")
    assert _shape(editor) == [["first"], ["lone"], "footer"]


def test_a_new_block_gets_its_warnings_only_after_it_was_left(editor: Page) -> None:
    editor.evaluate("""() => {
      actions.add({ id: "new", type: "image" });
      store.showProblems([
        { block: "new", text: "no image", blocks: false },
        { block: "lone", text: "no text", blocks: false },
      ]);
    }""")
    told = "id => store.problemsOf(id).map(problem => problem.text)"
    assert editor.evaluate(told, "new") == []
    assert editor.evaluate(told, "lone") == ["no text"]
    editor.evaluate("store.select('lone')")
    assert editor.evaluate(told, "new") == ["no image"]
