"""Static files under the hash of the whole tree: `/static/<hash>/css/app.css`, cached for a year.

Any change gives every file a new URL, so references between files (fonts in a style sheet, imported
modules) stay consistent without rewriting. Files stay in memory, and are compressed on first use. A
change on disk is served after a restart.
"""

import gzip
import hashlib
import mimetypes
from functools import cache, cached_property
from pathlib import Path

import brotli
from flask import Flask, Response, abort, request

from campaigns.access import access
from campaigns.paths import resource_root

YEAR_SECONDS = 365 * 86_400
BROTLI_QUALITY = 9
"""Brotli quality: the best one takes a second for the largest file, and gains little."""
_DENSE = ("image/png", "image/jpeg", "image/webp", "font/")
"""Prefixes of types that are already compressed."""
_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StaticFile:
    """A file of the tree, in each content coding."""

    def __init__(self, name: str, content: bytes) -> None:
        suffix = Path(name).suffix
        self.identity = content
        self.media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"
        self.is_compressible = not self.media_type.startswith(_DENSE)

    @cached_property
    def br(self) -> bytes:
        """The file compressed with brotli."""
        compressed: bytes = brotli.compress(self.identity, quality=BROTLI_QUALITY)
        return compressed

    @cached_property
    def gzip(self) -> bytes:
        """The file compressed with gzip."""
        return gzip.compress(self.identity, mtime=0)

    def content(self, coding: str) -> bytes:
        """Return the file in a content coding: "br", "gzip" or "identity"."""
        found: bytes = getattr(self, coding)
        return found


class Tree:
    """All static files, and their common hash."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, StaticFile] = {}
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name, content = path.relative_to(folder).as_posix(), path.read_bytes()
                self.files[name] = StaticFile(name, content)
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self.hash = digest.hexdigest()[:12]


@cache
def tree() -> Tree:
    """Return the files of this installation, read once per process."""
    return Tree(resource_root() / "static")


def asset(name: str) -> str:
    """Return the URL of a static file such as "css/app.css". Raises KeyError."""
    found = tree()
    if name not in found.files:
        raise KeyError(f"no static file {name}")
    return f"/static/{found.hash}/{name}"


def register(app: Flask) -> None:
    """Serve the files, and make their URLs available to templates."""
    app.add_url_rule("/static/<path:path>", endpoint="static", view_func=_serve)
    app.add_template_global(asset)


@access("public")
def _serve(path: str) -> Response:
    """Serve a file; redirects URLs of other versions to the current one."""
    found = tree()
    version, _, name = path.partition("/")
    if version == found.hash and name in found.files:
        return _answer(found.files[name])
    other = next((one for one in (name, path) if one in found.files), None)
    if other is None:
        abort(404)
    return Response(status=302, headers={"Location": asset(other)})


def _answer(file: StaticFile) -> Response:
    coding = "identity"
    if file.is_compressible:  # prefer the smaller one if the client accepts both equally
        coding = request.accept_encodings.best_match(("br", "gzip"), default="identity")
    answer = Response(file.content(coding), mimetype=file.media_type)
    answer.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    if file.is_compressible:
        answer.headers["Vary"] = "Accept-Encoding"
    if coding != "identity":
        answer.headers["Content-Encoding"] = coding
    return answer
