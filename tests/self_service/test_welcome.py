"""The welcome email: one for each confirmation, also of people who come back."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.db import db, transaction
from campaigns.self_service import signup
from campaigns.tokens import ConfirmRef
from campaigns.transactional import list_emails
from campaigns.transactional.list_emails import ListEmailInput
from campaigns.transactional.models import TransactionalEmail
from tests.factories import a_list

pytestmark = pytest.mark.runs_on("sqlite", "postgresql")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def news(app: Flask) -> AudienceList:
    with transaction():
        entry = a_list("News", is_public=True)
        own = ListEmailInput(subject="Welcome", text="Hello!", is_on=True)
        list_emails.save(entry.id, "welcome", own, seen="", now=NOW)
    return entry


def evidence(days: int) -> ConsentEvidence:
    return ConsentEvidence("form", NOW + timedelta(days=days), "yes")


def sign_up(news: AudienceList, days: int) -> ConfirmRef:
    with transaction():
        signup.sign_up(news.id, "alice@example.org", name="", evidence=evidence(days))
    person = db.session.scalars(sa.select(Subscriber.id)).one()
    return ConfirmRef(person, news.id, int(evidence(days).at.timestamp()))


def welcomed_by(ref: ConfirmRef, days: int) -> bool:
    with transaction():
        return signup.confirm(ref, evidence(days)).mail_id is not None


def test_a_person_who_comes_back_is_welcomed_again_but_once_for_each_confirmation(
    news: AudienceList,
) -> None:
    first = sign_up(news, days=0)
    assert [welcomed_by(first, 0), welcomed_by(first, 0)] == [True, False]
    with transaction():
        subscriptions.unsubscribe([news.id], first.subscriber_id, evidence(1))
    assert not welcomed_by(first, 1)  # the old link is used up

    second = sign_up(news, days=2)
    assert [welcomed_by(second, 2), welcomed_by(first, 2)] == [True, False]
    kinds = sa.select(sa.func.count()).where(TransactionalEmail.kind == "welcome")
    assert db.session.scalar(kinds) == 2


def test_signing_up_again_without_leaving_brings_no_second_welcome(news: AudienceList) -> None:
    first = sign_up(news, days=0)
    assert welcomed_by(first, 0)
    assert not welcomed_by(sign_up(news, days=1), 1)
