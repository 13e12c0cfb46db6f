"""Read a document of blocks, and say what is wrong with one that cannot be read."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from campaigns.content.sources.blocks.document import MAX_BLOCKS, Document
from campaigns.content.templating.problems import Problem
from campaigns.reason import Parameter, Reason

VERSION = 1
"""The newest version of documents that this program reads."""
MAX_DOCUMENT = 1024 * 1024
"""Longest text of a document, in characters."""
MAX_PROBLEMS = 20

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SHOWN_VALUE = 60


def parse(text: str, *, is_frozen: bool = False) -> tuple[Document | None, list[Problem]]:
    """Return the document, or None and what is wrong with it. Never raises.

    `is_frozen`: ignore unknown fields, as nobody can edit it, and another release may have
    accepted them.
    """
    if len(text) > MAX_DOCUMENT:
        return None, [_wrong("blocks.too_large", kilobytes=MAX_DOCUMENT // 1024)]
    try:
        data = json.loads(text)
    except RecursionError:
        return None, [_wrong("blocks.too_deep")]
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        return None, [Problem("html", line, Reason("blocks.not_json"))]
    if (problem := _unreadable(data, text)) is not None:
        return None, [problem]
    try:
        document = Document.model_validate(data, extra="ignore" if is_frozen else None)
    except ValidationError as error:
        return None, list(_problems(data, error))
    problems = list(_duplicates(data))
    return (None, problems) if problems else (document, [])


def _wrong(code: str, block: str = "", **params: Parameter) -> Problem:
    return Problem("html", 0, Reason(code, params), block=block)


def _unreadable(data: Any, text: str) -> Problem | None:
    """Return why the data is not a document that can be checked."""
    if not isinstance(data, dict):
        return _wrong("blocks.no_document")
    version = data.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        return _wrong("blocks.newer_version")
    if sum(1 for one in _parts(data) if one.kind not in {"column", "section"}) > MAX_BLOCKS:
        return _wrong("blocks.too_many", most=MAX_BLOCKS)
    if _ESCAPED.search(text) or _UNWRITABLE.search(text):
        return _unwritable(data)
    return None


# --- the parts of any data -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _DocumentPart:
    """A row, a column or a block, valid or not."""

    data: Mapping[str, Any]
    kind: str

    @property
    def id(self) -> str:
        found = self.data.get("id")
        return found if isinstance(found, str) else ""

    @property
    def own(self) -> list[Any]:
        """Its values, without those of the parts in it."""
        return [value for name, value in self.data.items() if name not in {"columns", "blocks"}]


def _parts(data: Mapping[str, Any]) -> Iterator[_DocumentPart]:
    """Yield all rows, columns and blocks, wherever they may be."""
    waiting = [(one, "") for one in _list(data, "rows")]
    while waiting:
        found, kind = waiting.pop()
        if isinstance(found, dict):
            yield _DocumentPart(found, kind or _kind(found))
            waiting += [(one, "column") for one in _list(found, "columns")]
            waiting += [(one, "") for one in _list(found, "blocks")]


def _list(data: Mapping[str, Any], name: str) -> list[Any]:
    found = data.get(name)
    return found if isinstance(found, list) else []


def _kind(data: Mapping[str, Any]) -> str:
    kind = data.get("type")
    return kind[:_SHOWN_VALUE] if isinstance(kind, str) else ""


def _duplicates(data: Mapping[str, Any]) -> Iterator[Problem]:
    counts = Counter(one.id for one in _parts(data) if one.id)
    for found, count in counts.items():
        if count > 1:
            yield _wrong("blocks.duplicate_id", found, id=found)


def _unwritable(data: Mapping[str, Any]) -> Problem | None:
    """Return where a text has a character that no email can contain."""
    for part in _parts(data):
        if any(_UNWRITABLE.search(text) for text in _texts(part.own)):
            return _wrong("blocks.unwritable", part.id, kind=part.kind)
    outside = {name: value for name, value in data.items() if name != "rows"}
    if any(_UNWRITABLE.search(text) for text in _texts(outside)):
        return _wrong("blocks.unwritable", kind="document")
    return None


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            waiting += found


# --- what the schema refuses -----------------------------------------------------------------


def _problems(data: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False)[:MAX_PROBLEMS]:
        part, field = _place(data, detail["loc"])
        code, params = _code(detail["type"], detail.get("ctx", {}))
        shown = {"kind": part.kind or "document", "field": field, **params}
        if code == "blocks.bad_value":
            shown["value"] = str(detail["input"])[:_SHOWN_VALUE]
        yield Problem("html", 0, Reason(code, _used(code, shown)), block=part.id)


_CODES = {
    "missing": "blocks.field_missing",
    "extra_forbidden": "blocks.unknown_field",
    "union_tag_invalid": "blocks.unknown_block",
    "union_tag_not_found": "blocks.no_type",
    "string_too_long": "blocks.value_too_long",
    "too_long": "blocks.list_too_long",
}
_NAMED = {
    "blocks.unknown_block": ("tag",),
    "blocks.no_type": ("kind",),
    "blocks.value_too_long": ("kind", "field", "most"),
    "blocks.list_too_long": ("kind", "field", "most"),
    "blocks.bad_value": ("kind", "field", "value"),
}
"""The parameters of each code; `kind` and `field` for all others."""


def _code(kind: str, given: Mapping[str, Any]) -> tuple[str, dict[str, Parameter]]:
    most = given.get("max_length", 0)
    tag = str(given.get("tag", ""))[:_SHOWN_VALUE]
    return _CODES.get(kind, "blocks.bad_value"), {"most": most, "tag": tag}


def _used(code: str, params: Mapping[str, Parameter]) -> dict[str, Parameter]:
    return {name: params[name] for name in _NAMED.get(code, ("kind", "field"))}


def _place(data: Mapping[str, Any], location: tuple[int | str, ...]) -> tuple[_DocumentPart, str]:
    """Return the part that an error is in, and the name of the field in it."""
    part, path = _DocumentPart({}, ""), list[str]()
    node: Any = data
    for step in location:
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
            if isinstance(node, dict) and path[-1:] != ["entries"]:
                kind = "column" if path[-1:] == ["columns"] else _kind(node)
                part, path = _DocumentPart(node, kind), []
            else:
                path.append(str(step))
        elif isinstance(node, dict) and step in {node.get("type"), node.get("kind")}:
            continue  # the tag of a union
        else:
            path.append(step)
            node = node.get(step) if isinstance(node, dict) else None
    return part, ".".join(path)
