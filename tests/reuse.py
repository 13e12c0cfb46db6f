"""What the apps of one process share, so that thousands of tests can each have their own app.

Only what no test can notice is shared: compiled URL rules, compiled templates, and the engine of
the database that all tests use, with its connections and compiled statements.
"""

import gc
import itertools
from copy import copy
from types import CodeType
from typing import Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Blueprint, Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Map, Rule, RuleFactory
from werkzeug.routing.matcher import StateMachineMatcher

from campaigns.db import db
from campaigns.providers.domains import keys

_route_tables: dict[tuple[object, ...], tuple[StateMachineMatcher, dict[str, list[Rule]]]] = {}


class _SharedMap(Map):
    """Collects rules, and compiles them on first use, once for all maps with equal rules."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._collected: list[Rule] = []
        super().__init__(*args, **options)

    def add(self, rulefactory: RuleFactory) -> None:
        self._collected.extend(rulefactory.get_rules(self))
        self._remap = True

    def update(self) -> None:
        if not self._remap:
            return
        key = self.host_matching, *map(_identity, self._collected)
        if key not in _route_tables:
            whole = Map(host_matching=self.host_matching)
            for rule in self._collected:
                whole.add(copy(rule))  # a rule belongs to one map for good
            whole.update()
            _route_tables[key] = whole._matcher, whole._rules_by_endpoint
        self._matcher, self._rules_by_endpoint = _route_tables[key]
        self._remap = False


_pages: dict[Blueprint, tuple[list[Rule], dict[str, Any]]] = {}
_register_blueprint = Flask.register_blueprint


def _register_blueprint_once(app: Flask, blueprint: Blueprint) -> None:
    """Register a blueprint, with the rules and views of the first app that had it."""
    rules, views = app.url_map._collected, app.view_functions  # type: ignore[attr-defined]
    if blueprint not in _pages:
        first, known = len(rules), set(views)
        _register_blueprint(app, blueprint)
        _pages[blueprint] = rules[first:], {name: views[name] for name in views.keys() - known}
        return
    its_rules, its_views = _pages[blueprint]
    rules.extend(its_rules)
    views.update(its_views)
    app.blueprints[blueprint.name] = blueprint
    blueprint._merge_blueprint_funcs(app, blueprint.name)
    state = blueprint.make_setup_state(app, {}, first_registration=True)
    for deferred in blueprint.deferred_functions:
        if not deferred.__qualname__.startswith("Blueprint.add_url_rule."):
            deferred(state)


def _identity(rule: Rule) -> tuple[object, ...]:
    """Return what tells rules apart."""
    return (
        rule.rule,
        rule.endpoint,
        frozenset(rule.methods or ()),
        rule.subdomain,
        repr(rule.defaults),
        rule.strict_slashes,
        rule.merge_slashes,
        rule.provide_automatic_options,  # type: ignore[attr-defined]
    )


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
    Flask.url_map_class = _SharedMap
    Flask.register_blueprint = _register_blueprint_once  # type: ignore[method-assign, assignment]
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
