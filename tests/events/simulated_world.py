"""A simulated world: takes a campaign over SMTP, and sends back what happens to each email.

It knows only what a mail server or a provider knows: the envelope, the message and the reply that
it gave. What comes back takes the ways that a user sets up: LMTP, the pipe of a mail server, and
signed posts of a provider.
"""

import asyncio
import io
import json
import random
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign.models import Delivery
from campaigns.clock import utcnow
from campaigns.db import db
from campaigns.events.models import Incoming
from campaigns.intake.pipe import take_in
from campaigns.jobs.incoming import read
from tests.chaos.server import Behaviour, Session
from tests.events.webhooks.posts import by_sendgrid
from tests.supervisor.helpers import wait_until

UNKNOWN = "550 5.1.1 <{address}>: Recipient address rejected: User unknown"
FULL = "552 5.2.2 Mailbox is over its quota"
POLICY = "550 5.7.26 Unauthenticated email is not accepted due to the sender's DMARC policy"
DELAY = "450 4.7.1 try again later"
GREYLISTED = "451 4.7.1 Greylisted, try again in five minutes"
EVENTS_IN_POST = 500
FORGED_EVENTS, FORGED_EMAILS = 500, 40
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Fate:
    """What happens to a number of emails, and what has to be known of them in the end."""

    count: int
    reports: tuple[str, ...] = ()
    """What is reported of them, in the order in which it happens."""
    reply: str = UNKNOWN
    status: str = "sent"
    bounce: str = ""
    suppressed: str = ""


_HARD: Mapping[str, Any] = {"bounce": "hard", "suppressed": "hard_bounce"}
FATES = {
    "delivered": Fate(5_000, ("delivered",)),
    "silent": Fate(4_130),
    "refused": Fate(150, status="failed", suppressed="hard_bounce"),
    "greylisted": Fate(250, ("delivered",)),
    "hard": Fate(120, ("bounced",), **_HARD),
    "hard after delivery": Fate(30, ("delivered", "bounced"), **_HARD),
    "hard after delay": Fate(30, ("delayed", "bounced"), **_HARD),
    "hard before the reply": Fate(20, ("bounced",), **_HARD),
    "full": Fate(80, ("bounced",), FULL, bounce="mailbox_full"),
    "policy": Fate(40, ("bounced",), POLICY, bounce="policy"),
    "delayed": Fate(30, ("delayed", "delivered")),
    "complained": Fate(25, ("delivered", "complained"), suppressed="complaint"),
    "out of office": Fate(30, ("delivered", "auto-reply")),
    "unsubscribed": Fate(25, ("delivered", "unsubscribed")),
    "delivered without an answer": Fate(20, ("delivered",)),
    "bounced without an answer": Fate(20, ("bounced",), status="failed", **_HARD),
}
"""For 10,000 emails. Many servers report nothing; complaints stay below what pauses a campaign."""


@dataclass(frozen=True)
class Taken:
    """An email as it was taken: envelope and message."""

    address: str
    return_path: str
    message: bytes

    @property
    def headers(self) -> str:
        return self.message.partition(b"\r\n\r\n")[0].decode()

    @property
    def token(self) -> str:
        """What a provider copies from the header that is meant for it."""
        found = re.search(r'"campaigns": "([a-z2-7]+)"', self.headers)
        assert found, self.headers
        return found[1]


@dataclass
class World:
    """The outcome of every address, and everything that was taken and is to be sent back."""

    app: Flask
    fates: Mapping[str, str]
    client: FlaskClient
    hook: str
    lmtp_port: int
    chance: random.Random = field(default_factory=lambda: random.Random(20_261))  # noqa: S311
    taken: dict[str, Taken] = field(default_factory=dict)
    offers: Counter[str] = field(default_factory=Counter)
    """How often each address was offered."""
    early: list[str] = field(default_factory=list)
    """Status of each delivery whose bounce was known before its email was answered."""
    fresh: list[Taken] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    emails: list[tuple[str, bytes]] = field(default_factory=list)
    """Recipient and text."""

    # --- taking emails ----------------------------------------------------------------------------

    def refusal_of(self, address: str) -> str:
        self.offers[address] += 1
        if self.fates[address] == "refused":
            return UNKNOWN.format(address=address)
        is_first = self.offers[address] == 1
        return GREYLISTED if self.fates[address] == "greylisted" and is_first else ""

    def take(self, found: Taken) -> None:
        assert found.address not in self.taken, "an email came twice"
        self.taken[found.address] = found
        if self.fates[found.address] != "hard before the reply":
            self.fresh.append(found)

    def bounce_early(self, address: str) -> None:
        """Return an email, and have it read, before the server that sent it gets its reply."""
        taken = self.taken[address]
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as client:
            client.sendmail("", [taken.return_path], _notice(taken, UNKNOWN, "failed"))
        with self.app.app_context():
            # Meanwhile, others may return a hundred.
            newest = sa.select(Incoming.id, Incoming.body).order_by(Incoming.id.desc()).limit(300)
            rows = db.session.execute(newest).all()
            read(next(number for number, body in rows if address.encode() in body))
            # Another thread may be reading it already.
            wait_until(lambda: _is_bounced(address), f"{address} has bounced")
            found = sa.select(Delivery.status).where(Delivery.address == address)
            self.early.append(db.session.execute(found).scalar_one())

    # --- sending back -----------------------------------------------------------------------------

    def happen(self, share: float = 1.0) -> None:
        """Let something happen to this share of the emails that were taken since the last time."""
        fresh = [self.fresh.pop() for _ in range(len(self.fresh))]
        self.chance.shuffle(fresh)
        now = round(len(fresh) * share)
        self.fresh += fresh[now:]
        for one in fresh[:now]:
            for what in FATES[self.fates[one.address]].reports:
                self._report(one, what)

    def _report(self, taken: Taken, what: str) -> None:
        """Report it by email, by webhook or both."""
        by_email, by_webhook = self.chance.choice([(True, False), (False, True), (True, True)])
        reply = FATES[self.fates[taken.address]].reply
        if what in ("bounced", "complained"):
            if by_email:
                notice = _notice(taken, reply, "failed")
                email = (taken.return_path, notice) if what == "bounced" else _complaint(taken)
                self.emails.append(email)
            if by_webhook:
                self.events.append(_event(taken, what, reply))
        elif what == "delivered":
            self.events.append(_event(taken, what, "250 2.0.0 Ok"))
        elif what == "delayed":
            self.emails.append((taken.return_path, _notice(taken, DELAY, "delayed")))
        else:
            self.emails.append((taken.return_path, _answer(taken, what)))

    def forge(self) -> None:
        """Claim bounces and complaints of people, without our signature."""
        for number, found in enumerate(self.chance.sample(sorted(self.taken), FORGED_EVENTS)):
            token = "".join(self.chance.choices(_DIGITS, k=len(self.taken[found].token)))
            forged = Taken(found, f"b+{token}@example.org", f"Message-ID: <{token}@x>".encode())
            if number >= FORGED_EMAILS:
                what = "bounced" if number % 2 else "complained"
                event = _event(self.taken[found], what, UNKNOWN)
                self.events.append({**event, "campaigns": token, "smtp-id": "<1@x.example>"})
            else:
                self.emails.append((forged.return_path, _notice(forged, UNKNOWN, "failed")))
        self._post(json.dumps([_event(one, "bounced", UNKNOWN) for one in self.taken.values()]), {})

    def repeat(self) -> None:
        """Report some of it twice: in other posts, and in emails with another signature line."""
        self.events += self.chance.sample(self.events, len(self.events) // 15)
        some = self.chance.sample(self.emails, len(self.emails) // 10)
        self.emails += [(to, text + b"\r\n-- \r\nPostmaster\r\n") for to, text in some] + some

    def send_back(self, at_least: int = 0) -> None:
        """Hand over everything that waits, in a random order, once it is so much."""
        if len(self.events) + len(self.emails) < at_least:
            return
        self.chance.shuffle(self.events)
        self.chance.shuffle(self.emails)
        events, self.events = self.events, []
        emails, self.emails = self.emails, []
        for start in range(0, len(events), EVENTS_IN_POST):
            found = by_sendgrid(events[start : start + EVENTS_IN_POST], at=utcnow())
            for _ in range(2 if start == 0 else 1):  # a provider that missed our answer
                assert self._post(found.body, found.headers) == 200
        for to, text in emails[::2]:
            assert take_in(self.app, io.BytesIO(text), recipient=to, sender=None) == 0
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as client:
            for to, text in emails[1::2]:
                client.sendmail("", [to], text)

    def _post(self, body: bytes | str, headers: Mapping[str, str]) -> int:
        answer = self.client.post(self.hook, data=body, headers=dict(headers))
        return answer.status_code


class _WorldSession(Session):
    """A connection to the server of the world."""

    def __init__(self, world: World) -> None:
        super().__init__(Behaviour(dot_ms=0), -1, Counter())
        self._world = world

    def _record_lines(self, lines: str) -> None:
        pass

    def _refusal_of(self, address: str) -> str:
        return self._world.refusal_of(address)

    def _end_of_data(self, found: bytes) -> None:
        address, fate = self._recipient, self._world.fates[self._recipient]
        self._world.take(Taken(address, self._sender, found))
        if fate.endswith("without an answer"):
            self._close()
        elif fate == "hard before the reply":
            self._is_delaying = True
            loop = asyncio.get_running_loop()
            early = loop.run_in_executor(None, self._world.bounce_early, address)
            early.add_done_callback(lambda _: self._say_now("250 2.0.0 Ok: queued as 4C01"))
        else:
            self._say("250 2.0.0 Ok: queued as 4C01", 0)


@contextmanager
def serving(world: World, port: int) -> Iterator[None]:
    """Take emails on this port, in a thread, until the block ends."""
    loop, is_ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        server = await loop.create_server(lambda: _WorldSession(world), "127.0.0.1", port)
        is_ready.set()
        await stop.wait()
        server.close()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert is_ready.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


# --- what is sent back --------------------------------------------------------------------------


def _event(taken: Taken, what: str, reply: str) -> dict[str, Any]:
    """Return an event as SendGrid reports it."""
    names = {"delivered": "delivered", "bounced": "bounce", "complained": "spamreport"}
    said = reply.format(address=taken.address)
    failed = {"reason": said, "type": "bounce", "status": said.split()[1]}
    return {
        "event": names[what],
        "campaigns": taken.token,
        "email": taken.address,
        "timestamp": int(time.time()),
        "sg_event_id": f"{what}-{taken.address}",
        **(failed if what == "bounced" else {}),
    }


def _notice(taken: Taken, reply: str, action: str) -> bytes:
    """Return a delivery status notification. Some servers return nothing of the email."""
    said = reply.format(address=taken.address)
    is_brief = len(taken.address) % 2 == 0
    lines = [
        "From: MAILER-DAEMON@mx.example.net",
        f"To: {taken.return_path}",
        "Subject: Delivery status",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="frontier"',
        "",
        "--frontier",
        "Content-Type: text/plain",
        "",
        f"<{taken.address}>: {said}",
        "",
        "--frontier",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        "",
        f"Final-Recipient: rfc822; {taken.address}",
        f"Action: {action}",
        f"Status: {said.split()[1]}",
        f"Diagnostic-Code: smtp; {said}",
        "",
        *([] if is_brief else ["--frontier", "Content-Type: text/rfc822-headers", ""]),
        *([] if is_brief else [taken.headers, ""]),
        "--frontier--",
        "",
    ]
    return "\r\n".join(lines).encode()


def _complaint(taken: Taken) -> tuple[str, bytes]:
    """Return the address for complaints, and a report with the whole email in it."""
    head = """From: feedback@mailbox.example
To: complaints@example.org
Subject: Abuse report
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="frontier"

--frontier
Content-Type: text/plain

This is an abuse report.

--frontier
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: ExampleLoop/1.0
Version: 1
Original-Rcpt-To: <redacted>

--frontier
Content-Type: message/rfc822

"""
    redacted = taken.message.replace(taken.address.encode(), b"redacted@example.net")
    text = head.replace("\n", "\r\n").encode() + redacted + b"\r\n--frontier--\r\n"
    return "complaints@example.org", text


def _is_bounced(address: str) -> bool:
    db.session.rollback()
    found = sa.select(Delivery.bounced_at).where(Delivery.address == address)
    return db.session.execute(found).scalar_one() is not None


def _answer(taken: Taken, what: str) -> bytes:
    """Return what a person, or a program in their absence, answers."""
    is_automatic = what == "auto-reply"
    lines = [
        f"From: {taken.address}",
        f"To: {taken.return_path}",
        f"Subject: {'Out of office: your newsletter' if is_automatic else 'unsubscribe'}",
        *(["Auto-Submitted: auto-replied"] if is_automatic else []),
        "",
        "I am away until Monday." if is_automatic else "unsubscribe",
        "",
    ]
    return "\r\n".join(lines).encode()
