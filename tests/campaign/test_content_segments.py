"""Segments that content names: frozen with the audience, tested without the database."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import AudienceList, Subscriber
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.campaign import content_segments, lifecycle, usage
from campaigns.campaign.audience import AudienceError
from campaigns.campaign.drafts import Arithmetic
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign, Delivery
from campaigns.campaign.preflight import Check, preflight
from campaigns.clock import utcnow
from campaigns.content.library import snippets
from campaigns.content.library.models import SavedBlock, Snippet
from campaigns.content.mime.compile import Compiled, compile_content
from campaigns.content.templating.problems import TemplateProblemError
from campaigns.db import db, new_public_id, transaction
from campaigns.delivery import claims, resend
from campaigns.delivery.expand import expand
from campaigns.tokens import Signer
from tests.english import in_english
from tests.factories import a_campaign, a_field, a_list, a_segment, a_snippet, a_subscriber
from tests.readback import fresh_campaign

NOW = utcnow()
SIGNER = Signer(["a key for tests only, long enough"])
URL = "https://news.example.org"


@pytest.fixture(autouse=True)
def _field(app: Flask) -> None:
    with transaction():
        a_field("City")


def _segment(city: str) -> Segment:
    """The people who live in a city."""
    return a_segment(city, {"kind": "field", "key": "city", "op": "is", "values": [city]})


def _person(city: str, news: AudienceList) -> Subscriber:
    return a_subscriber(f"{city.lower()}@example.org", news, attributes={"city": city})


def _asking(*public_ids: str) -> str:
    return "".join(f'{{% if in_segment["{one}"] %}}{one};{{% endif %}}' for one in public_ids)


def _compiled(campaign: Campaign) -> Compiled:
    return compile_content(content_of(campaign, base_url=URL), SIGNER)


def _freeze(campaign: Campaign) -> None:
    found = _compiled(campaign)
    with transaction():
        assert expand(campaign.id, links=found.links, segments=found.segments, now=NOW)


def _subjects(campaign: Campaign) -> dict[str, str]:
    """Claim everyone who is due, and return the subject that each of them would get."""
    with transaction():
        claimed = claims.claim(
            campaign.id, {"other": 10}, token=new_public_id(), lease=timedelta(minutes=1), now=NOW
        )
    found = _compiled(fresh_campaign(campaign.id))
    return {one.address.partition("@")[0]: found.preview(one).subject for one in claimed.recipients}


def _launched(*cities: str) -> tuple[Campaign, list[str]]:
    """A campaign with a segment for each of these cities, sent to people in Ulm, Bonn and Trier."""
    with transaction():
        news = a_list()
        for city in ("Ulm", "Bonn", "Trier"):
            _person(city, news)
        named = [_segment(city).public_id for city in cities]
        campaign = a_campaign(news, subject=f"For {_asking(*named)}", status="preparing")
    _freeze(campaign)
    return campaign, named


def test_who_is_in_each_segment_is_frozen_with_the_audience() -> None:
    campaign, (bonn, ulm) = _launched("Bonn", "Ulm")
    with transaction():
        db.session.execute(sa.update(Subscriber).values(attributes={"city": "Ulm"}))
        db.session.execute(sa.delete(Segment))
    assert _subjects(campaign) == {"ulm": f"For {ulm};", "bonn": f"For {bonn};", "trier": "For"}


def test_a_retry_and_a_resend_keep_what_was_frozen() -> None:
    campaign, (ulm,) = _launched("Ulm")
    assert _subjects(campaign)["ulm"] == f"For {ulm};"
    with transaction():
        db.session.execute(sa.update(Delivery).values(status="failed", claim_token=None))
        db.session.execute(sa.update(Subscriber).values(attributes={}))
        resend.retry_failed(campaign.id, now=NOW)
    assert _subjects(campaign)["ulm"] == f"For {ulm};"


def test_content_without_segments_writes_no_numbers() -> None:
    campaign, _ = _launched()
    assert set(db.session.scalars(sa.select(Delivery.segments))) == {None}
    assert _subjects(campaign).keys() == {"ulm", "bonn", "trier"}


def test_thirty_two_segments_fit_and_one_more_is_a_problem() -> None:
    with transaction():
        news = a_list()
        _person("Ulm", news)
        named = [_segment(city).public_id for city in ("Ulm", *map(str, range(32)))]
        last = named[0]
        fits = a_campaign(news, subject=_asking(*named[2:], last), status="preparing")
        too_many = a_campaign(news, subject=_asking(*named[1:]), preheader=_asking(last))
    _freeze(fits)
    assert db.session.scalar(sa.select(Delivery.segments)) == 1 << 31
    assert _subjects(fits) == {"ulm": f"{last};"}
    with pytest.raises(TemplateProblemError) as error:
        _compiled(too_many)
    assert [problem.reason.code for problem in error.value.problems] == [
        "template.too_many_segments"
    ]


def test_segments_are_read_for_the_people_of_a_preview() -> None:
    with transaction():
        news = a_list()
        people = [_person("Ulm", news), _person("Bonn", news)]
        named = [_segment("Bonn").public_id, _segment("Ulm").public_id]
    ids = [person.id for person in people]
    assert content_segments.bits_of(named, ids, now=NOW) == {ids[0]: 0b10, ids[1]: 0b01}
    assert content_segments.bits_of_one(named, None, now=NOW) == 0


def test_an_unknown_segment_is_a_problem_that_names_it() -> None:
    with transaction():
        campaign = a_campaign(a_list(), source='<p>{% if in_segment["gone"] %}x{% endif %}</p>')
    with pytest.raises(TemplateProblemError) as error:
        _compiled(campaign)
    (problem,) = error.value.problems
    assert in_english(problem.reason) == (
        "There is no segment gone. It may have been deleted: choose another one."
    )


def test_a_segment_that_cannot_be_used_stops_the_launch() -> None:
    with transaction():
        broken = a_segment("Old", {"kind": "list", "op": "is_on", "lists": [77]})
        campaign = a_campaign(a_list(), source=f"<p>{_asking(broken.public_id)}</p>")
    with pytest.raises(AudienceError):
        content_segments.conditions([broken.public_id], now=NOW)
    assert content_segments.bits_of([broken.public_id], [5], now=NOW) == {5: 0}
    (check,) = _checks(campaign)
    assert check.blocks


def _checks(campaign: Campaign) -> list[Check]:
    found = preflight(campaign, Arithmetic(), base_url=URL, signer=SIGNER, now=NOW)
    return [check for check in found if check.name == "segments"]


def test_the_review_names_the_segments_of_the_content() -> None:
    with transaction():
        named = _segment("Ulm").public_id, _segment("Bonn").public_id
        campaign = a_campaign(a_list(), source=f"<p>{_asking(*named)}</p>")
    (check,) = _checks(campaign)
    assert in_english(check.reason) == (
        "Parts of this email depend on Bonn, Ulm. Their members are determined when sending starts."
    )


def test_a_segment_is_in_use_wherever_content_leads_to_it() -> None:
    with transaction():
        news = a_list()
        ulm, bonn, trier, free = (_segment(city) for city in ("Ulm", "Bonn", "Trier", "Free"))
        when = {"kind": "segment", "segment": bonn.public_id, "is_in": True}
        saved = SavedBlock(name="Offer", rows=[{"type": "section", "when": when}])
        snippet = Snippet(key="hours", name="Hours", source=_asking(trier.public_id))
        db.session.add_all([saved, snippet])
        db.session.flush()
        rows = [{"type": "saved", "saved": saved.public_id}]
        a_campaign(news, name="Own", source=_asking(ulm.public_id), status="scheduled")
        a_campaign(news, name="Saved", source=json.dumps({"rows": rows}), status="scheduled")
        a_campaign(news, name="Snippet", source="{{ snippet.hours }}", status="scheduled")
        a_campaign(news, name="Quoted", source="{{ snippet['hours'] }}", status="scheduled")
        a_campaign(news, name="Draft", source=_asking(free.public_id))
    found = usage.campaigns_by_segment([ulm.id, bonn.id, trier.id, free.id])
    assert found == {ulm.id: ["Own"], bonn.id: ["Saved"], trier.id: ["Snippet", "Quoted"]}
    assert usage.campaigns_using(Use("field", "city")) == ["Own", "Saved", "Snippet", "Quoted"]


def test_a_segment_of_a_launched_snippet_stays_in_use_when_the_snippet_is_edited() -> None:
    with transaction():
        ulm = _segment("Ulm")
        snippet = a_snippet("hours", _asking(ulm.public_id))
        campaign = a_campaign(a_list(), name="Planned", source="{{ snippet.hours }}")
        later = utcnow() + timedelta(days=1)
        assert lifecycle.launch(campaign.id, at=later, undo_seconds=0, now=utcnow())
        snippets.save(snippet.id, 1, name="Hours", source="<p>Always</p>", now=utcnow())
    assert usage.campaigns_by_segment([ulm.id]) == {ulm.id: ["Planned"]}
