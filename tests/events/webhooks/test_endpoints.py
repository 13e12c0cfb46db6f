"""Endpoints of accounts: what may be saved, which login they have, and what is kept of posts."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Incoming, WebhookEndpoint
from campaigns.events.webhooks import endpoints
from campaigns.events.webhooks.endpoints import EndpointInput
from campaigns.events.webhooks.kind import RefusedPostError
from campaigns.inputs import InvalidInputError
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.secrets import Vault
from tests.events.webhooks import posts
from tests.events.webhooks.posts import NOW, basic, by_mailgun, post
from tests.factories import a_provider

pytestmark = pytest.mark.usefixtures("app")
BASE = "https://news.example.org"


@pytest.fixture
def account() -> ProviderAccount:
    with transaction():
        return a_provider()


def saved(account: ProviderAccount, kind: str, **form: str) -> WebhookEndpoint:
    with transaction():
        typed = EndpointInput.read(kind, form)
        return endpoints.save(account, typed, services().vault, now=NOW)


def login(endpoint: WebhookEndpoint) -> tuple[str, str]:
    return endpoints.login_of(endpoint, services().vault)


def problems(account: ProviderAccount, kind: str, **form: str) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        saved(account, kind, **form)
    assert db.session.scalar(sa.select(sa.func.count(WebhookEndpoint.id))) == 0
    return {
        name: reason.code
        for name, reason in caught.value.problems.items()
        if isinstance(reason, Reason)
    }


def test_a_provider_without_signatures_gets_a_login(account: ProviderAccount) -> None:
    endpoint = saved(account, "postmark")
    username, password = login(endpoint)
    assert username == "campaigns"
    assert len(password) == 32
    assert password not in str(endpoint.credentials)
    url = endpoints.url_of(endpoint, services().vault, base_url=BASE)
    assert url == (f"https://campaigns:{password}@news.example.org/hooks/{endpoint.public_id}")


def test_a_provider_with_signatures_needs_its_key_and_no_login(account: ProviderAccount) -> None:
    assert problems(account, "mailgun") == {"signing_key": "webhook.key_missing"}
    assert problems(account, "sendgrid", verification_key="x") == {
        "verification_key": "webhook.verification_key_invalid"
    }
    assert problems(account, "resend", signing_secret="whsec_!") == {
        "signing_secret": "webhook.signing_secret_invalid"
    }
    endpoint = saved(account, "mailgun", signing_key=posts.MAILGUN_KEY)
    assert login(endpoint) == ("", "")
    url = endpoints.url_of(endpoint, services().vault, base_url=BASE)
    assert url == f"https://news.example.org/hooks/{endpoint.public_id}"


def test_amazon_needs_a_topic_and_raw_messages_a_login(account: ProviderAccount) -> None:
    assert problems(account, "amazon_ses") == {"topic_arn": "webhook.topic_missing"}
    for arn in ("topic", "arn:aws:sqs:eu-west-1:123456789012:x", "arn:aws:sns:*:123456789012:x"):
        found = problems(account, "amazon_ses", topic_arn=arn)
        assert found == {"topic_arn": "webhook.topic_invalid"}
    endpoint = saved(account, "amazon_ses", topic_arn=f" {posts.TOPIC} ")
    assert endpoint.settings == {"topic_arn": posts.TOPIC, "raw_delivery": False}
    assert login(endpoint) == ("", "")
    saved(account, "amazon_ses", topic_arn=posts.TOPIC, raw_delivery="on")
    assert login(endpoint)[0] == "campaigns"
    saved(account, "amazon_ses", topic_arn=posts.TOPIC)
    assert login(endpoint) == ("", "")


def test_an_empty_key_keeps_the_stored_one(account: ProviderAccount) -> None:
    before = saved(account, "mailgun", signing_key=posts.MAILGUN_KEY)
    after = saved(account, "mailgun", signing_key="")
    assert after.id == before.id
    assert endpoints.verify(after, by_mailgun({}), services().vault, now=NOW) == "0a1b2c3d"


def test_saving_keeps_the_login_and_renewing_keeps_the_last_one(account: ProviderAccount) -> None:
    endpoint = saved(account, "brevo")
    first = login(endpoint)
    saved(account, "brevo")
    assert login(endpoint) == first
    with transaction():
        endpoints.renew_login(endpoint, services().vault)
    second = login(endpoint)
    assert second != first
    for pair in (first, second):
        assert endpoints.verify(endpoint, post({}, basic(*pair)), services().vault, now=NOW)
    with transaction():
        endpoints.renew_login(endpoint, services().vault)
    with pytest.raises(RefusedPostError):
        endpoints.verify(endpoint, post({}, basic(*first)), services().vault, now=NOW)


def test_another_provider_gets_another_url(account: ProviderAccount) -> None:
    before = saved(account, "brevo").public_id
    after = saved(account, "mailjet")
    assert after.public_id != before
    assert endpoints.find(before) is None
    assert endpoints.of_account(account.id) is after


def test_an_unknown_provider_is_refused(account: ProviderAccount) -> None:
    assert problems(account, "pigeon") == {"kind": "webhook.kind_missing"}


def test_a_deleted_endpoint_accepts_nothing(account: ProviderAccount) -> None:
    endpoint = saved(account, "brevo")
    with transaction():
        endpoints.delete(endpoint)
    assert endpoints.of_account(account.id) is None


def test_what_cannot_be_used_any_more_is_asked_to_wait(account: ProviderAccount) -> None:
    endpoint = saved(account, "mailgun", signing_key=posts.MAILGUN_KEY)
    stranger = Vault(["another-key-that-is-long-enough-too"])
    endpoint.settings = {"from": "a later version"}
    for vault in (stranger, services().vault):
        with pytest.raises(RefusedPostError) as caught:
            endpoints.verify(endpoint, by_mailgun({}), vault, now=NOW)
        assert (caught.value.reason.code, caught.value.status) == ("webhook.unusable", 503)


def test_only_the_last_refused_posts_are_kept_and_cut(account: ProviderAccount) -> None:
    endpoint = saved(account, "brevo")
    with transaction():
        for number in range(105):
            refused = post(b"%d" % number + b"x" * 70_000)
            endpoints.refuse(endpoint, refused, Reason("webhook.login_wrong"), now=NOW)
    rows = db.session.scalars(sa.select(Incoming).order_by(Incoming.id)).all()
    assert [row.endpoint_id for row in rows] == [endpoint.id] * 100
    assert rows[0].body.startswith(b"5x")
    assert (rows[0].state, len(rows[0].body), rows[0].size) == ("refused", 65_536, 70_001)


def test_logins_and_addresses_are_not_stored_with_a_post(account: ProviderAccount) -> None:
    headers = {
        **basic(),
        "cookie": "a=b",
        "x-forwarded-for": "192.0.2.1",
        "svix-id": "msg_1",
        "x-long": "y" * 5_000,
    }
    kept = endpoints.kept_headers(post({}, headers))
    assert kept == {"content-type": "application/json", "svix-id": "msg_1", "x-long": "y" * 500}
    many = {f"x-{number}": "y" for number in range(1_000)}
    assert len(endpoints.kept_headers(post({}, many))) == endpoints.MAX_HEADERS


def test_the_time_of_the_last_post_is_noted_now_and_then(account: ProviderAccount) -> None:
    endpoint = saved(account, "brevo")
    times = []
    for seconds in (0, 2, 8):
        at = NOW + timedelta(seconds=seconds)
        with transaction():
            assert endpoints.accept(endpoint, post({}), str(seconds), now=at)
        db.session.refresh(endpoint)
        times.append(endpoint.last_received_at)
    assert times == [NOW, NOW, NOW + timedelta(seconds=8)]
