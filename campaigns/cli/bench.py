"""`campaigns bench`: how fast this machine sends, from the launch to the last reply.

Everything is real: a migrated database, Valkey, a worker process, RQ, the ledger, and an SMTP
server on loopback that takes and forgets. Nothing of the user's own installation is touched.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from campaigns import migrate
from campaigns.accounts import service as accounts
from campaigns.app import create_app
from campaigns.audience.models import AudienceList, Subscriber, Subscription
from campaigns.clock import utcnow
from campaigns.config import Settings, load_settings
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.paths import resource_root
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.sending import lifecycle
from campaigns.sending.models import Campaign, CampaignList, Delivery
from campaigns.supervisor import preflight, valkey
from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Supervisor

START_SECONDS = 30
LONGEST_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Figures:
    """`reference_messages_per_second`: smtp-source, which sends one constant message; 0: absent."""

    messages_per_second: float
    reference_messages_per_second: float
    ratio: float
    expand_seconds: float
    recipients: int
    database: str
    server: str


@click.command("bench")
@click.option(
    "--recipients", default=10_000, show_default=True, type=click.IntRange(100, 1_000_000)
)
@click.option("--database-url", default="", help="An EMPTY PostgreSQL database; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
def bench_command(recipients: int, database_url: str, as_json: bool) -> None:
    """Measure how fast this machine sends.

    The server is Postfix's smtp-sink where it is installed, with smtp-source beside it as the
    reference; else the built-in mailbox.
    """
    console = Console(stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="campaigns-bench-") as folder:
        settings = _settings(Path(folder), database_url)
        figures = _measure(settings, recipients, console)
    table = Table("figure", "value")
    for name, value in asdict(figures).items():
        shown = f"{value:,.2f}" if isinstance(value, float) else f"{value}"
        table.add_row(name.replace("_", " "), shown)
    console.print(table)
    if as_json:
        click.echo(json.dumps(asdict(figures)))


def _settings(folder: Path, database_url: str) -> Settings:
    return load_settings(
        data_dir=folder / "data",
        database_url=database_url,
        redis_url="",
        port=preflight.free_port("127.0.0.1", 8900),
        public_url="https://news.example.org",
    )


def _measure(settings: Settings, recipients: int, console: Console) -> Figures:
    preflight.prepare_data_dir(settings.data_dir)
    preflight.prepare_runtime_dir(settings.runtime_dir, valkey.SOCKET)
    migrate.upgrade(settings)
    app = create_app(settings)
    with app.app_context(), _running(settings) as (port, server):
        if db.session.scalar(sa.select(Subscriber.id).limit(1)) is not None:
            raise click.ClickException("That database holds subscribers: name an empty one.")
        console.print(f"making {recipients:,} subscribers")
        campaign_id = _make_campaign(recipients, port)
        begun = time.monotonic()
        with transaction():
            lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=utcnow())
        services().doorbell.ring("expand", campaign_id)
        expanded = _wait_for(campaign_id, ("sending", "sent")) - begun
        console.print("sending")
        seconds = _wait_for(campaign_id, ("sent",)) - begun - expanded
        sent = _sent(campaign_id)
        db.session.remove()
        db.engine.dispose()
        reference = _reference(port, recipients) if server == "smtp-sink" else 0.0
    if sent != recipients:
        raise click.ClickException(f"only {sent} of {recipients} were sent")
    rate = recipients / seconds
    return Figures(
        messages_per_second=round(rate, 1),
        reference_messages_per_second=round(reference, 1),
        ratio=round(rate / reference, 3) if reference else 0.0,
        expand_seconds=round(expanded, 2),
        recipients=recipients,
        database="sqlite" if settings.is_sqlite else "postgresql",
        server=server,
    )


@contextmanager
def _running(settings: Settings) -> Iterator[tuple[int, str]]:
    """Valkey, an SMTP server and one sending worker; gives the server's port and name."""
    port = preflight.free_port("127.0.0.1", 2600)
    sink = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_connection_url,
        "PUBLIC_URL": settings.public_url,
    }
    if sink:
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()  # it refuses to be root
        command: tuple[str, ...] = (sink, *as_nobody, f"127.0.0.1:{port}", "512")
        server = Program("smtp-sink", command)
    else:
        server = Program(
            "mailbox", own_command("mailbox"), {**environment, "MAILBOX_PORT": str(port)}
        )
    supervisor = Supervisor(lambda _: None, take=lambda _name, _line: None)
    try:
        kv = supervisor.add(valkey.program(settings))
        if not supervisor.wait_until_well(kv, seconds=START_SECONDS):
            raise click.ClickException("Valkey did not start")
        supervisor.add(server)
        lanes = own_command("worker", "--lane", "send")
        supervisor.add(Program("worker", lanes, environment))
        yield port, server.name
    finally:
        supervisor.stop()


def _make_campaign(recipients: int, port: int) -> int:
    """An audience, and the winter letter of the demo: about 14 kB in two parts."""
    design = resource_root() / "templates" / "newsletter" / "demo" / "winter.html"
    with transaction() as session:
        accounts.save_workspace(name="Bench", postal_address="1 Example Street")
        audience = AudienceList(name="Everybody")
        account = ProviderAccount(name="Sink", host="127.0.0.1", port=port, security="none")
        session.add_all([audience, account])
        session.flush()
        sender = SenderAddress(address="news@example.org", name="News", provider_id=account.id)
        session.add(sender)
        session.flush()
        for start in range(0, recipients, 10_000):
            _add_subscribers(audience.id, range(start, min(start + 10_000, recipients)))
        campaign = Campaign(
            subject="Hello {{ subscriber.name or 'friend' }}",
            html=design.read_text(encoding="utf-8"),
            sender_id=sender.id,
        )
        session.add(campaign)
        session.flush()
        session.add(CampaignList(campaign_id=campaign.id, list_id=audience.id))
    return campaign.id


def _add_subscribers(list_id: int, numbers: range) -> None:
    people = [
        {
            "address": f"reader{number}@mail{number % 50}.example",
            "address_normal": f"reader{number}@mail{number % 50}.example",
            "domain": f"mail{number % 50}.example",
            "name": f"Reader {number}",
            "attributes": {"city": "Hamburg", "favourite": "espresso", "orders": number % 12},
        }
        for number in numbers
    ]
    ids = db.session.scalars(sa.insert(Subscriber).returning(Subscriber.id), people).all()
    db.session.execute(
        sa.insert(Subscription),
        [{"list_id": list_id, "subscriber_id": person, "state": "subscribed"} for person in ids],
    )


def _wait_for(campaign_id: int, states: tuple[str, ...]) -> float:
    """The moment at which the campaign is in one of these states."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        db.session.rollback()
        row = db.session.execute(
            sa.select(Campaign.status, Campaign.status_reason).where(Campaign.id == campaign_id)
        ).one()
        if row.status in states:
            return time.monotonic()
        if row.status in {"paused", "draft", "cancelled"} or time.monotonic() > deadline:
            raise click.ClickException(f"the campaign is {row.status}: {row.status_reason}")
        time.sleep(0.05)


def _sent(campaign_id: int) -> int:
    db.session.rollback()
    query = sa.select(sa.func.count()).where(
        Delivery.campaign_id == campaign_id, Delivery.status == "sent"
    )
    return db.session.scalar(query) or 0


def _reference(port: int, messages: int) -> float:
    """What Postfix's own load generator reaches on the same server: 10 sessions, 14 kB."""
    source = shutil.which("smtp-source") or shutil.which("smtp-source", path="/usr/sbin")
    if source is None:
        return 0.0
    begun = time.monotonic()
    subprocess.run(
        [source, "-s", "10", "-m", str(messages), "-l", "14000", "-f", "a@example.org",
         "-t", "b@example.org", f"127.0.0.1:{port}"],
        check=True, stdout=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    return messages / (time.monotonic() - begun)
