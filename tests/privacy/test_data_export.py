"""The export of one person's data: complete, valid JSON, and about nobody else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.fields.models import Field
from campaigns.audience.models import LiftedSuppression, Subscriber, SubscriberTag, Tag
from campaigns.campaign.models import CampaignLink, Reply
from campaigns.db import Base, db, transaction
from campaigns.events.record import record
from campaigns.messages import ProviderEvent
from campaigns.privacy import data_export
from campaigns.transactional import queue
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ODD = "<script>\u202e=cmd()"


@pytest.fixture
def ann(app: Flask) -> Subscriber:
    """Ann, with everything that there can be; and Bob, with the same."""
    with transaction():
        news = a_list("News")
        campaign = a_campaign(news, status="sent", subject="May issue")
        tag = Tag(name="VIP", name_normal="vip")
        db.session.add_all(
            [
                CampaignLink(campaign_id=campaign.id, number=0, target="https://shop.example/"),
                tag,
                Field(key="city", label="City", type="text"),
                Reply(id=1, digest="1", code=250, text="250 ok {ref}"),
            ]
        )
        db.session.flush()
        for name in ("bob", "Ann"):
            person = a_subscriber(
                f"{name}@example.org",
                name=f"{name} {ODD}",
                attributes={"city": f"City of {name}", "note": "x" * 10_000},
            )
            evidence = ConsentEvidence("form", NOW, f"Asked {name}", "192.0.2.1", "Firefox")
            subscriptions.subscribe(news.id, person.id, evidence)
            db.session.add(SubscriberTag(tag_id=tag.id, subscriber_id=person.id, tagged_at=NOW))
            delivery = a_delivery(campaign, person, status="sent", sent_at=NOW, reply_id=1)
            events = [ProviderEvent("clicked", delivery.id, NOW, f"{name}{n}", 0) for n in range(5)]
            record(events, now=NOW)
            suppressions.suppress(
                person.address_normal, reason="manual", source="", note=name, now=NOW
            )
            db.session.add(
                LiftedSuppression(
                    address_normal=person.address_normal,
                    reason="hard_bounce",
                    note=f"No mailbox of {name}",
                    suppressed_at=NOW,
                    lifted_at=NOW,
                    lifted_by="owner@example.org",
                )
            )
            queue.enqueue("confirm", person.address, {}, now=NOW)
            change = BulkRun(action="untag", selection={}, last_id=0, matched=1)
            db.session.add(change)
            db.session.flush()
            db.session.add(BulkChange(run_id=change.id, subscriber_id=person.id))
    return person


def exported(person: Subscriber) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(data_export.export_person(person, now=NOW)))
    return found


def test_it_contains_everything_about_one_person(ann: Subscriber) -> None:
    found = exported(ann)
    assert found["profile"]["address"] == "Ann@example.org"
    assert found["profile"]["name"] == f"Ann {ODD}"
    assert found["fields"][0] == {"key": "city", "label": "City", "value": "City of Ann"}
    assert [row["tag"] for row in found["tags"]] == ["VIP"]
    assert [(row["list"], row["state"]) for row in found["lists"]] == [("News", "subscribed")]
    assert [row["wording"] for row in found["consent"]] == ["Asked Ann"]
    assert [row["note"] for row in found["suppressions"]] == ["Ann"]
    assert [row["note"] for row in found["removed_suppressions"]] == ["No mailbox of Ann"]
    assert "owner@" not in json.dumps(found["removed_suppressions"])
    assert [row["subject"] for row in found["deliveries"]] == ["May issue"]
    assert [row["link"] for row in found["events"]] == ["https://shop.example/"] * 5
    assert [row["action"] for row in found["bulk_changes"]] == ["untag"]
    assert found["engagement"]["band"] == "new"
    assert [row["kind"] for row in found["single_emails"]] == ["confirm"]
    assert "bob" not in json.dumps(found).lower()


def test_pages_of_rows_make_one_document(ann: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exported(ann)
    monkeypatch.setattr(data_export, "CHUNK", 2)
    assert exported(ann) == whole


def test_every_table_that_names_a_subscriber_is_exported() -> None:
    """A new table with people in it must be added to the export, or be named here with a reason."""
    naming = {
        table.name for table in Base.metadata.tables.values() if "subscriber_id" in table.columns
    }
    assert naming == {
        "bulk_change",
        "consent_event",
        "delivery",
        "engagement_score",
        "subscriber_tag",
        "subscription",
    }
