"""Outages: whatever breaks, nobody is lost and nobody is emailed twice.

Each scenario runs the real processes against a server that records what it accepted. By default
the scenarios are few, short and fixed. `make chaos ROUNDS=20 SEED=7` adds longer and random ones;
the same seed repeats the same scenario.
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
from tests.chaos.environment import Environment, opened, smtp_sink
from tests.chaos.plans import LONGER, NAMED, ON_POSTGRESQL, SINKS, Plan, random_plan
from tests.chaos.scenario import Outcome, check, run

pytestmark = [pytest.mark.chaos, pytest.mark.process]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 0)
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1, 10**6))
RECIPIENTS = int(os.environ.get("CHAOS_PEOPLE") or 10_000)


def an_outcome(**changes: Any) -> Outcome:
    """An outcome of three recipients: two sent, one unknown."""
    fine = Outcome(
        deliveries={"a@x.example": "sent", "b@x.example": "sent", "c@x.example": "unknown"},
        reasons=Counter({("sent", ""): 2, ("unknown", "no_answer"): 1}),
        taken=Counter(["a@x.example", "b@x.example", "c@x.example"]),
        unanswered=Counter(["c@x.example"]),
        unknown_allowed=0,
    )
    return replace(fine, **changes)


def test_a_correct_outcome_passes() -> None:
    check(Plan("three", recipients=3), an_outcome())


@pytest.mark.parametrize(
    ("plan", "changes"),
    [
        ({}, {"withdrawn_at": {"a@x.example": 1.0}, "taken_at": {"a@x.example": 4.1}}),
        ({}, {"pauses": [("kill_worker", 60.0)]}),
        ({"connections": 4}, {"most_connections": 5}),
        ({"per_second": 10}, {"taken_at": {f"{n}@x.example": n / 14 for n in range(40)}}),
    ],
    ids=["emailed after withdrawal", "paused too long", "connections", "rate"],
)
def test_a_broken_limit_fails(plan: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(Plan("three", recipients=3, **plan), an_outcome(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"taken": Counter(["a@x.example", "a@x.example", "b@x.example"])},
        {"taken": Counter(["a@x.example"])},
        {"deliveries": {"a@x.example": "sent", "b@x.example": "sent"}},
        {"deliveries": {"a@x.example": "sent", "b@x.example": "sent", "c@x.example": "queued"}},
        {"unanswered": Counter()},
        {"reasons": Counter({("unknown", "wrong"): 1})},
    ],
    ids=["twice", "never accepted", "missing", "open", "unknown without cause", "wrong reason"],
)
def test_an_incorrect_outcome_fails(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check(Plan("three", recipients=3), an_outcome(**changes))


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with opened(tmp_path_factory.mktemp("chaos"), "sqlite") as environment:
        yield environment


@pytest.fixture(scope="module")
def on_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    if servers.system_postgresql_bin() is None:
        pytest.skip("no PostgreSQL is installed here")
    with opened(tmp_path_factory.mktemp("chaos"), "postgresql") as environment:
        yield environment


def named(plan: Plan) -> str:
    return plan.name


@pytest.mark.parametrize("plan", NAMED, ids=named)
def test_outages(plan: Plan, on_sqlite: Environment, tmp_path: Path) -> None:
    check(plan, run(on_sqlite, plan, tmp_path))


@pytest.mark.skipif(smtp_sink() is None, reason="no smtp-sink is installed here")
@pytest.mark.parametrize("plan", SINKS, ids=named)
def test_outages_of_another_smtp_server(plan: Plan, on_sqlite: Environment, tmp_path: Path) -> None:
    check(plan, run(on_sqlite, plan, tmp_path))


@pytest.mark.parametrize("plan", ON_POSTGRESQL, ids=named)
def test_outages_of_the_database(plan: Plan, on_postgresql: Environment, tmp_path: Path) -> None:
    check(plan, run(on_postgresql, plan, tmp_path))


@pytest.mark.skipif(not ROUNDS, reason="run by `make chaos`")
@pytest.mark.parametrize("plan", LONGER, ids=named)
def test_more_outages(plan: Plan, on_postgresql: Environment, tmp_path: Path) -> None:
    if plan.sink and smtp_sink() is None:
        pytest.skip("no smtp-sink is installed here")
    check(plan, run(on_postgresql, plan, tmp_path))


@pytest.mark.skipif(not ROUNDS, reason="run by `make chaos`")
@pytest.mark.parametrize("seed", range(SEED, SEED + ROUNDS) if ROUNDS else [0])
@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_random_outages(
    seed: int, backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    environment: Environment = request.getfixturevalue(f"on_{backend}")
    plan = random_plan(seed, RECIPIENTS, with_database=backend == "postgresql")
    check(plan, run(environment, plan, tmp_path))
