"""The modules that scripts import, found in the files themselves, and bundles of them.

A browser learns what a module imports when it has it, so a graph five levels deep takes five round
trips. A page that names them all gets them at once. For a page with dozens of modules even that is
slow: a bundle is one file, made of the modules as they are when the server starts. Nothing is built
or stored, so it cannot be older than its sources.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

Sources = Mapping[str, str]
"""The texts of modules by their names, such as "js/app.js"."""

VENDOR = "vendor/"
"""Prefix of the names of third-party bundles, which import nothing."""
BUNDLES: Mapping[str, tuple[str, ...]] = {
    f"js/content/{kind}.bundle.js": (
        "js/app.js",
        "js/pickers.js",
        "js/content/editor.js",
        *scripts,
    )
    for kind, scripts in {
        "blocks": ("js/blocks/editor.js",),
        "code": ("js/content/code_editor.js",),
        "markdown": ("js/content/markdown_toolbar.js",),
        "text": ("js/content/text_lines.js",),
    }.items()
}
"""The scripts of pages with many modules, by the name of their bundle. They run in this order."""

_IMPORT = re.compile(
    r"""^import\s+(?:(?P<default>\w+)\s+from\s+|(?P<names>\{[^{}"']*\})\s+from\s+"""
    r"""|(?P<all>\*\s+as\s+\w+)\s+from\s+)?"(?P<path>[^"]+)";""",
    re.MULTILINE,
)
_EXPORT = re.compile(
    r"^export (?=(?:(?:async )?function\*?|class|const) (?P<name>\w+))", re.MULTILINE
)
_UNKNOWN = re.compile(
    r"^(?:import|export)\b(?!\().*|^.*\bimport\.meta\b.*|^(?:await|for await)\b.*", re.MULTILINE
)
"""Lines that a bundle cannot hold: other forms of imports and exports, and waiting at the top."""
_LATER = re.compile(r"""(?<=\bimport\()"(?P<path>[^"]+)"(?=\))""")


class ModuleError(ValueError):
    """A module is written in a way that bundles do not know."""


def imports_of(name: str, text: str) -> list[str]:
    """Return the names of the files that a module imports. Ignores `import()`."""
    return [_resolved(name, found["path"]) for found in _IMPORT.finditer(text)]


def graph(entries: Iterable[str], sources: Sources) -> list[str]:
    """Return these modules and all that they import, each after its own imports."""
    done: dict[str, None] = {}
    for entry in entries:
        for name in _walk(entry, sources, done, ()):
            done[name] = None
    return list(done)


def _walk(
    name: str, sources: Sources, done: Mapping[str, None], above: tuple[str, ...]
) -> Iterator[str]:
    if name in above:
        raise ModuleError(f"{name} imports itself, through {' and '.join(above)}")
    if name in done:
        return
    if not name.startswith(VENDOR):
        for imported in imports_of(name, sources[name]):
            yield from _walk(imported, sources, done, (*above, name))
    yield name


def bundle(name: str, entries: Iterable[str], sources: Sources) -> str:
    """Return one module that does what these scripts do.

    Each module becomes a function that runs once and returns its exports. Third-party bundles
    stay separate files. Raises ModuleError.
    """
    known: dict[str, str] = {}
    imports, bodies = [], []
    for one in graph(entries, sources):
        known[one] = f"m{len(known)}"
        if one.startswith(VENDOR):
            imports.append(f'import * as {known[one]} from "{_relative(name, one)}";')
        else:
            body = _body(name, one, sources[one], known)
            bodies.append(f"// {one}\nconst {known[one]} = (() => {{\n{body}}})();")
    return "\n".join((*imports, *bodies, ""))


def _body(bundle_name: str, name: str, text: str, known: Mapping[str, str]) -> str:
    def taken(found: re.Match[str]) -> str:
        module = known[_resolved(name, found["path"])]
        if found["all"]:
            raise ModuleError(f"{name}: {found[0]}")
        if found["default"]:
            return f"const {{ default: {found['default']} }} = {module};"
        return f"const {found['names'].replace(' as ', ': ')} = {module};" if found["names"] else ""

    exports = [found["name"] for found in _EXPORT.finditer(text)]
    text = _EXPORT.sub("", _IMPORT.sub(taken, text))
    unknown = _UNKNOWN.search(text)
    if unknown:
        raise ModuleError(f"{name}: {unknown[0]}")
    text = _LATER.sub(
        lambda found: f'"{_relative(bundle_name, _resolved(name, found["path"]))}"', text
    )
    return f"{text}\nreturn {{ {', '.join(exports)} }};\n" if exports else f"{text}\n"


def _resolved(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _relative(name: str, target: str) -> str:
    path = posixpath.relpath(target, posixpath.dirname(name))
    return path if path.startswith(".") else f"./{path}"
