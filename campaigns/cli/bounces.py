"""`campaigns classify-bounce`: what emails that came back say, one JSON object per line.

It needs neither a database nor settings, and starts quickly.
"""

import json
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from campaigns.events.bounces.mime import MAX_BYTES
from campaigns.events.bounces.reading import classify
from campaigns.events.bounces.values import BounceVerdict

if TYPE_CHECKING:
    from campaigns.tokens import Signer


@click.command("classify-bounce")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
def classify_bounce_command(paths: tuple[str, ...]) -> None:
    """Classify returned emails: bounces, complaints, delays, automatic replies.

    Prints one line of JSON per email. FILE can be a file, a folder with all its files, or - for
    standard input. A file that cannot be read gets a line with an error.
    """
    tokens = _Tokens()
    for path in paths:
        for file in _files(path):
            click.echo(json.dumps(_line(file, tokens)))


def _files(path: str) -> Iterator[str]:
    try:
        is_folder = path != "-" and Path(path).is_dir()
    except (OSError, ValueError):
        is_folder = False  # reading it will tell why
    if not is_folder:
        yield path
        return
    unreadable: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unreadable.append):
        folders.sort()
        yield from (str(Path(folder) / name) for name in sorted(names))
    yield from (str(error.filename) for error in unreadable)


def _line(file: str, tokens: "_Tokens") -> dict[str, object]:
    try:
        return _of_verdict(file, classify(_read(file)), tokens)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        return {**_of_verdict(file, BounceVerdict(), tokens), "error": reason or str(error)}


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES)
    path = Path(file)
    if path.is_dir():
        next(path.iterdir(), None)  # raises what made it unreadable
    if path.exists() and not path.is_file():
        raise ValueError("Not a regular file")  # a pipe could keep us waiting forever
    with path.open("rb") as opened:
        return opened.read(MAX_BYTES)


def _of_verdict(file: str, verdict: BounceVerdict, tokens: "_Tokens") -> dict[str, object]:
    main = verdict.main
    return {
        "file": file,
        "kind": verdict.kind,
        "hardness": verdict.hardness,
        "class": main.reply_class or None,
        "status": main.status or None,
        "reply_code": main.reply_code or None,
        "recipients": list(verdict.recipients),
        "feedback_type": verdict.feedback_type or None,
        "original_message_id": verdict.message_ids[0] if verdict.message_ids else None,
        "token_valid": tokens.is_valid(verdict.tokens),
    }


class _Tokens:
    """Checks tokens with the secret key of this installation, if it has one. Never creates one."""

    def is_valid(self, tokens: tuple[str, ...]) -> bool | None:
        """Return whether one of them is ours; None if there is no key to check them with."""
        if not tokens:
            return False
        signer = self._signer
        return None if signer is None else any(_is_ours(signer, token) for token in tokens)

    @cached_property
    def _signer(self) -> "Signer | None":
        from campaigns.config import SettingsError, load_settings
        from campaigns.tokens import Signer

        try:
            settings = load_settings()
            has_key = (
                settings.secret_key.get_secret_value()
                or (settings.data_dir / "secret.key").is_file()
            )
            return Signer(settings.keys) if has_key else None
        except (SettingsError, OSError):
            return None


def _is_ours(signer: "Signer", token: str) -> bool:
    from campaigns.tokens import BadTokenError, read_delivery_token

    try:
        read_delivery_token(signer, token)
    except BadTokenError:
        return False
    return True
