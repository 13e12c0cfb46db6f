"""Everyone gets the same email, whatever is edited in the library while it is sent."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import AudienceList
from campaigns.campaign import drafts, lifecycle
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign, FrozenContent
from campaigns.content.brand_style import BrandStyle
from campaigns.content.library import saved_blocks, snippets
from campaigns.content.library.models import Brand
from campaigns.content.mime.compile import Content
from campaigns.content.sources.compile import compile_source
from campaigns.db import db, transaction
from campaigns.providers import return_domains
from campaigns.providers.models import ProviderAccount, ReturnDomain, SenderAddress
from tests.factories import (
    a_campaign,
    a_list,
    a_provider,
    a_saved_block,
    a_sender,
    a_snippet,
)
from tests.readback import fresh_campaign

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASE_URL = "https://news.example.org"
MAGENTA = BrandStyle(logo_alt="Harbour", body_font="georgia")


def a_draft(source: str = "<p>{{ snippet.promo }}</p>") -> Campaign:
    news = a_list(language="de")
    return a_campaign(news, sender=a_sender(), source=source)


def content(campaign: Campaign) -> Content:
    return content_of(fresh_campaign(campaign), base_url=BASE_URL)


def launch(campaign: Campaign, *, undo_seconds: int = 0) -> None:
    with transaction():
        assert lifecycle.launch(campaign.id, at=None, undo_seconds=undo_seconds, now=NOW)


def test_a_draft_follows_its_snippets_and_a_launched_campaign_does_not(app: Flask) -> None:
    with transaction():
        snippet = a_snippet("promo", "one")
        campaign = a_draft()
        snippets.save(snippet.id, 1, name="Promo", source="two", now=NOW)
    assert content(campaign).context.snippets == {"promo": "two"}
    launch(campaign)
    before = content(campaign)
    with transaction():
        snippets.save(snippet.id, 2, name="Promo", source="three", now=NOW)
    assert content(campaign) == before
    with transaction():
        snippets.delete(snippet.id)
    assert content(campaign) == before
    assert before.context.snippets == {"promo": "two"}


def test_brand_saved_blocks_and_language_are_frozen_too(app: Flask) -> None:
    with transaction():
        brand = Brand(name="Harbour", style=MAGENTA.model_dump(mode="json"))
        db.session.add(brand)
        offer = a_saved_block("Offer")
        campaign = a_draft(
            f'{{"version":1,"rows":[{{"type":"saved","saved":"{offer.public_id}"}}]}}'
        )
        campaign.content_kind, campaign.brand_id = "blocks", brand.id
    launch(campaign)
    before = content(campaign)
    assert before.context.brand == MAGENTA
    assert list(before.context.saved_blocks) == [offer.public_id]
    assert before.language == "de"
    with transaction():
        db.session.execute(sa.delete(Brand))
        db.session.execute(sa.update(AudienceList).values(language="en"))
        saved_blocks.delete(offer.id)
    assert content(campaign) == before


def test_a_launch_does_not_change_the_addresses_of_icons(app: Flask) -> None:
    social = {
        "type": "social",
        "entries": [{"network": "mastodon", "url": "https://m.example/@us"}],
    }
    sections = [{"type": "section", "columns": [{"blocks": [social]}]}]
    with transaction():
        campaign = a_draft(json.dumps({"version": 1, "rows": sections}))
        campaign.content_kind = "blocks"
    before = content(campaign)
    launch(campaign)
    frozen = replace(before.context, is_frozen=True)
    assert content(campaign) == replace(before, context=frozen)
    page = compile_source(before.source, content(campaign).context).html
    assert f'src="{BASE_URL}/static/img/social/mastodon.png"' in page


def test_a_campaign_that_is_a_draft_again_uses_the_library_as_it_is_then(app: Flask) -> None:
    with transaction():
        snippet = a_snippet("promo", "one")
        campaign = a_draft()
    launch(campaign, undo_seconds=10)
    with transaction():
        snippets.save(snippet.id, 1, name="Promo", source="two", now=NOW)
    assert content(campaign).context.snippets == {"promo": "one"}
    with transaction():
        assert lifecycle.back_to_draft(campaign.id, now=NOW)
    assert content(campaign).context.snippets == {"promo": "two"}
    launch(campaign)
    assert content(campaign).context.snippets == {"promo": "two"}


def test_a_campaign_launched_by_an_older_version_uses_the_library(app: Flask) -> None:
    with transaction():
        a_snippet("promo", "one")
        campaign = a_draft()
        campaign.status = "sending"
    assert content(campaign).context.snippets == {"promo": "one"}


def test_the_frozen_copy_is_deleted_with_its_campaign(app: Flask) -> None:
    with transaction():
        campaign = a_draft()
    launch(campaign, undo_seconds=10)
    with transaction():
        lifecycle.back_to_draft(campaign.id, now=NOW)
        assert drafts.delete(campaign.id)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(FrozenContent)) == 0


def imprint(campaign: Campaign) -> tuple[str, ...]:
    found = content(campaign)
    said = (found.sender_name, found.reply_to, found.identity, found.postal_address)
    return (*said, *found.list_names.values())


def test_sender_postal_address_and_list_names_are_those_of_the_launch(app: Flask) -> None:
    with transaction():
        save_workspace(name="Harbour", postal_address="1 Quay Street")
        news = a_list("News")
        sender = a_sender(name="Maria", reply_to="maria@example.org")
        campaign = a_campaign(news, sender=sender)
    launch(campaign)
    with transaction():
        save_workspace(name="Bay", postal_address="2 Bay Road")
        db.session.get_one(AudienceList, news.id).name = "Other news"
        changed = db.session.get_one(SenderAddress, sender.id)
        changed.name, changed.reply_to = "Ben", "ben@example.org"
    launched = ("Maria", "maria@example.org", "Harbour", "1 Quay Street", "News")
    assert imprint(campaign) == launched
    with transaction():
        fresh_campaign(campaign).status = "draft"
    assert imprint(campaign) == ("Ben", "ben@example.org", "Bay", "2 Bay Road", "Other news")


def test_a_sender_that_was_switched_to_has_its_own_name(app: Flask) -> None:
    with transaction():
        save_workspace(name="Harbour", postal_address="1 Quay Street")
        campaign = a_campaign(a_list("News"), sender=a_sender(name="Maria"))
        other = a_sender("other@example.org", a_provider("Other"), name="Ben", is_default=False)
    launch(campaign)
    with transaction():
        fresh_campaign(campaign).sender_id = other.id
        save_workspace(name="Bay", postal_address="2 Bay Road")
    assert imprint(campaign) == ("Ben", "", "Harbour", "1 Quay Street", "News")


def test_a_campaign_launched_by_an_earlier_release_uses_the_current_imprint(app: Flask) -> None:
    with transaction():
        save_workspace(name="Harbour", postal_address="1 Quay Street")
        campaign = a_campaign(a_list("News"), sender=a_sender(name="Maria"))
    launch(campaign)
    with transaction():
        frozen = db.session.get_one(FrozenContent, campaign.id)
        frozen.context = {k: v for k, v in frozen.context.items() if k != "imprint"}
        save_workspace(name="Bay", postal_address="2 Bay Road")
    assert imprint(campaign)[2:] == ("Bay", "2 Bay Road", "News")


def proven(campaign: Campaign, **values: object) -> None:
    sender = db.session.get_one(SenderAddress, campaign.sender_id)
    return_domains.prove(sender.provider_id, "example.org", source="lmtp", mailbox_id=None, now=NOW)
    if values:
        db.session.execute(sa.update(ReturnDomain).values(**values))


def test_whether_emails_can_unsubscribe_is_decided_at_the_launch(app: Flask) -> None:
    with transaction():
        campaign = a_draft("<p>Hello</p>")
        proven(campaign)
    assert content(campaign).unsubscribe_domain == "", "a draft offers nothing"
    launch(campaign)
    assert content(campaign).unsubscribe_domain == "example.org"
    with transaction():
        db.session.execute(sa.delete(ReturnDomain))
    assert content(campaign).unsubscribe_domain == "example.org"
    with transaction():
        account = db.session.get_one(SenderAddress, campaign.sender_id).provider_id
        db.session.get_one(ProviderAccount, account).rewrites_return_path = True
    assert content(campaign).unsubscribe_domain == "", "its return path is another one now"


def test_only_a_fresh_proof_for_the_senders_domain_counts_at_the_launch(app: Flask) -> None:
    day = timedelta(days=1)
    kept: dict[str, object] = {"domain": "example.org", "source": "lmtp"}
    changes: list[tuple[dict[str, object], str]] = [
        (kept, "example.org"),
        ({**kept, "domain": "example.net"}, ""),
        ({**kept, "came_at": NOW - 91 * day}, ""),
        ({**kept, "alive_at": NOW - day}, ""),
        ({**kept, "alive_at": NOW - day, "source": "pipe"}, "example.org"),
    ]
    with transaction():
        campaign = a_draft("<p>Hello</p>")
        for values, expected in changes:
            db.session.execute(sa.delete(ReturnDomain))
            proven(campaign, **values)
            assert return_domains.proven_for(campaign.sender_id, now=NOW) == expected, values
    assert return_domains.proven_for(None, now=NOW) == ""
