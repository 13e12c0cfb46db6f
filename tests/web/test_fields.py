"""The pages of custom fields: made, changed, ordered, deleted; attributes become fields."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.fields import changes, definitions
from campaigns.audience.fields.models import Field, FieldChange, ListField
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import members, saved, tree
from campaigns.db import db, transaction
from campaigns.jobs import fields as job
from tests.factories import a_campaign, a_field, a_list, a_series, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
SHOWS_IT = "<p>{{ subscriber.city }}</p>"


def only_field() -> Field:
    db.session.rollback()
    return db.session.scalars(sa.select(Field).execution_options(populate_existing=True)).one()


def attributes() -> list[dict[str, Any]]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Subscriber.attributes).order_by(Subscriber.id)))


def finish_changes() -> None:
    for change in changes.running():
        while job.work(change.id, seconds=5):
            pass
    db.session.rollback()


# --- Made and changed


def test_without_fields_the_page_says_what_to_do(owner_client: FlaskClient) -> None:
    assert "No fields yet" in owner_client.get("/fields").text


def test_a_field_is_created_and_changed(owner_client: FlaskClient) -> None:
    typed = {
        "label": "<script>",
        "type": "choice",
        "options": "Pro\r\nFree\r\n",
        "help": "Your plan",
    }
    assert owner_client.post("/fields/new", data=typed).location == "/fields"
    field = only_field()
    assert (field.key, field.help) == ("script", "Your plan")
    page = owner_client.get("/fields").text
    for text in ("&lt;script&gt;", "{{ subscriber.script }}", "Single choice", "Pro, Free"):
        assert text in page
    path = f"/fields/{field.public_id}/edit"
    assert 'value="Pro"' in owner_client.get(path).text
    changed: dict[str, Any] = {
        "label": "Plan",
        "option_key": ["pro", "free"],
        "option_label": ["Professional", "Free"],
        "options": "Trial",
        "is_required": "1",
    }
    owner_client.post(path, data=changed)
    field = only_field()
    assert (field.label, field.key, field.type) == ("Plan", "script", "choice")
    assert [one["key"] for one in field.options] == ["pro", "free", "trial"]
    assert field.rules == {"required": True}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"label": ""}, "Give the field a name."),
        ({"label": "x" * 10_000}, "The name is too long."),
        ({"label": "Plan", "type": "choice"}, "Add at least one option."),
        ({"label": "Points", "type": "number", "least": "n/a"}, "“n/a” is not a number."),
        ({"label": "Plan", "type": "moon"}, "Choose a type."),
    ],
)
def test_a_field_that_cannot_work_is_refused_and_kept_as_typed(
    owner_client: FlaskClient, typed: dict[str, str], sentence: str
) -> None:
    answer = owner_client.post("/fields/new", data={"help": "kept as typed", **typed})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="kept as typed"' in answer.text
    assert definitions.all_fields() == []


def test_the_form_follows_the_type(owner_client: FlaskClient) -> None:
    get = owner_client.get
    assert "Shortest length" in get("/fields/new").text
    assert "Earliest date" in get("/fields/new?type=date&label=Born").text
    assert 'value="Born"' in get("/fields/new?type=date&label=Born").text
    assert "One per line" in get("/fields/new?type=choices").text
    assert "Shortest length" not in get("/fields/new?type=country").text


def test_a_field_named_like_an_attribute_is_guided_to_the_attribute(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm"})
    answer = owner_client.post("/fields/new", data={"label": "City"})
    assert answer.status_code == 422
    assert "/fields/attributes/promote?attribute=city" in answer.text


def test_fields_are_moved_by_buttons(owner_client: FlaskClient) -> None:
    with transaction():
        first, second = a_field("A"), a_field("B")
    owner_client.post(f"/fields/{second.public_id}/move", data={"direction": "up"})
    assert [one.label for one in definitions.all_fields()] == ["B", "A"]
    owner_client.post(f"/fields/{second.public_id}/move", data={"direction": "down"})
    assert [one.label for one in definitions.all_fields()] == ["A", "B"]
    assert first.id != second.id


def test_people_keep_an_option_that_is_removed(owner_client: FlaskClient) -> None:
    with transaction():
        field = a_field("Plan", "choice", options=[("", "Pro"), ("", "Free")])
        a_subscriber("a@example.org", attributes={"plan": "free"})
        a_subscriber("b@example.org", attributes={"plan": "pro"})
    typed = {"label": "Plan", "option_key": ["pro", "free"], "option_label": ["Pro", ""]}
    owner_client.post(f"/fields/{field.public_id}/edit", data=typed)
    finish_changes()
    assert attributes() == [{"plan_original": "free"}, {"plan": "pro"}]


def test_a_form_opened_before_an_option_was_added_keeps_it(owner_client: FlaskClient) -> None:
    with transaction():
        field = a_field("Plan", "choice", options=[("", "Pro"), ("", "Free")])
        a_subscriber("a@example.org", attributes={"plan": "trial"})
    path = f"/fields/{field.public_id}/edit"
    opened = {"option_key": ["pro", "free"], "option_label": ["Pro", "Free"]}
    owner_client.post(path, data={"label": "Plan", **opened, "options": "Trial\nTeam"})
    # Saved by someone else, who also adds one of the new options.
    owner_client.post(path, data={"label": "Your plan", **opened, "options": "team\nDuo"})
    field = only_field()
    assert [one["key"] for one in field.options] == ["pro", "free", "trial", "team", "duo"]
    assert field.label == "Your plan"
    assert changes.recent() == []
    assert attributes() == [{"plan": "trial"}]


def test_every_recent_change_that_left_values_aside_is_told(owner_client: FlaskClient) -> None:
    with transaction():
        first = a_field("Plan", "choice", options=[("", "Pro"), ("", "Free")])
        second = a_field("Size", "choice", options=[("", "Small"), ("", "Large")])
        a_subscriber("a@example.org", attributes={"plan": "free"})
    for field, keys in ((first, ["pro", "free"]), (second, ["small", "large"])):
        typed = {"label": field.label, "option_key": keys, "option_label": [keys[0], ""]}
        owner_client.post(f"/fields/{field.public_id}/edit", data=typed)
        finish_changes()
    for page in ("/fields", "/fields/progress"):
        assert "plan_original" in owner_client.get(page).text


# --- Uses: named before renaming and deleting


def test_the_merge_tag_of_a_field_that_campaigns_show_is_not_renamed(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        field, news = a_field("City"), a_list("News")
        a_campaign(news, subject="May issue", source=SHOWS_IT)
    path = f"/fields/{field.public_id}/key"
    assert "May issue" in owner_client.get(path).text
    answer = owner_client.post(path, data={"key": "town"})
    assert answer.status_code == 422
    assert only_field().key == "city"


def test_a_merge_tag_is_renamed_with_its_values(owner_client: FlaskClient) -> None:
    with transaction():
        field, news = a_field("City"), a_list("News")
        db.session.add(ListField(list_id=news.id, field_id=field.id))
        a_subscriber("a@example.org", attributes={"city": "Ulm"})
        a_campaign(news, source="<p>{{ subscriber.city_name }} {{ subscriber.name }}</p>")
    path = f"/fields/{field.public_id}/key"
    assert "News" in owner_client.get(path).text
    wrong = owner_client.post(path, data={"key": "Not a key"})
    assert wrong.status_code == 422
    assert 'value="Not a key"' in wrong.text
    with transaction():
        a_subscriber("b@example.org", attributes={"home": "x"})
    taken = owner_client.post(path, data={"key": "home"})
    assert "The merge tag “home” is taken." in taken.text
    owner_client.post(path, data={"key": "town"})
    assert "Moving values" in owner_client.get("/fields").text
    finish_changes()
    assert (only_field().key, attributes()) == ("town", [{"town": "Ulm"}, {"home": "x"}])
    assert "Moving values" not in owner_client.get("/fields/progress").text


@pytest.mark.parametrize("status", ["scheduled", "sending", "paused"])
def test_a_field_that_a_planned_campaign_shows_is_not_deleted(
    owner_client: FlaskClient, status: str
) -> None:
    with transaction():
        field = a_field("City")
        a_campaign(a_list(), status=status, subject="May issue", source=SHOWS_IT)
    path = f"/fields/{field.public_id}/delete"
    page = owner_client.get(path).text
    assert "This field is in use" in page
    assert "May issue" in page
    assert owner_client.post(path).status_code == 422
    assert only_field().label == "City"


def test_a_field_that_a_recurring_campaign_shows_is_not_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        field = a_field("City")
        a_series(a_list(), source=SHOWS_IT)
    assert "This field is in use" in owner_client.get(f"/fields/{field.public_id}/delete").text


@pytest.mark.parametrize(("typed", "after"), [({}, {"city": "Ulm"}), ({"delete_values": "1"}, {})])
def test_a_deleted_field_names_its_uses_and_keeps_values_unless_told(
    owner_client: FlaskClient, typed: dict[str, str], after: dict[str, str]
) -> None:
    with transaction():
        field, news = a_field("City"), a_list("News")
        db.session.add(ListField(list_id=news.id, field_id=field.id))
        a_campaign(news, subject="My draft", source=SHOWS_IT)
        a_subscriber("a@example.org", attributes={"city": "Ulm"})
    path = f"/fields/{field.public_id}/delete"
    page = owner_client.get(path).text
    assert "“My draft”" in page
    assert "“News”" in page
    assert owner_client.post(path, data=typed).status_code == 302
    finish_changes()
    assert attributes() == [after]
    assert definitions.all_fields() == []


# --- Attributes become fields


@pytest.fixture
def birthdays(owner_client: FlaskClient) -> None:
    with transaction():
        for number, text in enumerate(("31.05.1980", "5/31/1980", "n/a", "=cmd()")):
            a_subscriber(f"p{number}@example.org", attributes={"born": text})


def test_attributes_are_listed_with_a_type(owner_client: FlaskClient, birthdays: None) -> None:
    assert "1 attribute has no field" in owner_client.get("/fields").text
    page = owner_client.get("/fields/attributes").text
    assert "31.05.1980" in page
    assert "/fields/attributes/promote?attribute=born" in page


def test_a_preview_shows_what_would_not_convert(owner_client: FlaskClient, birthdays: None) -> None:
    page = owner_client.get("/fields/attributes/promote?attribute=born&type=date").text
    for text in (
        "2 values convert.",
        "2 values do not, and stay in the attribute born_original.",
        "31 May 1980",
        "“n/a” is not a date. Write it as 1980-05-31.",
        "“=cmd()” is not a date.",
    ):
        assert text in page
    assert definitions.all_fields() == []


def test_an_attribute_is_promoted_and_nothing_is_lost(
    owner_client: FlaskClient, birthdays: None
) -> None:
    typed = {"attribute": "born", "label": "Birthday", "type": "date"}
    assert owner_client.post("/fields/attributes/promote", data=typed).location == "/fields"
    assert "Converting values" in owner_client.get("/fields").text
    finish_changes()
    assert attributes() == [
        {"born": "1980-05-31"},
        {"born": "1980-05-31"},
        {"born_original": "n/a"},
        {"born_original": "=cmd()"},
    ]
    page = owner_client.get("/fields").text
    assert "2 values did not fit “Birthday”" in page
    assert "born_original" in page
    assert owner_client.get("/fields/attributes/promote?attribute=born").status_code == 404


def test_values_with_two_readings_wait_for_a_choice(owner_client: FlaskClient) -> None:
    with transaction():
        a_subscriber("a@example.org", attributes={"born": "5/6/1980"})
    typed = {"attribute": "born", "label": "Born", "type": "date"}
    answer = owner_client.post("/fields/attributes/promote", data=typed)
    assert answer.status_code == 422
    assert "Some values can be read in two ways. Choose how they are written." in answer.text
    owner_client.post("/fields/attributes/promote", data={**typed, "dates": "day_first"})
    finish_changes()
    assert attributes() == [{"born": "1980-06-05"}]


def test_the_choices_in_an_attribute_become_options(owner_client: FlaskClient) -> None:
    with transaction():
        a_subscriber("a@example.org", attributes={"tags": "VIP, Blog"})
        a_subscriber("b@example.org", attributes={"tags": "Blog"})
    page = owner_client.get("/fields/attributes/promote?attribute=tags").text
    assert "VIP\nBlog</textarea>" in page or "Blog\nVIP</textarea>" in page
    typed = {"attribute": "tags", "label": "Tags", "type": "choices", "options": "VIP\nBlog"}
    owner_client.post("/fields/attributes/promote", data=typed)
    finish_changes()
    assert attributes() == [{"tags": ["vip", "blog"]}, {"tags": ["blog"]}]


def test_a_field_changes_its_type_only_through_a_conversion(owner_client: FlaskClient) -> None:
    with transaction():
        field = a_field("Points")
        a_subscriber("a@example.org", attributes={"points": "1,50"})
        a_subscriber("b@example.org", attributes={"points": "many"})
    owner_client.post(f"/fields/{field.public_id}/edit", data={"label": "Points", "type": "number"})
    assert only_field().type == "text"
    path = f"/fields/{field.public_id}/type"
    assert "“many” is not a number." in owner_client.get(f"{path}?type=number").text
    owner_client.post(path, data={"type": "number"})
    finish_changes()
    assert only_field().type == "number"
    assert attributes() == [{"points": 1.5}, {"points_original": "many"}]
    assert db.session.scalars(sa.select(FieldChange.people_kept)).one() == 1


# --- Segments


@pytest.fixture
def in_hamburg(app: object) -> Field:
    """A field that a segment uses."""
    with transaction():
        field = a_field("City")
        rule = {"kind": "field", "key": "city", "op": "is", "values": ["Hamburg"]}
        root = tree.parse({"version": 1, "root": {"kind": "all", "rules": [rule]}})
        saved.create("In Hamburg", root, now=NOW)
        a_subscriber("a@example.org", attributes={"city": "Hamburg"})
    return field


def test_a_field_that_a_segment_uses_names_it_and_is_not_deleted(
    owner_client: FlaskClient, in_hamburg: Field
) -> None:
    assert "Segment: In Hamburg" in owner_client.get("/fields").text
    page = owner_client.get(f"/fields/{in_hamburg.public_id}/type?type=number").text
    assert "These segments use the field: In Hamburg." in " ".join(page.split())
    path = f"/fields/{in_hamburg.public_id}/delete"
    assert "“In Hamburg”" in owner_client.get(path).text
    assert owner_client.post(path).status_code == 422
    assert only_field().label == "City"


def test_a_segment_follows_a_renamed_merge_tag(
    owner_client: FlaskClient, in_hamburg: Field
) -> None:
    path = f"/fields/{in_hamburg.public_id}/key"
    assert "In Hamburg" in owner_client.get(path).text
    owner_client.post(path, data={"key": "town"})
    finish_changes()
    (segment,) = saved.choices()
    assert segment.rules["root"]["rules"][0]["key"] == "town"
    assert segment.version == 2
    assert members.count(tree.parse(segment.rules), members.context_at(NOW)).people == 1
