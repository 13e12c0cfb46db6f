"""All text for users goes through gettext, as whole sentences with named parameters."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages import Catalog, Message

from campaigns.config import Settings
from tests.architecture import bare_text
from tests.architecture.source import PACKAGE, ROOT, dotted, nodes, starts_in
from tests.architecture.untranslated import AS_IT_IS, FOR_OPERATORS
from tests.pseudo_locale import collector, messages

TEMPLATES = [
    path
    for path in sorted((ROOT / "templates").rglob("*"))
    if path.suffix in {".html", ".txt"}
    and path.relative_to(ROOT / "templates").parts[0] != "newsletter"
    and path.parent.name != "dev"  # for developers
]
MODULES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if not starts_in(path.relative_to(PACKAGE).as_posix(), FOR_OPERATORS)
]
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("files", [TEMPLATES, MODULES, SCRIPTS], ids=["html", "python", "scripts"])
def test_text_for_users_goes_through_gettext(files: list[Path]) -> None:
    assert files
    found = {_name(path): set(bare_text.of_file(path)) - _as_it_is(path) for path in files}
    assert {name: texts for name, texts in found.items() if texts} == {}


def _as_it_is(path: Path) -> set[str]:
    return AS_IT_IS.get(_name(path).removeprefix("campaigns/"), set())


def test_every_excepted_text_still_exists() -> None:
    for name, texts in AS_IT_IS.items():
        assert texts <= set(bare_text.of_file(PACKAGE / name)), name
    assert all((PACKAGE / name).exists() for name in FOR_OPERATORS)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<a href="/" title="Home page">{{ x }}</a>', ["Home page"]),
        ('{{ alert("warning", "Not saved") }}', ["Not saved"]),
        ('{{ count }}{{ " of sent" }}', [" of sent"]),
        ('{{ 3|plural("list") }}', ["|plural"]),
        ('{{ _("Hello") }}{% trans name=x %}Hello {{ name }}{% endtrans %}', []),
        ('<form data-confirm="Delete this list?" data-kind="list">', ["Delete this list?"]),
        ('<p class="{{ "alert alert-info" if x }}">{{ number }} · {{ _("Sent") }}</p>', []),
        ('<{{ tag }} class="a b">{{ x }}</{{ tag }}> aria-label="{{ x }}"', []),
        ("{# A comment #}<script>const Hello = 1;</script>Campaigns", []),
    ],
)
def test_bare_text_in_templates_is_found(template: str, found: list[str]) -> None:
    assert list(bare_text.in_template(template)) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('flash("Changes saved", "success")', ["Changes saved"]),
        ('flash(f"{name} is gone.")', ["0 is gone."]),
        ('flash(_("Changes saved"), "success")', []),
        ('def f() -> None:\n    """Say what it does."""\n    log.info("Not for people.")', []),
        ("footer = f'<a {url}>Unsubscribe</a>'", ["<a 0>Unsubscribe</a>"]),
        ('db.execute(f"SELECT {columns} FROM message."); head = "List-Id: <a.b>. "', []),
        ('def f(at: "Reason | None") -> "Reason | None": ...', []),
    ],
)
def test_bare_text_in_python_is_found(code: str, found: list[str]) -> None:
    assert list(bare_text.in_python(code)) == found


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('toast("Not saved yet");', ["Not saved yet"]),
        ("say(`Saved ${count} of them.`);", ["Saved ${count} of them."]),
        ("toast(document.body.dataset.copied); // Says so.\n/* Not for people. */", []),
        ('document.querySelector("a.btn .icon").className = "is-open is-late";', []),
    ],
)
def test_bare_text_in_scripts_is_found(script: str, found: list[str]) -> None:
    assert list(bare_text.in_script(script)) == found


@cache
def _messages() -> list[Message]:
    return [message for message in messages() if message.id]


def _texts(message: Message) -> list[str]:
    return [message.id] if isinstance(message.id, str) else list(message.id)


@cache
def _found() -> Catalog:
    """Return what bin/messages finds, which takes seconds."""
    found: Catalog = collector().extracted()
    return found


def test_messages_are_found_in_templates_python_and_tables() -> None:
    places = {name for message in _found() for name, _ in message.locations}
    assert {"templates/error.html", "campaigns/web/template_helpers.py"} <= places


def test_no_message_stands_in_an_f_string() -> None:
    """There it would not be found."""
    within = [
        f"{module}:{string.lineno}"
        for module, string in nodes()[ast.JoinedStr]
        for node in ast.walk(string)
        if isinstance(node, ast.Call) and dotted(node.func) in {"_", "gettext", "ngettext", "N_"}
    ]
    assert within == []


def test_parameters_have_names() -> None:
    texts = [text for message in _messages() for text in _texts(message)]
    assert [text for text in texts if re.search(r"%[sdrif]|(?<!%)\{[a-z_]*\}", text)] == []


def test_messages_name_only_settings_that_exist() -> None:
    texts = " ".join(text for message in _messages() for text in _texts(message))
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", texts))
    assert "PUBLIC_URL" in named
    assert {name for name in named if name.lower() not in Settings.model_fields} == set()


def test_the_stored_messages_are_the_found_ones_on_any_day() -> None:
    written = collector().written(_found())
    assert written == collector().TARGET.read_bytes(), "run make messages"
    assert b"POT-Creation-Date" not in written
    assert b"#:" not in written
