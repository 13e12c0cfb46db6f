"""Who shows an email at its extremes: from the audience, or from everyone for a template."""

from random import Random

import pytest

from campaigns.audience.models import AudienceList
from campaigns.campaign import audience, preview_people
from campaigns.campaign.audience import Scope
from campaigns.clock import utcnow
from campaigns.db import transaction
from tests.factories import a_campaign, a_list, a_segment, a_subscriber

pytestmark = pytest.mark.runs_on("sqlite", "postgresql")


def _some_people() -> AudienceList:
    news = a_list("News")
    a_subscriber("short@example.org", news)
    a_subscriber("long@example.org", news, name="Maximiliana Featherstonehaugh")
    a_subscriber("city@example.org", news, name="Bo", attributes={"city": "Llanfairpwll" * 4})
    a_subscriber("longest@example.org", name="On no list " * 15)
    return news


def _addresses(scope: Scope | None, which: preview_people.Extreme) -> list[str]:
    found = preview_people.find(scope, which, limit=3, rng=Random(1))  # noqa: S311
    return [person.address.split("@")[0] for person in found]


def test_the_longest_and_the_emptiest_come_from_the_audience(app: object) -> None:
    with transaction():
        scope = audience.scope_of(a_campaign(_some_people()).id, now=utcnow())
    assert _addresses(scope, "longest") == ["city", "long", "short"]
    assert _addresses(scope, "emptiest") == ["short", "long", "city"]
    assert sorted(_addresses(scope, "random")) == ["city", "long", "short"]


def test_excluded_people_and_people_outside_the_segments_are_left_out(app: object) -> None:
    with transaction():
        news, staff = _some_people(), a_list("Staff")
        a_subscriber("staff@example.org", news, staff, name="Long name of an employee " * 4)
        named = a_segment("Named", {"kind": "name", "op": "has_value"})
        campaign = a_campaign(news, excluded=(staff,), segments=(named,))
        scope = audience.scope_of(campaign.id, now=utcnow())
    assert _addresses(scope, "longest") == ["city", "long"]


def test_everyone_is_looked_at_for_a_template(app: object) -> None:
    with transaction():
        _some_people()
    assert _addresses(None, "longest")[0] == "longest"


def test_nobody_is_found_without_lists_or_people(app: object) -> None:
    assert _addresses(Scope(), "longest") == []
    assert _addresses(None, "random") == []


def test_of_a_large_list_several_slices_are_read(
    app: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_people, "SLICE", 2)
    with transaction():
        news = a_list("News")
        for number in range(40):
            a_subscriber(f"p{number}@example.org", news)
        scope = audience.scope_of(a_campaign(news).id, now=utcnow())
    found = preview_people.find(scope, "emptiest", limit=40, rng=Random(7))  # noqa: S311
    assert 2 < len(found) <= 2 * preview_people.PLACES
