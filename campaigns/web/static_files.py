"""Static files under the hash of the whole tree: `/static/<hash>/css/app.css`, cached for a year.

Any change gives every file a new URL, so references between files (fonts in a style sheet, imported
modules) stay consistent without rewriting. Files stay in memory, and are compressed on first use;
`bin/compress` has already compressed the large third-party ones. A change on disk is served after a
restart.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

import brotli
from flask import Flask, Response, abort, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from campaigns.access import access
from campaigns.paths import resource_root
from campaigns.web.script_modules import BUNDLES, bundle

YEAR_SECONDS = 365 * 86_400
BROTLI_QUALITY = 9
"""Brotli quality for our own files: the best one takes ten times as long, and gains little."""
COMPRESSED = ".br"
"""Suffix of what `bin/compress` wrote beside a file. It is not served under its own name."""
QUICK_BYTES = 64 * 1024
"""Size up to which compressing a file takes a few milliseconds."""
STYLES: Mapping[str, Sequence[str]] = {
    "css/app.bundle.css": ("css/fonts.css", "css/app.css"),
    "css/content.bundle.css": (
        "css/campaigns.css",
        "css/preview.css",
        "css/content.css",
        "css/blocks.css",
        "css/personal.css",
        "css/media.css",
    ),
}
"""Style sheets that a page needs together, by the name of the file that has them all. It is in the
same folder, so their URLs stay right."""
_DENSE = ("image/png", "image/jpeg", "image/webp", "font/")
"""Prefixes of types that are already compressed."""
_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".svg": "image/svg+xml"}


class StaticFile:
    """A file of the tree, in each content coding."""

    def __init__(self, name: str, content: bytes, compressed: bytes | None = None) -> None:
        suffix = Path(name).suffix
        self.identity = content
        self._compressed = compressed
        self.media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "text/plain"
        self.is_compressible = not self.media_type.startswith(_DENSE)

    @cached_property
    def br(self) -> bytes:
        """The file compressed with brotli."""
        if self._compressed is not None:
            return self._compressed
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

    def is_quick(self, coding: str) -> bool:
        """Return whether the file is compressed already, or in a few milliseconds."""
        is_made = coding in vars(self) or (coding == "br" and self._compressed is not None)
        return is_made or len(self.identity) <= QUICK_BYTES


class _Texts(Mapping[str, str]):
    """The files as texts."""

    def __init__(self, files: Mapping[str, StaticFile]) -> None:
        self._files = files

    def __getitem__(self, name: str) -> str:
        return self._files[name].identity.decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


class Tree:
    """All static files, bundles of their modules and of style sheets, and their common hash."""

    def __init__(
        self,
        folder: Path,
        bundles: Mapping[str, Sequence[str]] | None = None,
        styles: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.files: dict[str, StaticFile] = {}
        self.texts: Mapping[str, str] = _Texts(self.files)
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != COMPRESSED:
                name, content = path.relative_to(folder).as_posix(), path.read_bytes()
                self.files[name] = StaticFile(name, content, _compressed_beside(path))
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
        made = {
            name: bundle(name, entries, self.texts) for name, entries in (bundles or {}).items()
        }
        made |= {
            name: "\n".join(self.texts[part] for part in parts)
            for name, parts in (styles or {}).items()
        }
        for name, text in made.items():
            content = text.encode()
            self.files[name] = StaticFile(name, content)
            digest.update(content)
        self.hash = digest.hexdigest()[:12]


def _compressed_beside(path: Path) -> bytes | None:
    beside = path.with_name(path.name + COMPRESSED)
    return beside.read_bytes() if beside.is_file() else None


@cache
def tree() -> Tree:
    """Return the files of this installation, read once per process."""
    return Tree(resource_root() / "static", BUNDLES, STYLES)


def asset(name: str) -> str:
    """Return the URL of a static file such as "css/app.css". Raises KeyError."""
    found = tree()
    if name not in found.files:
        raise KeyError(f"no static file {name}")
    return f"/static/{found.hash}/{name}"


def quick_answer(path: str, accept_encoding: str) -> Response | None:
    """Answer a request for `/static/<path>` in microseconds; None if the app has to do it."""
    file = _current(path)
    if file is None:
        return None
    coding = _coding(file, parse_accept_header(accept_encoding, Accept))
    return _answer(file, coding) if file.is_quick(coding) else None


def register(app: Flask) -> None:
    """Serve the files, and make their URLs available to templates."""
    app.add_url_rule("/static/<path:path>", endpoint="static", view_func=_serve)
    app.add_template_global(asset)


@access("public")
def _serve(path: str) -> Response:
    """Serve a file; redirects URLs of other versions to the current one."""
    file = _current(path)
    if file is not None:
        return _answer(file, _coding(file, request.accept_encodings))
    name = path.partition("/")[2]
    other = next((one for one in (name, path) if one in tree().files), None)
    if other is None:
        abort(404)
    return Response(status=302, headers={"Location": asset(other)})


def _current(path: str) -> StaticFile | None:
    version, _, name = path.partition("/")
    found = tree()
    return found.files.get(name) if version == found.hash else None


def _coding(file: StaticFile, accepted: Accept) -> str:
    if not file.is_compressible:
        return "identity"
    return negotiated(accepted)


def negotiated(accepted: Accept) -> str:
    """Return the content coding for a client: "br" if it accepts others only as well."""
    return accepted.best_match(("br", "gzip"), default="identity")


def _answer(file: StaticFile, coding: str) -> Response:
    answer = Response(file.content(coding), mimetype=file.media_type)
    answer.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    if file.is_compressible:
        answer.headers["Vary"] = "Accept-Encoding"
    if coding != "identity":
        answer.headers["Content-Encoding"] = coding
    return answer
