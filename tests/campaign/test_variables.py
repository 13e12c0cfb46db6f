"""Variables of a campaign: checked, known to the content, the same for everyone."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign import drafts, variables
from campaigns.campaign.expand_content import content_of
from campaigns.campaign.models import Campaign
from campaigns.campaign.variables import VariableError
from campaigns.clock import utcnow
from campaigns.content.library import templates
from campaigns.content.mime.compile import check_content
from campaigns.db import transaction
from tests.content.samples import a_content, a_recipient, compiled
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_saved_block, a_template
from tests.readback import fresh_campaign


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ([("a b", "x")], "variables.bad_name"),
        ([("9", "x")], "variables.bad_name"),
        ([("x" * 41, "x")], "variables.bad_name"),
        ([("", "x")], "variables.no_name"),
        ([("a", "1"), ("A", "2")], "variables.twice"),
        ([("a", "x" * 2001)], "variables.too_long"),
        ([(f"v{number}", "x") for number in range(51)], "variables.too_many"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(typed: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(VariableError) as error:
        variables.checked(typed)
    assert error.value.reason.code == code


def test_names_are_lower_case_and_empty_rows_are_left_out() -> None:
    typed = [("Price", " 12\x00 €\ud800 "), ("", "")]
    assert variables.checked(typed) == {"price": "12 €"}


def test_a_variable_is_written_into_the_content_when_it_is_compiled() -> None:
    values = {"price": "<12 €", "shop": "https://shop.example/a?b=1"}
    content = compiled(
        "<p>{{ var.price }}{% if var.price == '<12 €' %}!{% endif %}</p>"
        '<a href="{{ var.shop }}">Shop</a>',
        subject="Now {{ var.price }}",
        variables=values,
    )
    shown = content.preview(a_recipient())
    assert shown.subject == "Now <12 €"
    assert "<p>&lt;12 €!</p>" in shown.html
    assert 'href="https://shop.example/a?b=1"' in shown.html


def test_an_unknown_variable_is_a_problem() -> None:
    found = check_content(a_content("<p>{{ var.prize }}</p>", variables={"price": "1"}), ())
    assert ["var.price" in in_english(problem.reason) for problem in found] == [True]


def test_content_without_variables_may_use_the_name_for_itself() -> None:
    assert check_content(a_content("<p>{% set var = 1 %}{{ var }}</p>"), ()) == []


def _save(client: FlaskClient, campaign: Campaign, *pairs: tuple[str, str], **form: Any) -> Any:
    names, values = [name for name, _ in pairs], [value for _, value in pairs]
    data = {"version": campaign.version, "variable": names, "text": values, **form}
    return client.post(f"/campaigns/{campaign.public_id}/content/variables", data=data)


def test_variables_are_saved_removed_and_copied(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(a_list())
    answer = _save(owner_client, campaign, ("price", "12 €"), ("old", "x"), ("", ""), drop="1")
    assert answer.headers["HX-Trigger"] == "content-saved"
    campaign = fresh_campaign(campaign)
    assert campaign.variables == {"price": "12 €"}
    assert content_of(campaign, base_url="https://a.example").variables == {"price": "12 €"}
    with transaction():
        copy = drafts.duplicate(campaign.id, editor_id=None, now=utcnow())
        assert copy.variables == {"price": "12 €"}


def test_a_wrong_name_loses_nothing_that_was_typed(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        campaign = a_campaign(a_list())
    page = _save(owner_client, campaign, ("my price", "12 €")).text
    assert "“my price” cannot be a name." in page
    assert 'value="12 €"' in page
    assert fresh_campaign(campaign).variables == {}


def test_a_change_of_the_content_is_no_conflict_and_one_of_the_variables_is(
    app: Flask, owner_client: FlaskClient
) -> None:
    with transaction():
        campaign = a_campaign(a_list())
    seen = drafts.fingerprint(campaign, "variables")
    with transaction():
        drafts.save(campaign.id, 1, {"source": "new"}, editor_id=None, now=utcnow())
    first = _save(owner_client, campaign, ("a", "1"), version=1, seen=seen)
    second = _save(owner_client, campaign, ("b", "2"), version=1, seen=seen)
    assert "HX-Trigger" in first.headers
    assert "Someone else changed the variables." in second.text
    assert fresh_campaign(campaign).variables == {"a": "1"}


def test_a_template_has_variables_of_its_own(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        template = a_template()
    url = f"/templates/{template.public_id}/content/variables"
    seen = _seen(owner_client.get(url).text)
    with transaction():
        templates.save(template.id, 1, {"source": "new"}, editor_id=None, now=utcnow())
    pair = {"version": 1, "variable": "price", "seen": seen}
    first = owner_client.post(url, data={**pair, "text": "12 €"})
    second = owner_client.post(url, data={**pair, "text": "13 €"})
    assert "HX-Trigger" in first.headers
    assert "Someone else changed the variables." in second.text
    assert 'value="12 €"' in owner_client.get(url).text
    tags = owner_client.get(f"/merge-tags?template={template.public_id}").text
    assert 'data-tag="var.price"' in tags


def _seen(form: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', form)
    assert found
    return found[1]


def test_a_saved_block_has_no_variables(app: Flask, owner_client: FlaskClient) -> None:
    with transaction():
        block = a_saved_block()
    url = f"/saved-blocks/{block.public_id}/content/variables"
    assert owner_client.get(url).status_code == 404


@pytest.mark.parametrize("position", ["9" * 5000, "-1", "x"])
def test_a_position_that_does_not_exist_drops_nothing(
    app: Flask, owner_client: FlaskClient, position: str
) -> None:
    with transaction():
        campaign = a_campaign(a_list())
    _save(owner_client, campaign, ("a", "1"), drop=position)
    assert fresh_campaign(campaign).variables == {"a": "1"}
