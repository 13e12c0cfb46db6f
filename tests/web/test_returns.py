"""The page of what comes back through an account: its webhook, its mailbox, and how they are."""

import json
import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import FeedbackCount, Incoming, IntakeMailbox, WebhookEndpoint
from campaigns.providers import return_domains
from campaigns.providers.models import ProviderAccount, ReturnDomain
from tests.factories import a_campaign, a_provider, a_sender
from tests.web.visits import visit

MAILBOX = {
    "protocol": "imap",
    "host": "imap.example.org",
    "port": "993",
    "security": "tls",
    "username": "bounces@example.org",
    "auth": "password",
    "password": "s3cret-word",
    "folder": "INBOX",
    "is_on": "1",
}


@pytest.fixture
def account(owner_client: FlaskClient) -> ProviderAccount:
    with transaction():
        return a_provider("Relay", rewrites_return_path=True, preset="postmark")


def address(account: ProviderAccount, part: str = "") -> str:
    return f"/settings/providers/{account.public_id}/returns{part}"


def url_to_paste(page: str) -> str:
    found = re.search(r'id="hook-url" readonly value="([^"]+)"', page)
    assert found
    return unescape(found[1])


def endpoint() -> WebhookEndpoint:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(sa.select(WebhookEndpoint)).one()


def create(client: FlaskClient, account: ProviderAccount, kind: str) -> str:
    answer = visit(client, address(account, "/webhook"), "POST", data={"kind": kind})
    assert answer.status_code == 302
    return visit(client, address(account)).text


def state(client: FlaskClient, account: ProviderAccount) -> str:
    found = re.search(r'data-state="(\w+)"', visit(client, address(account)).text)
    assert found
    return found[1]


def test_an_account_without_a_way_in_says_so(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    page = visit(owner_client, address(account)).text
    assert "later bounces are not recorded" in page
    assert '<option value="postmark" selected>' in page, "the provider of the account is chosen"


def test_a_post_to_the_pasted_url_turns_the_light_on(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    page = create(owner_client, account, "postmark")
    assert "Spam complaint" in page, "it says which events to select"
    assert state(owner_client, account) == "waiting"
    url = urlsplit(url_to_paste(page))
    hook, username, password = url.path, url.username or "", url.password or ""
    refused = visit(owner_client, hook, "POST", data=b"{}", auth=(username, "wrong"))
    assert refused.status_code == 401
    assert state(owner_client, account) == "refused"
    posted = visit(
        owner_client,
        hook,
        "POST",
        data=json.dumps({"RecordType": "Delivery"}),
        auth=(username, password),
    )
    assert posted.status_code == 200
    assert state(owner_client, account) == "received"


def test_the_light_answers_only_when_it_has_changed(
    owner_client: FlaskClient, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utcnow()
    monkeypatch.setattr("campaigns.web.settings.returns.utcnow", lambda: now)
    page = create(owner_client, account, "postmark")
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found
    assert visit(owner_client, unescape(found[1])).status_code == 204
    with transaction():
        db.session.execute(sa.update(WebhookEndpoint).values(last_received_at=utcnow()))
    assert "Last event: just now" in visit(owner_client, unescape(found[1])).text


def test_a_webhook_that_needs_a_key_has_its_url_before_it(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    page = create(owner_client, account, "resend")
    assert "Requests are refused until this is saved." in page
    data = {"endpoint": endpoint().public_id, "signing_secret": "wrong"}
    save = address(account, "/webhook/save")
    refused = visit(owner_client, save, "POST", data=data)
    assert refused.status_code == 422
    assert "not a signing secret" in refused.text
    url = url_to_paste(page)
    data["signing_secret"] = "whsec_" + "QUJD" * 8
    assert visit(owner_client, save, "POST", data=data).status_code == 302
    page = visit(owner_client, address(account)).text
    assert url_to_paste(page) == url, "the URL that was pasted stays"
    assert data["signing_secret"] not in page
    assert "Requests are refused until this is saved." not in page


def test_a_replaced_password_changes_the_url(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    before = url_to_paste(create(owner_client, account, "mailjet"))
    data = {"endpoint": endpoint().public_id}
    visit(owner_client, address(account, "/webhook/renew"), "POST", data=data)
    assert url_to_paste(visit(owner_client, address(account)).text) != before


def test_a_deleted_webhook_refuses_posts_and_keeps_what_came(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    create(owner_client, account, "postmark")
    hook = f"/hooks/{endpoint().public_id}"
    assert visit(owner_client, hook, "POST", data=b"{}").status_code == 401
    delete = address(account, "/webhook/delete")
    assert "URL stops working" in visit(owner_client, delete).text
    assert visit(owner_client, delete, "POST").status_code == 302
    assert visit(owner_client, hook, "POST", data=b"{}").status_code == 404
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Incoming)) == 1


@pytest.mark.parametrize("kind", ["", "carrier-pigeon", "x" * 10_000])
def test_an_unknown_provider_is_refused(
    owner_client: FlaskClient, account: ProviderAccount, kind: str
) -> None:
    answer = visit(owner_client, address(account, "/webhook"), "POST", data={"kind": kind})
    assert answer.status_code == 422
    assert "Choose your provider." in answer.text


def test_a_mailbox_is_saved_and_its_password_never_shown(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    answer = visit(owner_client, address(account, "/mailbox"), "POST", data=MAILBOX)
    assert answer.status_code == 302
    stored = db.session.scalars(sa.select(IntakeMailbox)).one()
    assert services().vault.decrypt(stored.credentials["password"]) == "s3cret-word"
    page = visit(owner_client, address(account)).text
    assert "imap.example.org" in page
    assert "s3cret-word" not in page


def test_a_wrong_mailbox_is_kept_as_typed(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    typed = {**MAILBOX, "host": "imap.example.net", "port": "99999"}
    answer = visit(owner_client, address(account, "/mailbox"), "POST", data=typed)
    assert answer.status_code == 422
    assert "imap.example.net" in answer.text
    assert "s3cret-word" not in answer.text


def test_a_mailbox_that_does_not_answer_says_why_and_is_not_saved(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    typed = {**MAILBOX, "host": "127.0.0.1", "port": "9", "security": "none"}
    answer = visit(owner_client, address(account, "/mailbox/test"), "POST", data=typed)
    assert "does not answer on port 9" in answer.text
    db.session.rollback()
    assert db.session.scalar(sa.select(IntakeMailbox.id)) is None


def test_a_mailbox_in_trouble_says_since_when(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    visit(owner_client, address(account, "/mailbox"), "POST", data=MAILBOX)
    trouble = '{"code": "intake.refused", "params": {"host": "imap.example.org", "error": "no"}}'
    with transaction():
        db.session.execute(sa.update(IntakeMailbox).values(trouble=trouble, trouble_at=utcnow()))
    assert state(owner_client, account) == "trouble"


def test_silence_is_noticed_only_when_much_was_sent(
    owner_client: FlaskClient, account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(owner_client, account, "postmark")
    long_ago = utcnow() - timedelta(days=3)
    with transaction():
        db.session.execute(sa.update(WebhookEndpoint).values(last_received_at=long_ago))
    assert state(owner_client, account) == "received"
    with transaction():
        a_campaign(provider_id=account.id, status="sent", started_at=utcnow())
    monkeypatch.setattr("campaigns.reports.returns.QUIET_SENT", 0)
    assert state(owner_client, account) == "quiet"


def test_rates_are_judged_by_the_bands_of_mailbox_providers(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    with transaction():
        campaign = a_campaign(provider_id=account.id, status="sent")
        shared = {"campaign_id": campaign.id, "account_id": account.id, "day": utcnow().date()}
        for group, complaints, sent in (("google", 4, 1_000), ("yahoo", 3, 3_000), ("aol", 2, 9)):
            row = FeedbackCount(**shared, mailbox_group=group, sent=sent, complaints=complaints)
            db.session.add(row)
    page = visit(owner_client, address(account)).text
    assert re.search(r'text-danger" data-label="Complaints">0\.4%', page)
    assert re.search(r'text-warning" data-label="Complaints">0\.1%', page)
    assert re.search(r'class="num " data-label="Complaints">22\.2%', page), "two are no trend"


def test_the_page_says_where_people_can_unsubscribe_by_email(
    owner_client: FlaskClient, account: ProviderAccount
) -> None:
    path, now = address(account), utcnow()
    assert "the provider uses its own return path" in visit(owner_client, path).text
    with transaction():
        db.session.get_one(ProviderAccount, account.id).rewrites_return_path = False
        a_sender("news@example.org", account)
        a_sender("news@example.net", account, is_default=False)
        return_domains.prove(account.id, "example.org", source="lmtp", mailbox_id=None, now=now)
    page = visit(owner_client, path).text
    assert "came back to the return address at example.org" in page
    assert "not offered for example.net: no bounce test" in page
    with transaction():
        db.session.execute(sa.update(ReturnDomain).values(alive_at=now - timedelta(days=1)))
    assert "that received its bounces is not working" in visit(owner_client, path).text
    with transaction():
        db.session.execute(sa.update(ReturnDomain).values(came_at=now - timedelta(days=99)))
    assert "Send a bounce test." in visit(owner_client, path).text
