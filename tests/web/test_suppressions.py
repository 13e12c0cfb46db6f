"""The pages of the suppression list."""

import csv
import re
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import suppressions
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events import consequences, incoming
from campaigns.events.feedback import Feedback
from campaigns.events.models import Incoming
from campaigns.tokens import delivery_token
from tests.factories import a_campaign, a_delivery, a_subscriber
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def suppress(*normals: str) -> None:
    with transaction():
        for one in normals:
            suppressions.suppress(one, reason="manual", source="test", now=NOW)


def test_the_empty_page_says_what_to_do(owner_client: FlaskClient) -> None:
    assert "No suppressed addresses" in owner_client.get("/suppressions").text


def test_many_are_added_at_once_with_reason_source_and_note(owner_client: FlaskClient) -> None:
    suppress("old@example.org")
    lines = "A@example.org\r\n\r\n b@example.org,\nold@example.org\na@EXAMPLE.org"
    answer = owner_client.post(
        "/suppressions/new", data={"addresses": lines, "note": "Asked by phone"}
    )
    assert answer.status_code == 302
    page = owner_client.get("/suppressions").text
    assert "2 addresses suppressed, 1 already on the list" in page
    found = suppressions.find("a@example.org")
    assert found is not None
    assert (found.reason, found.source, found.note) == (
        "manual",
        "owner@example.org",
        "Asked by phone",
    )


def test_invalid_lines_are_returned_with_numbers_and_valid_ones_added(
    owner_client: FlaskClient,
) -> None:
    lines = "good@example.org\nno address\n<script>@x"
    page = owner_client.post("/suppressions/new", data={"addresses": lines})
    assert page.status_code == 422
    assert "Line 2:" in page.text
    assert "Line 3:" in page.text
    assert "&lt;script&gt;@x" in page.text
    assert "<script>@x" not in page.text
    assert "1 address suppressed" in page.text
    assert suppressions.is_suppressed("good@example.org")


@pytest.mark.parametrize("typed", ["", " \n ", "\n".join(["x@example.org"] * 20_001)])
def test_an_empty_or_oversized_form_is_refused(owner_client: FlaskClient, typed: str) -> None:
    page = owner_client.post("/suppressions/new", data={"addresses": typed})
    assert page.status_code == 422
    assert "invalid-feedback" in page.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_suppression_is_lifted_once(owner_client: FlaskClient) -> None:
    suppress("a@example.org")
    found = suppressions.find("a@example.org")
    assert found is not None
    path = f"/suppressions/{found.public_id}/lift"
    assert owner_client.get(path).location == "/suppressions"
    assert suppressions.is_suppressed("a@example.org")
    assert owner_client.post(path).status_code == 302
    assert not suppressions.is_suppressed("a@example.org")
    owner_client.post(path)
    assert "no longer on the suppression list" in owner_client.get("/suppressions").text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_paging_visits_each_once_and_search_matches_the_beginning(
    app: Flask, owner_client: FlaskClient
) -> None:
    with transaction():
        suppressions.suppress_many(
            (f"p{number:03}@example.org" for number in range(250)),
            reason="hard_bounce",
            source="test",
            now=NOW,
        )
    for start in ("/suppressions", "/suppressions?q=P"):
        seen, path = [], start
        while path:
            page = owner_client.get(path).text
            seen += re.findall(r'class="address">([^<]+)<', page)
            links = re.findall(r'href="([^"]+)" rel="next"', page)
            path = links[0].replace("&amp;", "&") if links else ""
        assert sorted(seen) == [f"p{number:03}@example.org" for number in range(250)]
    page = owner_client.get("/suppressions?q=p01").text
    assert page.count('class="address"') == 10
    assert "No addresses found" in owner_client.get("/suppressions?q=zzz").text


def test_the_export_contains_every_address_and_no_formula(owner_client: FlaskClient) -> None:
    suppress("=cmd@example.org", *(f"p{number}@example.org" for number in range(1_200)))
    answer = owner_client.get("/suppressions/export.csv")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.reader(answer.text.lstrip("\ufeff").splitlines()))
    assert rows[0] == ["address", "reason", "source", "note", "since"]
    assert rows[1][:3] == ["'=cmd@example.org", "manual", "test"]
    assert len(rows) == 1_202


def test_the_page_needs_no_more_statements_for_many_rows(
    app: Flask, owner_client: FlaskClient
) -> None:
    suppress("a@example.org")
    owner_client.get("/suppressions")  # from here on, objects are cached in the test's app context
    with counted() as few:
        owner_client.get("/suppressions")
    suppress(*(f"p{number}@example.org" for number in range(40)))
    with counted() as many:
        owner_client.get("/suppressions")
    assert len(many) == len(few)


def test_addresses_are_added_and_found_as_copied(owner_client: FlaskClient) -> None:
    lines = "Ann <ann@shop.example>\nmailto:bob@shop.example\n\u202acarl@shop.example\u202c\n"
    assert owner_client.post("/suppressions/new", data={"addresses": lines}).status_code == 302
    for name in ("ann", "bob", "carl"):
        assert suppressions.is_suppressed(f"{name}@shop.example")
    assert "carl@shop.example" in owner_client.get("/suppressions?q=\u200bcarl@shop.example").text


def test_an_automatic_suppression_leads_to_its_evidence(owner_client: FlaskClient) -> None:
    with transaction():
        campaign, person = a_campaign(status="sent"), a_subscriber("ada@example.org")
        delivery = a_delivery(campaign, person, status="sent", sent_at=utcnow())
        said = Feedback(
            "bounced",
            utcnow(),
            token=delivery_token(services().signer, delivery.id),
            reply_class="hard",
            reply="550 5.1.1 No such user",
        )
        number = incoming.receive(
            channel="email", source="imap", body=b"", dedupe="1", now=utcnow()
        )
        row = db.session.get_one(Incoming, number)
        consequences.apply([said], incoming=row, signer=services().signer, now=utcnow())
        source = row.public_id
    page = owner_client.get("/suppressions").text
    assert f"/settings/incoming/{source}" in page
    assert "The mailbox does not exist" in page
    assert "550 5.1.1 No such user" in page
