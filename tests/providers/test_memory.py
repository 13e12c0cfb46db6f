"""The memory provider behaves like any provider, and no user can choose it."""

import time

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts.workspace import save_workspace
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.jobs import runtime, send
from campaigns.messages import Message, SendResult
from campaigns.providers import memory, registry
from campaigns.providers.base import ProviderTroubleError, send_one
from campaigns.providers.memory import (
    ACCEPT,
    BOUNCE,
    BREAK_OFF,
    DEFER,
    MemoryKind,
    MemoryProvider,
    Scripted,
)
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber

AWAY = Reason("connection.no_answer", {"where": "memory"})
BY_NAME = {"bounce": BOUNCE, "later": DEFER, "lost": BREAK_OFF, "slow": memory.slow(0.05)}


def by_name(message: Message) -> Scripted:
    """The outcome that the address names; all others are accepted."""
    return BY_NAME.get(message.address.partition("@")[0], ACCEPT)


def a_message(name: str = "alice") -> Message:
    return Message(1, "b@example.org", f"{name}@example.org", b"Hello\r\n")


def send_alone(
    provider: MemoryProvider, name: str, timeout: float | None = 5
) -> tuple[SendResult, list[Message]]:
    """Send one message; return its result and the messages whose body started to leave."""
    begun: list[Message] = []
    result = send_one(provider, a_message(name), before_body=begun.append, timeout=timeout)
    provider.close()
    return result, begun


@pytest.mark.parametrize(
    ("name", "outcome", "has_begun", "is_kept"),
    [
        ("alice", "sent", True, True),
        ("slow", "sent", True, True),
        ("later", "deferred", False, False),
        ("bounce", "failed", False, False),
        ("lost", "unknown", True, False),
    ],
)
def test_outcomes_follow_the_script(
    name: str, outcome: str, has_begun: bool, is_kept: bool
) -> None:
    provider = MemoryProvider(by_name)
    result, begun = send_alone(provider, name)
    assert (result.outcome, bool(begun)) == (outcome, has_begun)
    assert provider.outbox.recipients == ([f"{name}@example.org"] if is_kept else [])


def test_a_failed_account_takes_nothing_until_it_is_woken() -> None:
    answers = [memory.fail(AWAY), ACCEPT]
    provider = MemoryProvider(lambda _: answers.pop(0))
    with pytest.raises(ProviderTroubleError) as caught:
        send_one(provider, a_message(), before_body=lambda _: None, timeout=5)
    assert (caught.value.reason, caught.value.permanent) == (AWAY, False)
    assert send_alone(provider, "alice")[0].outcome == "sent"


def test_a_body_without_a_reply_is_unknown_after_the_timeout() -> None:
    provider = MemoryProvider(lambda _: memory.slow(30))
    begun_at = time.monotonic()
    result, _ = send_alone(provider, "alice", timeout=2)
    assert result.outcome == "unknown"
    assert time.monotonic() - begun_at < 20
    assert provider.outbox.accepted == []


class TestCampaign:
    """A whole campaign through the engine, without a server."""

    @pytest.fixture
    def settings(self, settings: Settings, redis_url: str) -> Settings:
        return settings.model_copy(update={"redis_url": redis_url})

    @pytest.fixture
    def kind(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> MemoryKind:
        runtime.use(app)
        kind = MemoryKind(by_name)
        monkeypatch.setitem(registry.KINDS, "memory", kind)
        return kind

    def test_every_recipient_has_the_outcome_of_the_script(self, kind: MemoryKind) -> None:
        with transaction():
            save_workspace(name="Example", postal_address="1 Example Street")
            news = a_list()
            for name in ("alice", "bob", "slow", *BY_NAME.keys() - {"slow"}):
                a_subscriber(f"{name}@example.org", news)
            sender = a_sender(provider=a_provider(kind="memory", settings={}))
            campaign_id = a_campaign(news, sender=sender).id
            lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=utcnow())
        send.expand(campaign_id)
        end = time.monotonic() + 20
        while len(self.statuses()) != 6 and time.monotonic() < end:
            send.send()
        runtime.close_engine()
        assert self.statuses() == {
            "alice": "sent", "bob": "sent", "slow": "sent", "bounce": "failed", "lost": "unknown",
            "later": "queued",
        }  # fmt: skip
        assert sorted(kind.outbox.recipients) == [
            f"{name}@example.org" for name in ("alice", "bob", "slow")
        ]
        assert db.session.get_one(Campaign, campaign_id).status == "sending"

    def statuses(self) -> dict[str, str]:
        """The status of each attempted delivery, by name."""
        db.session.rollback()
        query = sa.select(Delivery.address, Delivery.status).where(Delivery.attempts > 0)
        tried = {address: status for address, status in db.session.execute(query)}  # noqa: C416
        is_open = {address for address, status in tried.items() if status == "sending"}
        return {
            address.partition("@")[0]: status
            for address, status in tried.items()
            if address not in is_open
        }


def test_no_page_offers_it(owner_client: FlaskClient) -> None:
    form = {"name": "Relay", "host": "smtp.example.org", "port": "587", "kind": "memory"}
    assert owner_client.post("/settings/providers/new", data=form).status_code == 404
    assert db.session.scalar(sa.select(sa.func.count(ProviderAccount.id))) == 0
    assert set(registry.KINDS) == {"smtp"}
