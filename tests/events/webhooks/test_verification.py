"""What is accepted from a provider, and what is refused before anything in it is believed."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.events.webhooks.amazon_ses import AmazonSesSettings
from campaigns.events.webhooks.kind import LoginCredentials, Post, RefusedPostError
from campaigns.events.webhooks.mailgun import MailgunCredentials
from campaigns.events.webhooks.registry import WEBHOOKS
from campaigns.events.webhooks.resend import ResendCredentials
from campaigns.events.webhooks.sendgrid import SendGridCredentials
from campaigns.events.webhooks.sns import MAX_FAILED, Certificates
from campaigns.providers.outgoing import OutgoingError
from tests.events.webhooks import posts
from tests.events.webhooks.posts import (
    LOGIN,
    MAILGUN,
    NONE,
    NOW,
    RESEND,
    SES,
    Amazon,
    amazon_ses,
    basic,
    by_mailgun,
    by_resend,
    by_sendgrid,
    envelope,
    post,
    subscription,
)

WITH_LOGIN = ("brevo", "mailjet", "postmark", "sparkpost")
A_DAY_LATER = NOW + timedelta(days=1, hours=2)
EVENT = {"event": "delivered", "email": "ada@example.com"}


def verdict(kind: str, found: Post, credentials: Any, *, now: datetime = NOW) -> str:
    """Return why a post is refused, with the status; empty if it is accepted."""
    try:
        WEBHOOKS[kind].verify(found, credentials, NONE, now=now)
    except RefusedPostError as error:
        return f"{error.reason.code} {error.status}"
    return ""


def ses_verdict(
    found: Post, amazon: Amazon | None = None, *, now: datetime = NOW, settings: Any = SES
) -> str:
    try:
        amazon_ses(amazon).verify(found, LoginCredentials(), settings, now=now)
    except RefusedPostError as error:
        return f"{error.reason.code} {error.status}"
    return ""


# --- the login in the URL -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", WITH_LOGIN)
def test_the_right_login_is_accepted_and_any_other_refused(kind: str) -> None:
    assert verdict(kind, post([], basic()), LOGIN) == ""
    assert verdict(kind, post([]), LOGIN) == "webhook.login_missing 401"
    for headers in (
        basic("campaigns", "wrong"),
        basic("other", LOGIN.password),
        basic("", ""),
        {"authorization": "Bearer correct-horse"},
        {"authorization": "Basic not base64!"},
        {"authorization": "Basic \udc80"},
    ):
        assert verdict(kind, post([], headers), LOGIN) == "webhook.login_wrong 401"


@pytest.mark.parametrize("kind", WITH_LOGIN)
def test_an_endpoint_that_has_lost_its_login_accepts_nothing(kind: str) -> None:
    for headers in (basic("", ""), basic()):
        assert verdict(kind, post([], headers), LoginCredentials()) == "webhook.login_wrong 401"


def test_the_login_before_the_last_change_works_too() -> None:
    changed = LoginCredentials(
        username="new", password="new-secret", old_username="old", old_password="old-secret"
    )
    assert verdict("postmark", post({}, basic("new", "new-secret")), changed) == ""
    assert verdict("postmark", post({}, basic("old", "old-secret")), changed) == ""
    assert verdict("postmark", post({}, basic("old", "new-secret")), changed) != ""


def test_a_login_comes_on_top_of_a_signature() -> None:
    both = MailgunCredentials(
        signing_key=posts.MAILGUN_KEY, username="campaigns", password="correct-horse"
    )
    signed = by_mailgun({})
    assert verdict("mailgun", signed, both) == "webhook.login_missing 401"
    with_login = replace(signed, headers={**signed.headers, **basic()})
    assert verdict("mailgun", with_login, both) == ""
    assert verdict("mailgun", post({}, basic()), both) == "webhook.signature_missing 403"


# --- SendGrid -----------------------------------------------------------------------------------


def test_sendgrid_signs_the_bytes_that_it_posts() -> None:
    signed = by_sendgrid(json.dumps([EVENT]).encode() + b"\r\n")
    assert verdict("sendgrid", signed, posts.sendgrid_credentials()) == ""
    for body in (signed.body.rstrip(), signed.body + b" ", signed.body.replace(b"ada", b"bob")):
        changed = replace(signed, body=body)
        found = verdict("sendgrid", changed, posts.sendgrid_credentials())
        assert found == "webhook.signature_wrong 403"


def test_sendgrid_without_a_signature_or_key_is_refused() -> None:
    unsigned, key = post([EVENT]), posts.sendgrid_credentials()
    assert verdict("sendgrid", unsigned, key) == "webhook.signature_missing 403"
    signed = by_sendgrid([EVENT])
    for pasted in ("", "MFkw", "no key", base64.b64encode(b"x" * 91).decode()):
        credentials = SendGridCredentials(verification_key=pasted)
        assert verdict("sendgrid", signed, credentials) == "webhook.no_key 403"
    name = "x-twilio-email-event-webhook-signature"
    for signature in ("AAAA", "not base64!", "\udc80"):
        changed = replace(signed, headers={**signed.headers, name: signature})
        assert verdict("sendgrid", changed, key) == "webhook.signature_wrong 403"


def test_sendgrid_a_day_later_is_too_old() -> None:
    key = posts.sendgrid_credentials()
    assert verdict("sendgrid", by_sendgrid([EVENT]), key, now=NOW + timedelta(hours=23)) == ""
    late = verdict("sendgrid", by_sendgrid([EVENT]), key, now=A_DAY_LATER)
    assert late == "webhook.too_old 403"
    early = verdict("sendgrid", by_sendgrid([EVENT]), key, now=NOW - timedelta(hours=1))
    assert early == "webhook.from_the_future 403"


def test_a_key_is_pasted_with_line_breaks() -> None:
    key = posts.sendgrid_credentials().verification_key
    broken = SendGridCredentials(verification_key=f" {key[:64]}\n{key[64:]}\n")
    assert verdict("sendgrid", by_sendgrid([EVENT]), broken) == ""
    assert WEBHOOKS["sendgrid"].check(NONE, broken) == {}


# --- Mailgun ------------------------------------------------------------------------------------


def test_mailgun_signs_a_time_and_a_token() -> None:
    assert verdict("mailgun", by_mailgun(EVENT), MAILGUN) == ""
    signature = posts.mailgun_signature()
    for name, other in {"timestamp": "1", "token": "x", "signature": "00"}.items():
        changed = post({"signature": {**signature, name: other}, "event-data": EVENT})
        assert verdict("mailgun", changed, MAILGUN) == "webhook.signature_wrong 403"
    for name in signature:
        missing = {key: value for key, value in signature.items() if key != name}
        found = verdict("mailgun", post({"signature": missing}), MAILGUN)
        assert found == "webhook.signature_missing 403"


def test_the_token_of_mailgun_identifies_the_post_whatever_it_says() -> None:
    """The signature does not cover the event, so it must be good for one post only."""
    names = {
        WEBHOOKS["mailgun"].verify(by_mailgun(event), MAILGUN, NONE, now=NOW)
        for event in ({"event": "delivered"}, {"event": "complained"})
    }
    assert names == {"0a1b2c3d"}


def test_mailgun_is_told_never_to_send_an_old_post_again() -> None:
    assert verdict("mailgun", by_mailgun({}), MAILGUN, now=NOW + timedelta(hours=8)) == ""
    assert verdict("mailgun", by_mailgun({}), MAILGUN, now=A_DAY_LATER) == "webhook.too_old 406"
    early = verdict("mailgun", by_mailgun({}), MAILGUN, now=NOW - timedelta(hours=1))
    assert early == "webhook.from_the_future 406"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"signature": []}', b"\xff\xfe", b"[" * 10_000]
)
def test_mailgun_that_cannot_be_read_has_no_signature(body: bytes) -> None:
    assert verdict("mailgun", post(body), MAILGUN) == "webhook.signature_missing 403"
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert verdict("mailgun", post(body, form), MAILGUN) == "webhook.signature_missing 403"


def test_a_form_of_mailgun_is_signed_in_the_same_way() -> None:
    pairs = "&".join(f"{name}={value}" for name, value in posts.mailgun_signature().items())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert verdict("mailgun", post(f"event=opened&{pairs}".encode(), headers), MAILGUN) == ""


# --- Resend -------------------------------------------------------------------------------------


def test_resend_signs_id_time_and_body() -> None:
    signed = by_resend({"type": "email.sent"})
    assert WEBHOOKS["resend"].verify(signed, RESEND, NONE, now=NOW) == "msg_1"
    for name, other in {
        "svix-id": "msg_2",
        "svix-timestamp": "1",
        "svix-signature": "v1,AA",
    }.items():
        changed = replace(signed, headers={**signed.headers, name: other})
        assert verdict("resend", changed, RESEND) == "webhook.signature_wrong 403"
    changed = replace(signed, body=b"{}")
    assert verdict("resend", changed, RESEND) == "webhook.signature_wrong 403"
    for time in ("", "now", "1e9", "inf", "-1", "1_0"):
        changed = replace(signed, headers={**signed.headers, "svix-timestamp": time})
        assert verdict("resend", changed, RESEND) == "webhook.signature_missing 403"
    for secret in ("", "whsec_", "whsec_!"):
        credentials = ResendCredentials(signing_secret=secret)
        assert verdict("resend", signed, credentials) == "webhook.no_key 403"


def test_resend_has_a_window_of_five_minutes() -> None:
    signed = by_resend({})
    assert verdict("resend", signed, RESEND, now=NOW + timedelta(seconds=299)) == ""
    late = verdict("resend", signed, RESEND, now=NOW + timedelta(seconds=301))
    assert late == "webhook.too_old 403"
    early = verdict("resend", signed, RESEND, now=NOW - timedelta(seconds=301))
    assert early == "webhook.from_the_future 403"


# --- Amazon SES ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_of_sns_are_checked(version: str) -> None:
    assert ses_verdict(envelope({}, version=version)) == ""
    assert ses_verdict(envelope({}, version=version, Subject="Amazon SES")) == ""
    signed = json.loads(envelope({}, version=version).body)
    for name in ("Message", "MessageId", "Timestamp", "Subject"):
        changed = post({**signed, name: "other"})
        assert ses_verdict(changed) == "webhook.signature_wrong 403"
    for name, other in {"SignatureVersion": "3", "Signature": "", "Type": "Other"}.items():
        assert ses_verdict(post({**signed, name: other})) != ""


def test_a_foreign_topic_is_refused_though_sns_signed_it() -> None:
    amazon = Amazon()
    foreign = envelope({}, TopicArn="arn:aws:sns:eu-west-1:999999999999:ses-events")
    assert ses_verdict(foreign, amazon) == "webhook.foreign_topic 403"
    assert ses_verdict(envelope({}), settings=AmazonSesSettings()) == "webhook.no_topic 403"
    assert amazon.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.example.net/SimpleNotificationService-1.pem",
        "https://example.net/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@example.net/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=GetTopic&x=SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/a/../SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem\n",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://127.0.0.1/SimpleNotificationService-1.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_no_other_host_is_asked_for_a_certificate(url: str) -> None:
    amazon = Amazon()
    found = ses_verdict(envelope({}, SigningCertURL=url), amazon)
    assert found == "webhook.foreign_certificate 403"
    assert amazon.asked == []


def test_a_certificate_is_downloaded_once_a_day() -> None:
    amazon = Amazon()
    kind = amazon_ses(amazon)
    for hours in (0, 1, 23, 25):
        at = NOW + timedelta(hours=hours)
        kind.verify(envelope({}, at=at), LoginCredentials(), SES, now=at)
    assert amazon.asked == [posts.CERTIFICATE_URL] * 2


OTHER_URL = posts.CERTIFICATE_URL.replace(".pem", "{}.pem")


def test_a_certificate_that_a_stranger_names_holds_up_no_genuine_posts() -> None:
    amazon = Amazon(OutgoingError(is_lasting=False))
    kind = amazon_ses(amazon)

    def sent(url: str, at: datetime) -> None:
        kind.verify(envelope({}, at=at, SigningCertURL=url), LoginCredentials(), SES, now=at)

    with pytest.raises(RefusedPostError):
        sent(OTHER_URL.format("x"), NOW)
    amazon.pem = posts.certificate()
    sent(posts.CERTIFICATE_URL, NOW)
    amazon.pem = OutgoingError(is_lasting=False)
    for number in range(100):
        with pytest.raises(RefusedPostError):
            sent(OTHER_URL.format(number), NOW)
    assert len(amazon.asked) <= 2 + MAX_FAILED, "not for each of them"
    for days in (1, 2, 6):
        sent(posts.CERTIFICATE_URL, NOW + timedelta(days=days))
    with pytest.raises(RefusedPostError):
        sent(posts.CERTIFICATE_URL, NOW + timedelta(days=8))


def test_a_key_is_used_no_longer_than_its_certificate() -> None:
    amazon = Amazon(posts.certificate(since=NOW - timedelta(days=30), days=32))
    certificates = Certificates(amazon)
    certificates.key(posts.CERTIFICATE_URL, now=NOW)
    amazon.pem = OutgoingError(is_lasting=False)
    certificates.key(posts.CERTIFICATE_URL, now=NOW + timedelta(days=1, hours=12))
    with pytest.raises(RefusedPostError):
        certificates.key(posts.CERTIFICATE_URL, now=NOW + timedelta(days=3))


def test_china_has_a_domain_of_its_own() -> None:
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0f1e2d3c.pem"
    assert ses_verdict(envelope({}, SigningCertURL=url)) == ""


def test_sns_sends_again_while_its_certificate_cannot_be_had() -> None:
    amazon = Amazon(OutgoingError(is_lasting=False))
    kind = amazon_ses(amazon)
    for seconds in (0, 5, 10, 30):
        at = NOW + timedelta(seconds=seconds)
        with pytest.raises(RefusedPostError) as caught:
            kind.verify(envelope({}, at=at), LoginCredentials(), SES, now=at)
        assert caught.value.status == 503
    assert len(amazon.asked) == 2, "not at each post"


@pytest.mark.parametrize(
    "pem", [b"", b"no certificate", posts.certificate(since=NOW - timedelta(days=400), days=30)]
)
def test_a_certificate_must_be_one_and_valid(pem: bytes) -> None:
    assert ses_verdict(envelope({}), Amazon(pem)) == "webhook.foreign_certificate 403"


def test_sns_a_day_later_is_too_old() -> None:
    assert ses_verdict(envelope({}), now=A_DAY_LATER) == "webhook.too_old 403"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.net/?Action=ConfirmSubscription&Token=1",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&Token=1",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1&Action=DeleteTopic",
        "https://sns.eu-west-1.amazonaws.com#@example.net/?Action=ConfirmSubscription&Token=1",
        "https://169.254.169.254/?Action=ConfirmSubscription&Token=1",
    ],
)
def test_a_subscription_is_confirmed_at_sns_only(url: str) -> None:
    offered = subscription(url)
    assert ses_verdict(offered) == "webhook.foreign_url 403"
    assert amazon_ses().confirmation_url(offered) == ""


def test_a_subscription_of_our_topic_is_confirmed() -> None:
    assert ses_verdict(subscription()) == ""
    assert amazon_ses().confirmation_url(subscription()) == posts.CONFIRM_URL
    assert amazon_ses().confirmation_url(envelope({})) == ""
    assert amazon_ses().parse(subscription()) == []


def test_raw_messages_need_a_setting_and_a_login() -> None:
    raw = post({"eventType": "Delivery"}, {"x-amz-sns-rawdelivery": "true"})
    assert ses_verdict(raw) == "webhook.raw_delivery 403"
    on = AmazonSesSettings(topic_arn=posts.TOPIC, raw_delivery=True)
    kind = amazon_ses()
    with pytest.raises(RefusedPostError) as caught:
        kind.verify(raw, LOGIN, on, now=NOW)
    assert (caught.value.reason.code, caught.value.status) == ("webhook.login_missing", 401)
    with_login = post({"eventType": "Delivery"}, basic())
    assert kind.verify(with_login, LOGIN, on, now=NOW)
    foreign = post({}, {**basic(), "x-amz-sns-topic-arn": "arn:aws:sns:eu-west-1:1:x"})
    with pytest.raises(RefusedPostError, match="foreign_topic"):
        kind.verify(foreign, LOGIN, on, now=NOW)


def test_an_envelope_is_verified_even_where_raw_messages_are_allowed() -> None:
    on = AmazonSesSettings(topic_arn=posts.TOPIC, raw_delivery=True)
    forged = post({**json.loads(envelope({}).body), "Message": "{}x"}, basic())
    with pytest.raises(RefusedPostError, match="signature_wrong"):
        amazon_ses().verify(forged, LOGIN, on, now=NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[" * 10_000, b"null", b"7", b'"x"', b"\xff", b'{"Type": 7}']
)
def test_ses_that_cannot_be_read_has_no_envelope(body: bytes) -> None:
    assert ses_verdict(post(body)) == "webhook.raw_delivery 403"


def test_strangers_cannot_have_large_posts_parsed() -> None:
    """With SNS and Mailgun the signature is in the body, which has to be parsed to find it."""
    large = post(b"[" + b"{}," * 400_000 + b"{}]")
    assert ses_verdict(large) == "webhook.too_large 413"
    assert verdict("mailgun", large, MAILGUN) == "webhook.too_large 413"


def test_lone_surrogates_and_wrong_types_in_an_envelope_are_no_signature() -> None:
    signed = json.loads(envelope({}).body)
    messages: tuple[object, ...] = ("\ud800", 7, None, [], {"x": 1}, 10**400)
    for message in messages:
        assert ses_verdict(post({**signed, "Message": message})) == "webhook.signature_wrong 403"
