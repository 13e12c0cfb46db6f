"""The list that the merge-tag picker loads."""

import pytest
from flask.testing import FlaskClient

from campaigns.db import transaction
from tests.factories import a_campaign, a_field, a_list, a_subscriber


def test_the_list_shows_what_a_real_subscriber_would_see(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list()
        a_field("City")
        a_subscriber("ann@example.org", news, first_name="Ann", attributes={"city": "Lyon <x>"})
        campaign = a_campaign(news)
    page = owner_client.get(f"/merge-tags?campaign={campaign.public_id}").text
    assert "Examples from ann@example.org" in page
    assert 'data-tag="subscriber.city"' in page
    assert "Lyon &lt;x&gt;" in page
    assert "No value" in page


def test_the_examples_are_of_the_chosen_subscriber(owner_client: FlaskClient) -> None:
    with transaction():
        a_subscriber("ann@example.org", first_name="Ann")
        ben = a_subscriber("ben@example.org", first_name="Ben")
        a_subscriber("cleo@example.org", first_name="Cleo")
    page = owner_client.get(f"/merge-tags?as={ben.public_id}").text
    assert "Examples from ben@example.org" in page
    assert "Cleo" not in page


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_examples_are_of_someone_who_has_values(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list()
        a_field("City")
        a_subscriber("old@example.org", news, first_name="Al", attributes={"city": "Ulm"})
        a_subscriber("ann@example.org", news, first_name="Ann", attributes={"city": "Lyon"})
        a_subscriber("bare@example.org", news)
        campaign = a_campaign(news)
    for query in (f"?campaign={campaign.public_id}", ""):
        assert "Examples from ann@example.org" in owner_client.get(f"/merge-tags{query}").text


def test_without_subscribers_there_are_tags_and_no_examples(owner_client: FlaskClient) -> None:
    page = owner_client.get("/merge-tags?campaign=unknown&as=unknown").text
    assert 'data-tag="unsubscribe_url"' in page
    assert "Examples from" not in page
