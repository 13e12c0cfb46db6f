"""The page of a subscriber: its timeline is filtered and continued in place."""

from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.audience.models import AudienceList, Subscriber
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_delivery


def test_the_timeline_and_the_campaign_check_work_without_leaving_the_page(
    server: tuple[Flask, str], owner: Page
) -> None:
    app, url = server
    with app.app_context():
        with transaction():
            news = db.session.query(AudienceList).filter_by(name="News").one()
            alice = db.session.query(Subscriber).filter_by(address="alice@example.org").one()
            for number in range(40):
                at = utcnow() - timedelta(days=number)
                campaign = a_campaign(
                    news, subject=f"Issue {number}.", status="sent", started_at=at
                )
                a_delivery(campaign, alice, status="sent", sent_at=at, list_id=news.id)
            path = f"/subscribers/{alice.public_id}"
        db.session.remove()
    owner.goto(url + path)
    entries = owner.locator("#timeline .timeline-text")
    expect(entries).to_have_count(30)
    owner.get_by_role("link", name="Show more").click()
    expect(entries).to_have_count(41)  # and when she was added
    texts = entries.all_inner_texts()
    assert len(set(texts)) == 41
    owner.get_by_role("link", name="Consent").click()
    expect(owner.get_by_text("Nothing to show here yet")).to_be_visible()
    expect(owner.locator(":focus")).to_have_attribute("id", "timeline-consent")
    search = owner.get_by_label("Search campaigns")
    search.press_sequentially("Issue 7")
    found = owner.locator("#campaign-answer").get_by_role("link", name="Issue 7.")
    expect(found).to_be_visible()
    assert search.input_value() == "Issue 7"
    found.press("Enter")
    answer = owner.locator("#campaign-answer")
    expect(answer).to_contain_text("Yes. It was sent on")
    expect(answer).to_contain_text("They were reached through the list “News”.")
