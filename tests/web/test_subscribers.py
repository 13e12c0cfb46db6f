"""The pages of subscribers."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import ConsentEvent, Subscriber, Subscription
from campaigns.audience.suppressions import Evidence
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.events.record import record
from campaigns.messages import ProviderEvent
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.web.page_forms import inputs_of
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def shown(page: str) -> list[str]:
    """The addresses in the table of a page."""
    return re.findall(r'class="address" href="[^"]+">([^<]+)<', page)


def subscriber_count() -> int:
    return db.session.scalar(sa.select(sa.func.count(Subscriber.id))) or 0


# --- The table


def test_without_subscribers_the_page_says_what_to_do(owner_client: FlaskClient) -> None:
    assert "No subscribers yet" in owner_client.get("/subscribers").text


def test_the_table_is_searched_and_filtered(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("ann@example.org", news, name="Ann Lee")
        a_subscriber("bob@example.org", news, name="Bob Ann", state="pending")
        a_subscriber("zoe@other.example")
    get = owner_client.get
    assert shown(get("/subscribers").text) == [
        "zoe@other.example",
        "bob@example.org",
        "ann@example.org",
    ]
    assert shown(get("/subscribers?q=ann").text) == ["ann@example.org", "bob@example.org"]
    assert shown(get("/subscribers?q=@other.example").text) == ["zoe@other.example"]
    in_list = f"/subscribers?list={news.public_id}"
    assert shown(get(in_list).text) == ["bob@example.org", "ann@example.org"]
    assert shown(get(f"{in_list}&state=pending").text) == ["bob@example.org"]
    assert "No subscribers found" in get("/subscribers?q=nobody").text
    assert get("/subscribers?list=abcdefghijkl").status_code == 404
    assert get("/subscribers?list=&state=nonsense&before=x&after=y").status_code == 200


@pytest.mark.parametrize("query", ["", "?q=p"])
def test_paging_visits_each_of_250_once(app: Flask, owner_client: FlaskClient, query: str) -> None:
    with transaction():
        db.session.execute(
            sa.insert(Subscriber),
            [
                {"address": one, "address_normal": one, "domain": "example.org"}
                for one in (f"p{number}@example.org" for number in range(250))
            ],
        )
    seen, path, pages = [], f"/subscribers{query}", 0
    while path:
        page = owner_client.get(path).text
        seen += shown(page)
        links = re.findall(r'href="([^"]+)" rel="next"', page)
        path, pages = links[0].replace("&amp;", "&") if links else "", pages + 1
    assert pages == 5
    assert len(seen) == 250
    assert len(set(seen)) == 250


@pytest.mark.parametrize("query", ["", "?q=s", "?list=LIST", "?list=LIST&state=subscribed"])
def test_the_table_needs_no_more_statements_for_many_rows(
    app: Flask, owner_client: FlaskClient, query: str
) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("s@example.org", news)
    path = f"/subscribers{query}".replace("LIST", news.public_id)
    owner_client.get(path)  # from here on, objects are cached in the test's app context
    with counted() as few:
        owner_client.get(path)
    with transaction():
        for number in range(40):
            a_subscriber(f"s{number}@example.org", news)
            suppressions.suppress(f"s{number}@example.org", reason="manual", source="", now=NOW)
    with counted() as many:
        assert len(shown(owner_client.get(path).text)) == 41
    assert len(many) == len(few)


def test_counting_stops_at_its_limit(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        for number in range(4):
            a_subscriber(f"s{number}@example.org")
    assert "4 subscribers" in owner_client.get("/subscribers").text
    monkeypatch.setattr("campaigns.web.subscribers.COUNT_LIMIT", 3)
    assert "More than 3 subscribers" in owner_client.get("/subscribers").text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_export_contains_what_the_filter_shows(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("ann@example.org", news, name="=1+1")
        a_subscriber("bob@example.org")
        a_subscriber("eve@example.org.example")
    answer = owner_client.get(f"/subscribers/export.csv?list={news.public_id}")
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "ann@example.org" in answer.text
    assert "bob@example.org" not in answer.text
    assert "'=1+1" in answer.text
    by_domain = owner_client.get("/subscribers/export.csv?q=@example.org").text
    assert "bob@example.org" in by_domain
    assert "eve@" not in by_domain


# --- Bulk actions


def test_adding_many_to_a_list_accounts_for_each(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        ann, bob = a_subscriber("ann@example.org"), a_subscriber("bob@example.org", news)
        eve = a_subscriber("eve@example.org", news)
        subscriptions.unsubscribe([news.id], eve.id, ConsentEvidence("page", NOW))
        ticked = [ann.public_id, bob.public_id, eve.public_id, "gone00000000"]
    answer = owner_client.post(
        "/subscribers/bulk?q=a",
        data={"action": "subscribe", "list": news.public_id, "subscriber": ticked},
    )
    assert answer.location == "/subscribers?q=a"
    page = owner_client.get("/subscribers").text
    assert "Added 1 subscriber to “News”. 1 was already on it. 1 had unsubscribed" in page
    assert subscriptions.state(news.id, ann.id) == "subscribed"
    assert subscriptions.state(news.id, eve.id) == "unsubscribed"
    newest = db.session.scalars(sa.select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
    assert newest is not None
    assert (newest.channel, newest.wording) == ("manual", "By owner@example.org")


def test_many_are_removed_from_a_list(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        people = [a_subscriber(f"s{number}@example.org", news) for number in range(3)]
        ticked = [one.public_id for one in people[:2]]
    owner_client.post(
        "/subscribers/bulk",
        data={"action": "unsubscribe", "list": news.public_id, "subscriber": ticked},
    )
    assert "Removed 2 subscribers from" in owner_client.get("/subscribers").text
    states = db.session.scalars(
        sa.select(Subscription.state).order_by(Subscription.subscriber_id)
    ).all()
    assert states == ["unsubscribed", "unsubscribed", "subscribed"]


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize("action", ["delete", "suppress"])
def test_deleting_and_suppressing_many_requires_the_typed_word(
    owner_client: FlaskClient, action: str
) -> None:
    with transaction():
        ids = [a_subscriber(f"s{number}@example.org").public_id for number in range(3)]
    data = {"action": action, "subscriber": ids[:2]}
    asked = owner_client.post("/subscribers/bulk", data=data)
    assert asked.status_code == 200
    assert "s0@example.org" in asked.text
    assert "s2@example.org" not in asked.text
    wrong = owner_client.post("/subscribers/bulk", data={**data, "confirm": "yes"})
    assert wrong.status_code == 422
    assert subscriber_count() == 3
    assert not suppressions.is_suppressed("s0@example.org")
    done = owner_client.post("/subscribers/bulk", data={**data, "confirm": f" {action.upper()} "})
    assert done.status_code == 302
    assert subscriber_count() == (1 if action == "delete" else 3)
    assert suppressions.is_suppressed("s0@example.org") == (action == "suppress")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"action": "subscribe"}, "Select at least one"),
        ({"action": "subscribe", "subscriber": "ID"}, "Choose a list"),
        ({"action": "explode", "subscriber": "ID"}, "Choose what to do"),
    ],
)
def test_an_incomplete_bulk_form_says_what_is_missing(
    owner_client: FlaskClient, data: dict[str, str], message: str
) -> None:
    with transaction():
        public_id = a_subscriber().public_id
    data = {name: value.replace("ID", public_id) for name, value in data.items()}
    assert owner_client.post("/subscribers/bulk", data=data).status_code == 302
    assert message in owner_client.get("/subscribers").text


# --- One subscriber


def test_a_subscriber_is_added_with_lists_and_attributes(owner_client: FlaskClient) -> None:
    with transaction():
        news, tips = a_list("News"), a_list("Tips")
    assert "Tips" in owner_client.get(f"/subscribers/new?list={news.public_id}").text
    answer = owner_client.post(
        "/subscribers/new",
        data={
            "address": "Ann@Example.org",
            "name": "Ann",
            "list": [news.public_id],
            "attribute_name": ["city", "", "First pet"],
            "attribute_value": ["Ulm", "", "Rex"],
        },
    )
    page = owner_client.get(answer.location).text
    assert "Subscribed to “News” manually" in page
    assert "By owner@example.org" in page
    person = db.session.scalars(sa.select(Subscriber)).one()
    assert (person.address, person.attributes) == (
        "Ann@example.org",
        {"city": "Ulm", "first_pet": "Rex"},
    )
    assert subscriptions.state(tips.id, person.id) is None


def test_another_subscriber_can_be_added_to_the_same_lists(owner_client: FlaskClient) -> None:
    with transaction():
        news, _tips = a_list("News"), a_list("Tips")
    form = {"address": "ann@example.org", "list": news.public_id, "then": "another"}
    answer = owner_client.post("/subscribers/new", data=form)
    assert answer.location == f"/subscribers/new?list={news.public_id}"
    page = owner_client.get(answer.location).text
    assert "Subscriber added" in page
    assert re.findall(r'name="list" value="(\w+)" checked', page) == [news.public_id]
    assert "ann@example.org" not in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("address", "no address", "@-sign"),
        ("address", "known@example.org", "already"),
        ("address", "suppressed@example.org", "Remove the suppression"),
        ("name", "x" * 201, "too long"),
        ("attribute_name", "1st", "cannot be the name of an attribute"),
    ],
)
def test_an_invalid_form_is_kept_as_typed(
    owner_client: FlaskClient, field: str, value: str, message: str
) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("known@example.org")
        suppressions.suppress("suppressed@example.org", reason="manual", source="", now=NOW)
    form = {
        "address": "new@example.org",
        "name": "Typed name",
        "list": news.public_id,
        "attribute_name": "city",
        "attribute_value": "Typed value",
        field: value,
    }
    page = owner_client.post("/subscribers/new", data=form)
    assert page.status_code == 422
    assert message in page.text
    assert "Typed value" in page.text
    assert f'value="{news.public_id}" checked' in page.text
    assert subscriber_count() == 1


def test_a_subscriber_is_edited(owner_client: FlaskClient) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org", attributes={"city": "Ulm"})
        a_subscriber("bob@example.org")
    path = f"/subscribers/{ann.public_id}/edit"
    assert 'value="Ulm"' in owner_client.get(path).text
    opened = inputs_of(owner_client.get(path).text)
    taken = owner_client.post(path, data={**opened, "address": "bob@example.org", "name": "Anna"})
    assert taken.status_code == 422
    assert "already" in taken.text
    changed = {**inputs_of(taken.text), "address": "anna@example.org", "attribute_value": ["Bonn"]}
    owner_client.post(path, data=changed)
    found = db.session.get_one(Subscriber, ann.id, populate_existing=True)
    assert (found.address, found.name, found.attributes) == (
        "anna@example.org", "Anna", {"city": "Bonn"}
    )  # fmt: skip


def test_a_page_shows_everything_about_a_subscriber(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", name="Ann <b>", attributes={"city": "Ulm"})
        subscriptions.request(
            news.id, ann.id, ConsentEvidence("form", NOW, "Yes, send me mail", "192.0.2.1")
        )
        subscriptions.confirm(news.id, ann.id, ConsentEvidence("form", NOW))
        campaign = a_campaign(news, subject="May issue", status="sent")
        a_delivery(campaign, ann, status="skipped", reason="suppressed")
        subscriptions.unsubscribe(
            [news.id], ann.id, ConsentEvidence("one_click", NOW), campaign_id=campaign.id
        )
    page = owner_client.get(f"/subscribers/{ann.public_id}").text
    for text in (
        "Ann &lt;b&gt;",
        "Ulm",
        "Asked to join “News” on the sign-up page",
        "Yes, send me mail",
        "192.0.2.1",
        "Confirmed their address for “News”",
        "Unsubscribed from “News” in their email client",
        "May issue",
        "On the suppression list",
        "They asked to come back",
    ):
        assert text in page
    assert "<b>" not in page


@pytest.mark.runs_on("sqlite", "postgresql")
def test_resubscribing_someone_who_unsubscribed_needs_a_confirmation(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", news)
        subscriptions.unsubscribe([news.id], ann.id, ConsentEvidence("page", NOW))
    path = f"/subscribers/{ann.public_id}/subscribe"
    owner_client.post(path, data={"list": news.public_id})
    assert "only if they asked" in owner_client.get(f"/subscribers/{ann.public_id}").text
    assert subscriptions.state(news.id, ann.id) == "unsubscribed"
    owner_client.post(path, data={"list": news.public_id, "asked_to_come_back": "1"})
    assert subscriptions.state(news.id, ann.id) == "subscribed"
    page = owner_client.get(f"/subscribers/{ann.public_id}").text
    assert "They asked to come back (by owner@example.org)" in page


def test_a_subscriber_is_removed_from_a_list_and_added_again(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", news)
    path, data = f"/subscribers/{ann.public_id}", {"list": news.public_id}
    assert owner_client.get(f"{path}/unsubscribe").location == path
    assert subscriptions.state(news.id, ann.id) == "subscribed"
    owner_client.post(f"{path}/unsubscribe", data=data)
    assert subscriptions.state(news.id, ann.id) == "unsubscribed"
    owner_client.post(f"{path}/subscribe", data=data)
    assert subscriptions.state(news.id, ann.id) == "subscribed"
    assert owner_client.post(f"{path}/subscribe", data={"list": "nonsense"}).status_code == 302


def test_a_suppressed_subscriber_is_shown_as_such_and_cannot_be_subscribed(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org")
    path, data = f"/subscribers/{ann.public_id}", {"list": news.public_id}
    owner_client.post(f"{path}/suppress")
    assert "suppressed and gets no email" in owner_client.get(path).text
    assert "Suppressed</span>" in owner_client.get("/subscribers").text
    owner_client.post(f"{path}/subscribe", data=data)
    assert subscriptions.state(news.id, ann.id) is None
    assert "Remove the suppression first" in owner_client.get(path).text
    owner_client.post(f"{path}/lift")
    owner_client.post(f"{path}/subscribe", data=data)
    assert subscriptions.state(news.id, ann.id) == "subscribed"


@pytest.mark.parametrize("keep", [False, True])
def test_a_subscriber_is_deleted_by_typing_the_word(owner_client: FlaskClient, keep: bool) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org")
    path = f"/subscribers/{ann.public_id}/delete"
    assert "cannot be undone" in owner_client.get(path).text
    assert owner_client.post(path, data={"confirm": ""}).status_code == 422
    assert subscriber_count() == 1
    data = {"confirm": "delete", **({"suppress": "1"} if keep else {})}
    assert owner_client.post(path, data=data).status_code == 302
    assert subscriber_count() == 0
    assert suppressions.is_suppressed("ann@example.org") is keep
    assert owner_client.get(f"/subscribers/{ann.public_id}").status_code == 404


# --- The page of one subscriber


def test_the_timeline_is_filtered_and_continued(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org")
        subscriptions.subscribe(news.id, ann.id, ConsentEvidence("manual", NOW))
        for number in range(40):
            campaign = a_campaign(news, subject=f"Issue {number}.", status="sent")
            a_delivery(campaign, ann, status="sent", sent_at=NOW - timedelta(days=number))
    path = f"/subscribers/{ann.public_id}"
    first = owner_client.get(f"{path}?show=emails").text
    assert "“Issue 29.” was sent" in first
    assert "Issue 30." not in first
    (more,) = re.findall(
        r'href="([^"#]+)#timeline" hx-get="[^"]+" hx-select=".timeline > li"', first
    )
    rest = owner_client.get(more.replace("&amp;", "&")).text
    assert "“Issue 30.” was sent" in rest
    assert "Show more" not in rest
    consent = owner_client.get(f"{path}?show=consent").text
    assert "Subscribed to “News” manually" in consent
    assert "was sent" not in consent
    assert owner_client.get(f"{path}?show=nonsense&after=nonsense").status_code == 200


def test_a_campaign_is_searched_and_explained(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("<b>News</b>")
        ann = a_subscriber("ann@example.org", created_at=NOW - timedelta(days=9))
        subscriptions.request(news.id, ann.id, ConsentEvidence("form", NOW - timedelta(days=1)))
        campaign = a_campaign(news, subject="<i>May</i> issue", status="sent", started_at=NOW)
        a_campaign(news, subject="June issue")
    path = f"/subscribers/{ann.public_id}"
    found = owner_client.get(f"{path}?q=may").text
    assert f"{path}?campaign={campaign.public_id}" in found
    assert "June issue" not in found
    assert "No campaigns found" in owner_client.get(f"{path}?q=july").text
    page = owner_client.get(f"{path}?campaign={campaign.public_id}").text
    assert "They were not in the audience when the campaign started on" in page
    assert "They had not confirmed their subscription to “&lt;b&gt;News&lt;/b&gt;”." in page
    assert "<i>May</i>" not in page
    assert owner_client.get(f"{path}?campaign=unknown").status_code == 404


def test_a_page_with_thousands_of_events_needs_no_more_statements(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        ann = a_subscriber("ann@example.org", news)
        delivery = a_delivery(a_campaign(news, status="sent"), ann, status="sent", sent_at=NOW)
        a_delivery(a_campaign(news, status="sent"), ann, status="sent", sent_at=NOW)
        record([ProviderEvent("opened", delivery.id, NOW, "o")], now=NOW)
    path = f"/subscribers/{ann.public_id}"
    owner_client.get(path)
    with counted() as few:
        owner_client.get(path)
    with transaction():
        record([ProviderEvent("opened", delivery.id, NOW, f"o{n}") for n in range(1000)], now=NOW)
    with counted() as many:
        owner_client.get(path)
    assert len(many) <= len(few)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "\u202eevil\u202d", "=cmd()", "n" * 200]
)
def test_odd_names_are_shown_as_text(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        news = a_list(name[:100])
        ann = a_subscriber(
            "ann@example.org", news, name=name, attributes={"note": name + "x" * 10_000}
        )
    page = owner_client.get(f"/subscribers/{ann.public_id}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text


def test_the_data_of_one_person_is_downloaded(owner_client: FlaskClient) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org", a_list("News"), name="Ann")
    answer = owner_client.get(f"/subscribers/{ann.public_id}/export.json")
    assert answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.get_json()["profile"]["name"] == "Ann"


def test_a_reverted_suppression_is_lifted_and_stays_in_the_timeline(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        person = a_subscriber("ada@example.org")
        evidence = Evidence("ada@example.org", 1, 1, "550 no such user")
        suppressions.suppress_bounced([evidence], now=utcnow())
    page = f"/subscribers/{person.public_id}"
    assert owner_client.post(f"{page}/lift").status_code == 302
    assert not suppressions.is_suppressed("ada@example.org")
    shown = owner_client.get(f"{page}?show=consent").text
    assert "Suppression removed by " in shown
    assert "550 no such user" in shown
