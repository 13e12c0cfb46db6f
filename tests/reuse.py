"""What the apps of one process share, so that thousands of tests can each have their own app.

Only what no test can notice is shared: compiled URL rules, compiled templates, and the engine of
the database that all tests use, with its connections and compiled statements.
"""

import gc
import itertools
from types import CodeType
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from campaigns.db import db
from campaigns.providers.domains import keys

_rules: dict[tuple[object, ...], tuple[Any, ...]] = {}
_compile_rule = Rule.compile


def _compile_rule_once(rule: Rule) -> None:
    """Compile equal rules once: the result depends only on the rule's strings."""
    key = rule.subdomain, rule.host, rule.rule, repr(rule.defaults), rule.merge_slashes
    if key not in _rules:
        _compile_rule(rule)
        builders = rule._build.__func__, rule._build_unknown.__func__  # type: ignore[attr-defined]
        _rules[key] = rule._parts, rule._trace, rule._converters, rule.arguments, builders
        return
    rule._parts, rule._trace, rule._converters, arguments, builders = _rules[key]
    rule.arguments = set(arguments)
    rule._build, rule._build_unknown = (builder.__get__(rule, None) for builder in builders)


class _Templates(BytecodeCache):
    """Compiled templates, by name and source."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


_engines: dict[sa.URL, sa.Engine | None] = {}
_make_engine = db._make_engine


def share_engine(url: str) -> None:
    """Let all apps of this database share one engine."""
    _engines.setdefault(_key(url), None)


def shared_engine(url: str | sa.URL) -> sa.Engine | None:
    """Return the engine of this database if it is shared and already in use."""
    return _engines.get(_key(url))


def release_engine(engine: sa.Engine) -> None:
    """Dispose of an engine after a test, unless it is shared and all connections are returned."""
    pool = engine.pool
    is_whole = isinstance(pool, sa.QueuePool) and pool.checkedout() == 0
    if not (is_whole and shared_engine(engine.url) is engine):
        engine.dispose()  # for example after a streamed response that was not read to the end


def _key(url: str | sa.URL) -> sa.URL:
    url = sa.make_url(url)
    return url.set(drivername=url.get_backend_name())  # the settings add the name of the driver


def _make_engine_once(bind_key: str | None, options: dict[str, Any], app: Flask) -> sa.Engine:
    key = _key(options["url"])
    engine = _engines.get(key)
    if engine is None:
        engine = _make_engine(bind_key, options, app)
        if key in _engines:
            _engines[key] = engine
    return engine


_rsa_keys: list[rsa.RSAPrivateKey] = []
_rsa_keys_given = itertools.count()


def _rsa_key_from_a_few(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    """One of four keys, in turn. To generate one takes longer than most tests."""
    given = next(_rsa_keys_given)
    if given < 4:
        _rsa_keys.append(rsa.generate_private_key(public_exponent, key_size))
    return _rsa_keys[given % 4]


def install() -> None:
    Rule.compile = _compile_rule_once  # type: ignore[assignment, method-assign]
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Templates()}
    db._make_engine = _make_engine_once  # type: ignore[method-assign]
    keys.generate_private_key = _rsa_key_from_a_few  # type: ignore[assignment, attr-defined]


def freeze_collected_objects() -> None:
    """Exclude the objects that exist after test collection from garbage collection.

    An app is thousands of objects in cycles; scanning them took a sixth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 1_000)
