"""What happens in a play: how the server behaves, and what breaks when."""

import random
from dataclasses import dataclass

from tests.chaos.server import Manners

PLAIN = Manners()
REFUSING = Manners(busy_percent=100, busy_times=10**9)


@dataclass(frozen=True)
class Step:
    """Something breaks, when so much of the audience was taken; at the latest after a while.

    `what` is a method of game.Game; `seconds` is the while.
    """

    what: str
    at: float = 0.0
    seconds: float = 4.0


@dataclass(frozen=True)
class Plan:
    """A play. `sink`: options of an smtp-sink that refuses everything, and stands there first."""

    name: str
    manners: Manners = PLAIN
    steps: tuple[Step, ...] = ()
    people: int = 1500
    sink: tuple[str, ...] = ()
    is_away: bool = False
    """Nobody listens in the beginning."""
    says: str = ""
    """These words must be found in the ledger, at the account or at the campaign meanwhile."""
    pauses: bool = False
    """The product pauses the campaign, which is resumed when the server is mended."""
    is_rough: bool = False
    """The product may pause the campaign, and somebody resumes it."""
    connections: int = 0
    """So many may be open to the server, of all workers together; 0: any number."""
    per_second: int = 0
    """Limit of the account, in messages a second; 0: none."""
    seed: int = 0

    @property
    def may_pause(self) -> bool:
        return self.pauses or self.is_rough


def _mended(*steps: Step, at: float = 1.1, seconds: float = 1.5) -> tuple[Step, ...]:
    """In the end the server becomes a plain one."""
    return (*steps, Step("mend_smtp", at, seconds))


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
        Manners(reply_ms=30, dot_ms=30),
        tuple(Step("set_clock", number / 20) for number in range(1, 16)),
        people=500,
    ),
    Plan(
        "one connection for two workers, and one killed",
        steps=(Step("kill_worker", 0.3),),
        people=300,
        connections=1,
    ),
    Plan(
        "people leave while the server turns slow",
        Manners(slow_after=300, slow_dot_ms=1500),
        steps=(Step("leave", 0.65),),
        people=480,
    ),
    Plan("a limit of 50 a second", people=400, per_second=50),
    Plan(
        "four connections for two workers, and one killed",
        Manners(dot_ms=30),
        steps=(Step("kill_worker", 0.4),),
        people=1000,
        connections=4,
    ),
    Plan("server away from the start", is_away=True, steps=_mended(), says="refused"),
    Plan("server dies and comes back", steps=(Step("kill_smtp", 0.3),)),
    Plan(
        "451 for everything",
        REFUSING,
        _mended(),
        people=400,
        says="The mail store is being repaired",
    ),
    Plan("451 for one in a hundred", Manners(busy_percent=1), people=800),
    Plan("greylisting", Manners(busy_percent=100), people=400),
    Plan("421 after three messages", Manners(most_messages=3, dot_ms=0), people=400),
    Plan("tarpit", Manners(reply_ms=30, dot_ms=30), people=300),
    Plan("closes without a reply", Manners(hang_up_percent=0.5), people=600),
    Plan("takes it and times out at the dot", Manners(mute_percent=0.5), people=400),
)
SINKS = (
    Plan("sink: 450 at the dot", sink=("-r", "."), steps=_mended(), people=300, says="4.3.0"),
    Plan(
        "sink: closes at the dot",
        sink=("-q", "."),
        steps=_mended(),
        people=300,
        pauses=True,
        says="answered none of them",
    ),
)
ON_POSTGRESQL = (
    Plan("database and worker killed", steps=(Step("kill_database_and_worker", 0.4),)),
)

LONGER = (
    Plan(
        "clocks frozen for longer than their lease",
        steps=(Step("freeze_clock", 0.1), Step("kill_worker", 0.4), Step("freeze_clock", 0.5)),
        people=3000,
    ),
    Plan("clocks killed", steps=(Step("kill_clock", 0.1), Step("kill_all_workers", 0.3))),
    Plan("many workers asked to end", steps=(Step("end_worker", 0.2), Step("end_worker", 0.6))),
    Plan("greylisting and kills", Manners(busy_percent=100), steps=(Step("kill_worker", 0.4),)),
    Plan("sink: 421 and away", sink=("-Q", "MAIL"), steps=_mended(), says="421"),
    Plan("sink: 5xx at the greeting", sink=("-f", "CONNECT"), steps=_mended(), says="5.3.0"),
)
"""Played by `make chaos` alone."""

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
    "leave",
)
_DATABASE_STEPS = ("kill_database", "kill_database", "kill_database_and_worker")
"""More than one, so that they come about as often as the others do where there is one."""
MANNERS = (
    PLAIN,
    PLAIN,
    Manners(busy_percent=1),
    Manners(busy_percent=100),
    Manners(most_messages=3),
    Manners(reply_ms=5, dot_ms=20),
    Manners(hang_up_percent=0.2),
    Manners(mute_percent=0.1),
)


def by_chance(seed: int, people: int, *, with_database: bool) -> Plan:
    """A play of this seed: always the same. In the end the server is a plain one."""
    chance = random.Random(seed)  # noqa: S311
    steps = _STEPS + (_DATABASE_STEPS if with_database else ())
    moments = sorted(chance.uniform(0.02, 0.9) for _ in range(chance.randint(1, 5)))
    broken = tuple(Step(chance.choice(steps), moment) for moment in moments)
    is_away = chance.random() < 0.1
    return Plan(
        f"by chance, seed {seed}",
        chance.choice(MANNERS),
        _mended(*broken, at=0.95, seconds=4),
        people=people,
        is_away=is_away,
        is_rough=True,
        connections=chance.choice((0, 0, 0, 3, 12)),
        per_second=chance.choice((0, 0, 0, 400)),
        seed=seed,
    )
