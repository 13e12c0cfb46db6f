"""The tags that load the modules of a page."""

from functools import cache

from flask import Flask
from markupsafe import Markup

from campaigns.web.script_modules import graph
from campaigns.web.static_files import asset, tree


def register(app: Flask) -> None:
    """Make the scripts available to templates."""
    app.add_template_global(module_scripts)


def module_scripts(*entries: str) -> Markup:
    """Return the tags that load these modules, with all that they import. Raises KeyError."""
    loads = '<link rel="modulepreload" href="{}">'
    runs = '<script type="module" src="{}"></script>'
    tags = [Markup(loads).format(url) for url in preloads(entries)]  # noqa: S704 (a constant)
    tags += [Markup(runs).format(asset(name)) for name in entries]  # noqa: S704 (a constant)
    return Markup("").join(tags)


@cache
def preloads(entries: tuple[str, ...]) -> list[str]:
    """Return the URLs of all modules that these scripts import, without the scripts."""
    return [asset(name) for name in graph(entries, tree().texts) if name not in entries]
