"""The benchmarks' recipients and content: people on one list, and the demo's winter newsletter."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import AudienceList, Subscriber, Subscription
from campaigns.campaign import lifecycle
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign, CampaignList
from campaigns.clock import utcnow
from campaigns.content.mime.compile import compile_content
from campaigns.context import services
from campaigns.db import db, is_postgresql, rows_given, transaction
from campaigns.messages import Recipient
from campaigns.paths import resource_root
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.providers.smtp.kind import SmtpSettings

BATCH_SIZE = 20_000
STORIES = 5
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "public_id": sa.Text(),
    "address": sa.Text(),
    "address_normal": sa.Text(),
    "domain": sa.Text(),
    "name": sa.Text(),
    "attributes": sa.JSON(),
}


@dataclass(frozen=True, slots=True)
class Audience:
    """People on a list. Each campaign to them uses the account at the given port."""

    list_id: int
    size: int

    def launch(self, port: int, *, connections: int = 0) -> int:
        """Launch a campaign to all of them, about 14 kB in two parts. Returns its id.

        `connections`: the limit over all workers; 0: as many as each worker opens.
        """
        with transaction() as session:
            campaign = Campaign(
                subject="Hello {{ subscriber.name or 'friend' }}",
                source=_letter(),
                sender_id=_sender(port, connections),
            )
            session.add(campaign)
            session.flush()
            session.add(CampaignList(campaign_id=campaign.id, list_id=self.list_id))
            session.flush()
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
        services().doorbell.ring("expand", campaign.id)
        return campaign.id


def _sender(port: int, connections: int) -> int:
    """Return the sender address whose account uses this port, and make it the default."""
    address = f"news-{port}@example.org"
    db.session.execute(sa.update(SenderAddress).values(is_default=SenderAddress.address == address))
    found = db.session.scalar(sa.select(SenderAddress.id).where(SenderAddress.address == address))
    if found is not None:
        return found
    account = ProviderAccount(
        name=f"Port {port}",
        settings=SmtpSettings(host="127.0.0.1", port=port, security="none").model_dump(),
        connections=connections,
    )
    db.session.add(account)
    db.session.flush()
    sender = SenderAddress(address=address, name="News", provider_id=account.id, is_default=True)
    db.session.add(sender)
    db.session.flush()
    return sender.id


def is_empty() -> bool:
    """Return whether the database is empty. Benchmarks never run in one that is in use."""
    return db.session.scalar(sa.select(Subscriber.id).limit(1)) is None


def make(people: int) -> Audience:
    """Create people on a new list."""
    first = (db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0) + 1
    with transaction() as session:
        save_workspace(name="Bench", postal_address="1 Example Street")
        everyone = AudienceList(name=f"Readers from {first}")
        session.add(everyone)
        session.flush()
        list_id = everyone.id
    for start in range(first, first + people, BATCH_SIZE):
        with transaction():
            _add(list_id, range(start, min(start + BATCH_SIZE, first + people)))
    if is_postgresql():
        with transaction() as session:
            session.execute(sa.text("ANALYZE"))  # as on a server that has had them for a day
    return Audience(list_id, people)


def _add(list_id: int, numbers: range) -> None:
    given = rows_given([_person(number) for number in numbers], _COLUMNS)
    columns = [given.c[name] for name in _COLUMNS]
    db.session.execute(
        sa.insert(Subscriber).from_select(
            list(_COLUMNS), sa.select(*columns).order_by(given.c.public_id)
        )
    )
    added = sa.select(sa.literal(list_id), Subscriber.id, sa.literal("subscribed")).where(
        Subscriber.public_id >= f"{numbers.start:012d}",
        Subscriber.public_id < f"{numbers.stop:012d}",
    )
    db.session.execute(
        sa.insert(Subscription).from_select(["list_id", "subscriber_id", "state"], added)
    )


def _person(number: int) -> dict[str, Any]:
    address = f"reader{number}@mail{number % 50}.example"
    return {
        "public_id": f"{number:012d}",
        "address": address,
        "address_normal": address,
        "domain": f"mail{number % 50}.example",
        "name": f"Reader {number}",
        "attributes": {"city": "Hamburg", "favourite": "espresso", "orders": number % 12},
    }


def message_bytes(campaign_id: int) -> int:
    """Return the size of a message of this campaign, in bytes."""
    campaign = db.session.get_one(Campaign, campaign_id)
    tools = services()
    content = content_of(campaign, base_url=tools.settings.base_url)
    person = _person(1)
    reader = Recipient(1, 1, 0, person["address"], person["name"], person["attributes"])
    return len(compile_content(content, tools.signer).render(reader, now=utcnow()).data)


_STORY = (
    '<p class="soft" style="font-family:Helvetica,Arial,sans-serif;font-size:15px">'
    "The boat came in late on Tuesday, with ice on the ropes and forty sacks that smelled of rain."
    " We opened the first one on the quay, as we always do, and nobody said a word for a while."
    " Then the lamp was lit, the kettle sang, and the tasting went on until the last tram had left."
    " What we wrote down that night you can read on the label, and in the cup you will find more."
    "</p>\n"
)


def _letter() -> str:
    """Return the demo's winter newsletter, with stories that bring a message to about 14 kB."""
    design = resource_root() / "templates" / "newsletter" / "demo" / "winter.html"
    return design.read_text(encoding="utf-8").replace("</body>", f"{_STORY * STORIES}</body>")
