"""Words of the field are used, not private or translated ones."""

import ast
import re
import tokenize
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, nodes
from tests.pseudo_locale import messages

# What people read: pattern, and what to say instead.
ON_PAGES = {
    r"(?<!Apple )\bmails?\b(?! server)": "email, emails",
    r"\bemail (?:program|app)s?\b": "email client",
    r"\breaders?\b": "recipient, subscriber",
    r"\bledger\b": "delivery log",
    r"(?<!a )(?<!the )\bmoments?\b": "time",
    r"\bsecond chances?\b": "resend",
    r"\bput off\b": "postponed, throttled",
    r"\btick(?:ed)?\b": "select, selected",
    r"\banew\b": "again",
    r"\bby (?:it|them)sel(?:f|ves)\b(?!\. Use)": "automatically",
    r"\bgo(?:es)? on\b": "continue",
    r"\bso (?:long|often|many)\b": "an exact figure",
    r"\bheld back\b": "on hold",
    r"\ba few first\b": "test group",
    r"\bquicker\b": "someone else changed it first",
    r"\bany ?more\b": "no longer",
    r"\bmend(?:ed)?\b": "fix",
    r"\bamiss\b": "wrong",
}

# What nobody should read in code and documents either.
ODD = (
    "a few first",
    "anew",
    "asks you",
    "at a moment you choose",
    "came about",
    "go on writing",
    "heed",
    "is told by",
    "leave somebody out",
    "nobody is blamed",
    "not simply sent",
    "own time of day",
    "put right",
    "readers' own",
    "reader's own",
    "reader’s own",
    "refused or given up",
    "second chance",
    "shall it still",
    "so long is",
    "so often is",
    "somebody was quicker",
    "taken into consideration",
    "with the ticked",
)
# What comments and docstrings of the product said once: pattern, and what to say instead.
TRANSLATED = {
    r"\b(?:in|on|with|by|for) an? \w+ of (?:its|their|our) own\b": "its own thread",
    r"\bso (?:many|long|often|few)\b(?! (?:that|as)\b)": "a number, this long",
    r"\bat (?:this|that|any|every|the same) moment\b": "at this time, now, concurrently",
    r"\b(?:is|was|be|been|are) put off\b": "deferred, postponed",
    r"\bmails\b": "emails",
    r"\blets? go of\b": "release, drop",
    r"\bpass(?:es|ed)? over\b": "skip, ignore",
    r"\bbut for\b": "except",
    r"\bfates?\b": "outcome, result",
    r"\bwhat became of\b": "outcome",
    r"\bheeds?\b|\bheeded\b": "apply",
    r"\bunder way\b": "in progress",
    r"\bsomebody\b|\banybody\b|\beverybody\b": "someone, anyone, everyone",
    r"\bno more to (?:give|say|do)\b": "say what is exhausted",
    r"\bgoes on\b|\bgo on by\b": "continues",
    r"\bas it stands\b|\bhow \w+ stands\b": "current",
    r"\bthe readers?'|\breaders'": "recipients",
    r"\bof no use\b|\bof use\b": "useful, useless",
}

NAMES_THEM = {"docs/glossary.md", "tests/architecture/test_words.py"}
"""They say which words we do not use."""

NAMED_FILE = re.compile(
    r"(?<![\w./%{<-])((?:[a-z_][\w-]*/)+[\w-]+\.(?:py|js|lua|html|md|css))\b(?![.\w])"
)
RULE = re.compile(r"(?<![A-Za-z0-9])([BFSUW][0-9]{1,2})(?=[):,]| and )")


@cache
def _messages() -> list[str]:
    """Return every sentence that goes through gettext, without the names of its parameters."""
    ids = [message.id for message in messages() if message.id]
    forms = [form for known in ids for form in ([known] if isinstance(known, str) else known)]
    return [re.sub(r"%\(\w+\)s", "", form) for form in forms]


def _files() -> list[Path]:
    found = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile"]
    for folder, pattern in (
        ("templates", "*.html"),
        ("templates", "*.txt"),
        ("static/js", "*.js"),
        ("campaigns", "*.py"),
        ("docs", "*.md"),
        ("bin", "*"),
    ):
        found += sorted(path for path in (ROOT / folder).rglob(pattern) if path.is_file())
    return [path for path in found if path.relative_to(ROOT).as_posix() not in NAMES_THEM]


@cache
def _comments() -> dict[str, str]:
    """Return the comments and docstrings of every file of ours, and documents whole, by path."""
    found: dict[str, str] = {}
    for pattern, read in COMMENTS.items():
        paths = sorted(ROOT.glob(pattern))
        assert paths, pattern
        found |= {path.relative_to(ROOT).as_posix(): read(path) for path in paths}
    return {path: text for path, text in found.items() if path not in NAMES_THEM}


def _comments_of(path: Path) -> str:
    with path.open("rb") as file:
        return "\n".join(
            token.string
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT or token.string.startswith('"""')
        )


def _matching(expression: str) -> Callable[[Path], str]:
    """Return what reads the parts of a file that match."""
    pattern = re.compile(expression, re.DOTALL)
    return lambda path: "\n".join(pattern.findall(path.read_text("utf-8")))


COMMENTS: dict[str, Callable[[Path], str]] = {
    "campaigns/**/*.py": _comments_of,
    "tests/**/*.py": _comments_of,
    "migrations/**/*.py": _comments_of,
    "campaigns/**/*.lua": _matching(r"--[^\n]*"),
    "static/js/**/*.js": _matching(r"(?<![:\"'])//[^\n]*|/\*.*?\*/"),
    "static/css/*.css": _matching(r"/\*.*?\*/"),
    "templates/**/*.html": _matching(r"\{#.*?#\}"),
    "docs/**/*.md": _matching(r".+"),
    "*.md": _matching(r".+"),
}
"""Files that people write, and what reads the English in each."""


@pytest.mark.parametrize("pattern", ON_PAGES)
def test_pages_and_emails_use_the_words_of_the_field(pattern: str) -> None:
    odd = re.compile(pattern, re.IGNORECASE)
    assert [message for message in _messages() if odd.search(message)] == []


def test_code_and_documents_do_too() -> None:
    phrases = "|".join(map(re.escape, ODD))
    odd = re.compile(rf"(?<!\w)(?:{phrases})(?!\w)", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT).as_posix()}: {hit[0]}"
        for path in _files()
        for hit in odd.finditer(path.read_text("utf-8", errors="replace"))
    ]
    assert found == []


def test_two_classes_never_share_a_name() -> None:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for module, node in nodes()[ast.ClassDef]:
        homes[node.name].append(module)
    assert len(homes) > 300
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("pattern", TRANSLATED)
def test_comments_read_as_a_native_engineer_writes(pattern: str) -> None:
    odd = re.compile(pattern, re.IGNORECASE)
    found = [
        f"{path}: {hit[0]}"
        for path, comments in _comments().items()
        for hit in odd.finditer(comments)
    ]
    assert found == []


def test_every_file_that_a_comment_names_exists() -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for folder in ("bin", "campaigns", "docs", "migrations", "static", "templates", "tests")
        for path in (ROOT / folder).rglob("*")
    }
    named = {
        (path, name)
        for path, comments in _comments().items()
        for name in NAMED_FILE.findall(comments)
    }
    assert len(named) > 50
    ends = "\n".join(f"/{path}" for path in sorted(ours)) + "\n"
    assert sorted((path, name) for path, name in named if f"/{name}\n" not in ends) == []


def test_every_rule_that_code_names_by_its_id_is_explained() -> None:
    text = (ROOT / "docs" / "rules.md").read_text("utf-8")
    explained = set(re.findall(r"^\| ([A-Z][0-9]+) \|", text, re.MULTILINE))
    assert explained
    unexplained = {}
    for folder in ("campaigns", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            comments = re.findall(r'"""(.*?)"""|# (.*)', path.read_text("utf-8"), re.DOTALL)
            named = {rule for parts in comments for part in parts for rule in RULE.findall(part)}
            if named - explained and path != Path(__file__):
                unexplained[path.name] = named - explained
    assert unexplained == {}
