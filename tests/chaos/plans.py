"""Plans of scenarios: how the server behaves, and what breaks when."""

import random
from dataclasses import dataclass

from tests.chaos.server import Behaviour

PLAIN = Behaviour()
REFUSING = Behaviour(busy_percent=100, busy_times=10**9)


@dataclass(frozen=True)
class Step:
    """A fault, and when it happens.

    `what` is a method of scenario.Scenario. It runs once the server has accepted this share of
    the messages (`at`), and after `seconds` at the latest.
    """

    what: str
    at: float = 0.0
    seconds: float = 4.0


@dataclass(frozen=True)
class Plan:
    """The plan of one scenario. `sink`: options of the smtp-sink that refuses everything first."""

    name: str
    behaviour: Behaviour = PLAIN
    steps: tuple[Step, ...] = ()
    recipients: int = 1500
    sink: tuple[str, ...] = ()
    is_away: bool = False
    """No server listens at first."""
    message: str = ""
    """Text that must appear in a reply, at the account or at the campaign."""
    pauses: bool = False
    """The product pauses the campaign; it is resumed once the server is restored."""
    may_pause_at_any_time: bool = False
    """The product may pause the campaign; it is resumed each time."""
    connections: int = 0
    """Most connections open to the server at once, over all workers; 0: no limit."""
    per_second: int = 0
    """Limit of the account, in messages a second; 0: none."""
    seed: int = 0

    @property
    def may_pause(self) -> bool:
        return self.pauses or self.may_pause_at_any_time


def _then_restored(*steps: Step, at: float = 1.1, seconds: float = 1.5) -> tuple[Step, ...]:
    """Add a last step: the server accepts everything."""
    return (*steps, Step("restore_smtp", at, seconds))


NAMED = (
    Plan(
        "workers killed, and two recovering at once",
        steps=(Step("kill_worker", 0.2), Step("kill_all_workers", 0.5)),
    ),
    Plan("valkey flushed and killed", steps=(Step("flush_valkey", 0.2), Step("kill_valkey", 0.5))),
    Plan("a worker asked to end", steps=(Step("end_worker", 0.3),)),
    Plan("a worker frozen for longer than its lease", steps=(Step("freeze_worker", 0.3),)),
    Plan(
        "the clock set back and forth",
        Behaviour(reply_ms=30, dot_ms=30),
        tuple(Step("set_clock", number / 20) for number in range(1, 16)),
        recipients=500,
    ),
    Plan(
        "one connection for two workers, and one killed",
        steps=(Step("kill_worker", 0.3),),
        recipients=300,
        connections=1,
    ),
    Plan(
        "recipients leave while the server slows down",
        Behaviour(slow_after=300, slow_dot_ms=1500),
        steps=(Step("withdraw_consent", 0.65),),
        recipients=480,
    ),
    Plan("a limit of 50 a second", recipients=400, per_second=50),
    Plan(
        "four connections for two workers, and one killed",
        Behaviour(dot_ms=30),
        steps=(Step("kill_worker", 0.4),),
        recipients=1000,
        connections=4,
    ),
    Plan("server away from the start", is_away=True, steps=_then_restored(), message="refused"),
    Plan("server dies and comes back", steps=(Step("kill_smtp", 0.3),)),
    Plan(
        "451 for everything",
        REFUSING,
        _then_restored(),
        recipients=400,
        message="The mail store is being repaired",
    ),
    Plan("451 for one in a hundred", Behaviour(busy_percent=1), recipients=800),
    Plan("greylisting", Behaviour(busy_percent=100), recipients=400),
    Plan("421 after three messages", Behaviour(most_messages=3, dot_ms=0), recipients=400),
    Plan("tarpit", Behaviour(reply_ms=30, dot_ms=30), recipients=300),
    Plan("closes without a reply", Behaviour(hang_up_percent=0.5), recipients=600),
    Plan("takes it and times out at the dot", Behaviour(mute_percent=0.5), recipients=400),
)
SINKS = (
    Plan(
        "sink: 450 at the dot",
        sink=("-r", "."),
        steps=_then_restored(),
        recipients=300,
        message="4.3.0",
    ),
    Plan(
        "sink: closes at the dot",
        sink=("-q", "."),
        steps=_then_restored(),
        recipients=300,
        pauses=True,
        message="answered none of them",
    ),
)
ON_POSTGRESQL = (
    Plan("database and worker killed", steps=(Step("kill_database_and_worker", 0.4),)),
)

LONGER = (
    Plan(
        "clocks frozen for longer than their lease",
        steps=(Step("freeze_clock", 0.1), Step("kill_worker", 0.4), Step("freeze_clock", 0.5)),
        recipients=3000,
    ),
    Plan("clocks killed", steps=(Step("kill_clock", 0.1), Step("kill_all_workers", 0.3))),
    Plan("many workers asked to end", steps=(Step("end_worker", 0.2), Step("end_worker", 0.6))),
    Plan("greylisting and kills", Behaviour(busy_percent=100), steps=(Step("kill_worker", 0.4),)),
    Plan("sink: 421 and away", sink=("-Q", "MAIL"), steps=_then_restored(), message="421"),
    Plan(
        "sink: 5xx at the greeting", sink=("-f", "CONNECT"), steps=_then_restored(), message="5.3.0"
    ),
)
"""Run by `make chaos` only."""

_STEPS = (
    "kill_worker",
    "kill_all_workers",
    "kill_workers_and_clocks",
    "kill_clock",
    "end_worker",
    "freeze_worker",
    "kill_valkey",
    "flush_valkey",
    "set_clock",
    "kill_smtp",
    "change_smtp",
    "refuse_all",
    "withdraw_consent",
)
_DATABASE_STEPS = ("kill_database", "kill_database", "kill_database_and_worker")
"""`kill_database` appears twice, so that it is as likely as in a shorter list."""
BEHAVIOURS = (
    PLAIN,
    PLAIN,
    Behaviour(busy_percent=1),
    Behaviour(busy_percent=100),
    Behaviour(most_messages=3),
    Behaviour(reply_ms=5, dot_ms=20),
    Behaviour(hang_up_percent=0.2),
    Behaviour(mute_percent=0.1),
)


def random_plan(seed: int, recipients: int, *, with_database: bool) -> Plan:
    """Return the plan of this seed, always the same. At the end the server accepts everything."""
    chance = random.Random(seed)  # noqa: S311
    steps = _STEPS + (_DATABASE_STEPS if with_database else ())
    moments = sorted(chance.uniform(0.02, 0.9) for _ in range(chance.randint(1, 5)))
    broken = tuple(Step(chance.choice(steps), moment) for moment in moments)
    is_away = chance.random() < 0.1
    return Plan(
        f"random, seed {seed}",
        chance.choice(BEHAVIOURS),
        _then_restored(*broken, at=0.95, seconds=4),
        recipients=recipients,
        is_away=is_away,
        may_pause_at_any_time=True,
        connections=chance.choice((0, 0, 0, 3, 12)),
        per_second=chance.choice((0, 0, 0, 400)),
        seed=seed,
    )
