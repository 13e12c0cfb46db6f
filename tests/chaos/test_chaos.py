"""Outages: whatever breaks, nobody is lost and nobody is mailed twice.

Each play runs the real processes against a server that notes what it has taken. Without further
ado each is short, and few are left to chance. `make chaos ROUNDS=20 SEED=7` plays at length; a
seed brings the same play again.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.chaos.environment import Stage, opened, smtp_sink
from tests.chaos.plans import LONGER, NAMED, ON_POSTGRESQL, SINKS, Plan, by_chance
from tests.chaos.scenario import Outcome, check, play

pytestmark = [pytest.mark.chaos, pytest.mark.process]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 0)
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1, 10**6))
PEOPLE = int(os.environ.get("CHAOS_PEOPLE") or 10_000)


def an_outcome(**changes: Any) -> Outcome:
    """Of three people: two sent, one unknown."""
    fine = Outcome(
        ledger={"a@x.example": "sent", "b@x.example": "sent", "c@x.example": "unknown"},
        reasons=Counter({("sent", ""): 2, ("unknown", "no_answer"): 1}),
        taken=Counter(["a@x.example", "b@x.example", "c@x.example"]),
        unanswered=Counter(["c@x.example"]),
        unknown_allowed=0,
    )
    return replace(fine, **changes)


def test_what_is_as_it_should_be_passes() -> None:
    check(Plan("three", people=3), an_outcome())


@pytest.mark.parametrize(
    ("plan", "changes"),
    [
        ({}, {"left_at": {"a@x.example": 1.0}, "taken_at": {"a@x.example": 4.1}}),
        ({}, {"pauses": [("kill_worker", 5.1)]}),
        ({"connections": 4}, {"most_connections": 5}),
        ({"per_second": 10}, {"taken_at": {f"{n}@x.example": n / 14 for n in range(40)}}),
    ],
    ids=["mailed after leaving", "stood still", "connections", "rate"],
)
def test_what_takes_too_long_is_noticed(plan: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(Plan("three", people=3, **plan), an_outcome(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"taken": Counter(["a@x.example", "a@x.example", "b@x.example"])},
        {"taken": Counter(["a@x.example"])},
        {"ledger": {"a@x.example": "sent", "b@x.example": "sent"}},
        {"ledger": {"a@x.example": "sent", "b@x.example": "sent", "c@x.example": "queued"}},
        {"unanswered": Counter()},
        {"reasons": Counter({("unknown", "wrong"): 1})},
    ],
    ids=["twice", "never taken", "lost", "open", "unknown for no reason", "no good reason"],
)
def test_what_is_wrong_is_noticed(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(Plan("three", people=3), an_outcome(**changes))


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("stage"), "sqlite") as stage:
        yield stage


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if servers.system_postgresql_bin() is None:
        pytest.skip("no PostgreSQL is installed here")
    with opened(tmp_path_factory.mktemp("stage"), "postgresql") as stage:
        yield stage


def named(plan: Plan) -> str:
    return plan.name


@pytest.mark.parametrize("plan", NAMED, ids=named)
def test_outages(plan: Plan, on_sqlite: Stage, tmp_path: Path) -> None:
    check(plan, play(on_sqlite, plan, tmp_path))


@pytest.mark.skipif(smtp_sink() is None, reason="no smtp-sink is installed here")
@pytest.mark.parametrize("plan", SINKS, ids=named)
def test_outages_of_a_foreign_server(plan: Plan, on_sqlite: Stage, tmp_path: Path) -> None:
    check(plan, play(on_sqlite, plan, tmp_path))


@pytest.mark.parametrize("plan", ON_POSTGRESQL, ids=named)
def test_outages_of_the_database(plan: Plan, on_postgresql: Stage, tmp_path: Path) -> None:
    check(plan, play(on_postgresql, plan, tmp_path))


@pytest.mark.skipif(not ROUNDS, reason="played by `make chaos`")
@pytest.mark.parametrize("plan", LONGER, ids=named)
def test_more_outages(plan: Plan, on_postgresql: Stage, tmp_path: Path) -> None:
    if plan.sink and smtp_sink() is None:
        pytest.skip("no smtp-sink is installed here")
    check(plan, play(on_postgresql, plan, tmp_path))


@pytest.mark.skipif(not ROUNDS, reason="played by `make chaos`")
@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS) if ROUNDS else [0])
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_by_chance(seed: int, backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    stage: Stage = request.getfixturevalue(f"on_{backend}")
    plan = by_chance(seed, PEOPLE, with_database=backend == "postgresql")
    check(plan, play(stage, plan, tmp_path))
