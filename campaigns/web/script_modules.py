"""The modules that a page's scripts import, found in the files themselves.

A browser learns what a module imports when it has it, so a graph five levels deep takes five round
trips. A page that names them all gets them at once.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import cache

from flask import Flask
from markupsafe import Markup

from campaigns.web.static_files import asset, tree

_IMPORTS = re.compile(r"""^(?:import|export)\b[^;"'()]*["'](\.[^"']+)["']""", re.MULTILINE)
"""Static imports. What `import()` loads is wanted later, and not preloaded."""


def register(app: Flask) -> None:
    """Make the scripts available to templates."""
    app.add_template_global(module_scripts)


def module_scripts(*entries: str) -> Markup:
    """Return the tags that load these modules, with all that they import."""
    loads = '<link rel="modulepreload" href="{}">'
    runs = '<script type="module" src="{}"></script>'
    tags = [Markup(loads).format(url) for url in preloads(entries)]  # noqa: S704 (a constant)
    tags += [Markup(runs).format(asset(name)) for name in entries]  # noqa: S704 (a constant)
    return Markup("").join(tags)


def preloads(entries: Iterable[str]) -> list[str]:
    """Return the URLs of all modules that these scripts import, without the scripts."""
    names = dict.fromkeys(name for entry in entries for name in _graph(entry))
    return [asset(name) for name in names if name not in entries]


@cache
def _graph(entry: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_walk(entry, set())))


def _walk(name: str, seen: set[str]) -> Iterator[str]:
    """Yield a module and all that it imports, in the order of the imports."""
    if name in seen:
        return
    seen.add(name)
    yield name
    for imported in imports_of(name):
        yield from _walk(imported, seen)


def imports_of(name: str) -> list[str]:
    """Return the names of the static files that a module imports. Bundles import nothing."""
    if name.startswith("vendor/"):
        return []
    text = tree().files[name].identity.decode("utf-8")
    folder = posixpath.dirname(name)
    return [posixpath.normpath(posixpath.join(folder, path)) for path in _IMPORTS.findall(text)]
