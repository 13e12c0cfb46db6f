"""Plan, limiter and rules together against simulated mailbox providers: hours in seconds."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from redis import Redis

from campaigns.db import transaction
from campaigns.engine.limiter import RedisLimiter
from campaigns.providers.models import ProviderAccount
from campaigns.throttling import editing, warm_up
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Grant, GrantRequest, Hold
from campaigns.throttling.recording import recorded, tell
from tests.english import in_english
from tests.factories import a_campaign, a_provider

# The SQL behind it is tested on both databases; here the limiter is simulated.
pytestmark = pytest.mark.runs_on("sqlite")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Server:
    """Accepts a number of messages a minute, and refuses more."""

    per_minute: int
    complaint: tuple[int, str]
    taken: deque[float] = field(default_factory=deque)
    tried: list[float] = field(default_factory=list)
    complaints: list[float] = field(default_factory=list)

    def offer(self, at: float) -> bool:
        self.tried.append(at)
        while self.taken and self.taken[0] <= at - 60:
            self.taken.popleft()
        if len(self.taken) >= self.per_minute:
            self.complaints.append(at)
            return False
        self.taken.append(at)
        return True


@dataclass
class Simulation:
    """One campaign, one worker, some servers, and a manual clock."""

    limiter: RedisLimiter
    provider_id: int
    campaign_id: int
    waiting: dict[str, int]
    servers: dict[str, Server]
    seconds: float = START.timestamp()
    holds: list[tuple[float, str, Hold]] = field(default_factory=list)
    at_once: list[tuple[float, str, int]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def slice(self) -> None:
        """Do what a worker does in a second."""
        plan = load_plan(self.provider_id, now=self.now)
        wants = {group: min(200, count) for group, count in self.waiting.items() if count}
        asked = GrantRequest(self.provider_id, self.campaign_id, wants, holder="worker")
        grant = self.limiter.acquire(asked, plan)
        self.holds += [(self.seconds, group, held) for group, held in grant.holds.items()]
        self.at_once += [(self.seconds, group, count) for group, count in grant.at_once.items()]
        for group, count in grant.counts.items():
            self.send(asked, grant, group, count)
        self.seconds += 1.0 if grant.total else max(1.0, min(grant.wait_seconds, 30.0))

    def send(self, asked: GrantRequest, grant: Grant, group: str, count: int) -> None:
        # One after the other, about ten messages a second are sent.
        possible = min(count, 10 * grant.at_once.get(group, 1000))
        outcomes = [self.servers[group].offer(self.seconds) for _ in range(possible)]
        sent, refused = outcomes.count(True), outcomes.count(False)
        code, text = self.servers[group].complaint
        with transaction():
            actions = recorded(
                self.provider_id, group, sent=sent,
                replies=[(code, text, refused)] if refused else [], now=self.now,
            )  # fmt: skip
        self.waiting[group] -= sent
        tell(self.limiter, self.provider_id, group, sent=sent, throttled=refused, actions=actions)
        self.limiter.give_back(asked, {group: count - possible})

    def run(self, span: timedelta) -> None:
        until = self.seconds + span.total_seconds()
        while self.seconds < until and any(self.waiting.values()):
            self.slice()


def a_simulation(
    redis_url: str, waiting: dict[str, int], servers: dict[str, Server], *, per_second: int = 0
) -> Simulation:
    with transaction():
        provider: ProviderAccount = a_provider(per_second=per_second)
        campaign = a_campaign(provider_id=provider.id, status="sending", started_at=START)
    clock: list[Simulation] = []
    limiter = RedisLimiter(Redis.from_url(redis_url), lambda: clock[0].seconds)
    simulation = Simulation(limiter, provider.id, campaign.id, waiting, servers)
    clock.append(simulation)
    return simulation


@pytest.fixture
def gmail_and_yahoo(app: Flask, redis_url: str) -> Simulation:
    servers = {
        "google": Server(120, (421, "4.7.28 Unusual rate of mail")),
        "yahoo": Server(100_000, (451, "later")),
    }
    return a_simulation(redis_url, {"google": 600, "yahoo": 3000}, servers)


def test_g14_gmail_is_suspended_then_resumed_with_one_connection(
    gmail_and_yahoo: Simulation,
) -> None:
    simulation = gmail_and_yahoo
    simulation.run(timedelta(hours=6))
    google, yahoo = simulation.servers["google"], simulation.servers["yahoo"]
    first = google.complaints[0]
    silence = [at for at in google.tried if first < at < first + 600]
    assert silence == [], "nothing for ten minutes"
    assert max(yahoo.tried) < first + 60, "the others are not delayed"
    after = [
        count for at, group, count in simulation.at_once if group == "google" and at >= first + 600
    ]
    assert after[0] == 1
    assert "Gmail waits until" in next(
        in_english(held.why) for at, _, held in simulation.holds if at > first
    )
    assert simulation.waiting == {"google": 0, "yahoo": 0}, "in the end everyone has it"
    assert len(google.complaints) < 0.2 * 600, "far fewer refusals than messages"


def test_w3_a_used_up_quota_is_waited_for(app: Flask, redis_url: str) -> None:
    server = Server(200, (454, "Throttling failure: Daily message quota exceeded."))
    simulation = a_simulation(redis_url, {"other": 500}, {"other": server}, per_second=50)
    simulation.run(timedelta(hours=5))
    first = server.complaints[0]
    assert [at for at in server.tried if first < at < first + 3600] == []
    assert any(
        "24-hour quota is used up" in in_english(held.why) for _, _, held in simulation.holds
    )
    assert simulation.waiting == {"other": 0}


def test_the_accepted_rate_is_found(app: Flask, redis_url: str) -> None:
    server = Server(300, (450, "4.7.1 Rate limit reached, slow down"))
    simulation = a_simulation(redis_url, {"yahoo": 10**6}, {"yahoo": server})
    simulation.run(timedelta(minutes=8))
    tried, complaints = len(server.tried), len(server.complaints)
    simulation.run(timedelta(minutes=6))
    tried, complaints = len(server.tried) - tried, len(server.complaints) - complaints
    assert tried - complaints > 0.7 * 300 * 6, "most of what it accepts"
    assert complaints < 0.1 * tried, "without many refusals"


def test_weeks_of_warm_up_never_exceed_the_plan(app: Flask, redis_url: str) -> None:
    server = Server(10**9, (450, "later"))
    simulation = a_simulation(redis_url, {"other": 10**9}, {"other": server})
    with transaction():
        typed = editing.WarmUpInput(first="20", last="2000", days="14")
        editing.save_warm_up(simulation.provider_id, "", typed)
    steps = warm_up.curve(20, 2000, 14)
    midnight = simulation.seconds = (START + timedelta(hours=15)).timestamp()
    while simulation.seconds < midnight + 14 * 86_400:
        simulation.slice()
        simulation.seconds += 1800
    for day, most in enumerate(steps):
        start = midnight + day * 86_400
        assert sum(start <= at < start + 86_400 for at in server.tried) <= most
    assert len(server.tried) > 0.5 * sum(steps), "and the plan is used up"
