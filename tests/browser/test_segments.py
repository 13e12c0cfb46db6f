"""A segment is built in the browser by mouse, and another by keyboard alone."""

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Page, Route, expect

from campaigns.audience.segments.models import Segment
from campaigns.db import db, transaction
from tests.factories import a_field, a_list, a_subscriber


@pytest.fixture
def builder(server: tuple[Flask, str], owner: Page) -> Page:
    """The builder of a new segment, among people with cities."""
    app, url = server
    with app.app_context():
        with transaction():
            clients = a_list("Clients")
            a_field("City")
            a_subscriber("carla@example.org", clients, attributes={"city": "Oslo"})
            a_subscriber("dora@example.org", clients, attributes={"city": "Rome"})
            a_subscriber("erik@example.org", clients)
        db.session.remove()
    owner.goto(f"{url}/segments/new")
    return owner


def stored(app: Flask) -> dict[str, object]:
    with app.app_context():
        found = db.session.scalars(sa.select(Segment.rules)).one()
        db.session.remove()
        return dict(found["root"])


def test_a_segment_is_built_by_mouse(server: tuple[Flask, str], builder: Page) -> None:
    summary = builder.locator("#summary")
    builder.get_by_label("What").select_option("list")
    builder.get_by_label("List", exact=True).select_option(label="Clients")
    expect(summary).to_contain_text("3 subscribers")
    builder.get_by_role("button", name="Add group").first.click()
    builder.get_by_label("What").nth(1).select_option("field:city")
    builder.get_by_label("One value per line").fill("oslo")
    builder.get_by_role("button", name="Add rule").first.click()
    builder.get_by_label("What").nth(2).select_option("name:first")
    builder.get_by_label("Text", exact=True).fill("Dora")
    expect(builder.locator("#sentence")).to_have_text(
        "Subscribers who are subscribed to “Clients” and"
        " (whose “City” is “oslo” or whose first name is “Dora”)."
    )
    expect(summary).to_contain_text("1 subscriber")
    expect(summary).to_contain_text("carla@example.org")
    builder.locator("#who").fill("erik@example.org")
    builder.get_by_role("button", name="Check").click()
    why = builder.locator("#why")
    expect(why).to_contain_text("erik@example.org is not in this segment.")
    expect(why.locator(".why-yes")).to_have_count(1)
    expect(why.locator(".why-no")).to_have_count(4)
    builder.get_by_role("button", name="Remove rule").nth(2).click()
    expect(builder.get_by_label("What")).to_have_count(2)
    builder.locator("#name").fill("Oslo clients")
    builder.get_by_role("button", name="Create segment").click()
    row = builder.get_by_role("row", name="Oslo clients")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    rules = stored(server[0])["rules"]
    assert isinstance(rules, list)
    assert [rule["kind"] for rule in rules] == ["list", "any"]


def test_a_segment_is_built_by_keyboard(server: tuple[Flask, str], builder: Page) -> None:
    keys = builder.keyboard
    builder.locator("#name").focus()
    keys.type("Not from Rome")
    keys.press("Tab")
    keys.press("Tab")
    focus = builder.locator(":focus")
    expect(focus).to_have_attribute("id", "n1-join")
    keys.press("Tab")
    keys.type("City")
    expect(builder.locator("#n2-op")).to_be_visible()
    expect(focus).to_have_attribute("id", "n2-what")
    keys.press("Tab")
    keys.type("is not")
    expect(builder.get_by_text("Includes subscribers without a value.")).to_be_visible()
    expect(focus).to_have_attribute("id", "n2-op")
    keys.press("Tab")
    keys.type("Rome")
    expect(builder.locator("#sentence")).to_have_text("Subscribers whose “City” is not “Rome”.")
    expect(builder.locator("#summary")).to_contain_text("4 subscribers")
    expect(focus).to_have_attribute("id", "n2-values")
    builder.locator("#n1-add").focus()
    keys.press("Enter")
    expect(focus).to_have_attribute("id", "n3-what")
    expect(builder.locator("#announcement")).to_have_text("Rule added.")
    keys.type("Email address")
    expect(builder.locator("#n3-value")).to_be_visible()
    builder.locator("#n3-up").focus()
    keys.press("Enter")
    expect(builder.locator("#announcement")).to_have_text("Moved up.")
    expect(builder.locator(".rule").first).to_have_attribute("id", "n3")
    expect(focus).to_have_attribute("id", "n3-what")
    builder.locator("#n3-remove").focus()
    keys.press("Enter")
    expect(builder.locator("#n3")).to_have_count(0)
    expect(focus).to_have_attribute("id", "n2-what")
    builder.locator("#name").focus()
    keys.press("Enter")
    row = builder.get_by_role("row", name="Not from Rome")
    expect(row.get_by_role("cell").nth(1)).to_have_text("4")
    assert stored(server[0]) == {
        "kind": "all",
        "rules": [{"kind": "field", "key": "city", "op": "is_not", "values": ["Rome"]}],
    }


def test_a_rule_that_moves_keeps_the_focus_on_its_button(builder: Page) -> None:
    focus, first = builder.locator(":focus"), builder.locator(".rule").first
    for added in ("n3", "n4"):
        builder.get_by_role("button", name="Add rule").click()
        expect(focus).to_have_attribute("id", f"{added}-what")
    builder.locator("#n4-up").focus()
    builder.keyboard.press("Enter")
    expect(builder.locator(".rule").nth(1)).to_have_attribute("id", "n4")
    expect(focus).to_have_attribute("id", "n4-up")
    expect(builder.locator("#rules[data-focus]")).to_have_count(0)  # settled
    builder.keyboard.press("Enter")
    expect(first).to_have_attribute("id", "n4")
    expect(focus).to_have_attribute("id", "n4-what")


def test_what_is_typed_while_the_rules_are_redrawn_is_kept(builder: Page) -> None:
    builder.get_by_label("What").select_option("field:city")
    expect(builder.locator("#n2-values")).to_be_visible()
    held: list[Route] = []
    builder.route("**/segments/preview", lambda route: held.append(route), times=1)
    with builder.expect_request("**/segments/preview"):
        builder.locator("#n2-op").select_option("is_not")
    builder.locator("#n2-values").press_sequentially("Oslo")
    held[0].continue_()
    expect(builder.get_by_text("Includes subscribers without a value.")).to_be_visible()
    expect(builder.locator("#n2-values")).to_have_value("Oslo")
    expect(builder.locator("#sentence")).to_have_text("Subscribers whose “City” is not “Oslo”.")
