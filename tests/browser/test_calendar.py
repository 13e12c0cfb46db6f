"""The send form describes each choice as it is made; the calendar works by keyboard."""

import re
from datetime import timedelta

from flask import Flask
from playwright.sync_api import Page, expect

from campaigns.clock import utcnow
from campaigns.db import transaction
from tests.browser.conftest import DRAFT_PATH
from tests.factories import a_campaign


def test_the_descriptions_follow_the_choices(server: tuple[Flask, str], owner: Page) -> None:
    owner.goto(f"{server[1]}{DRAFT_PATH}/review")
    shown, button = owner.locator("#plan-words"), owner.locator(".send-button")
    expect(shown).to_contain_text("Sending starts 10 seconds after you press Send")
    expect(owner.locator("#date")).to_be_hidden()
    owner.check("[name=when][value=local]")
    expect(shown).to_contain_text("Each recipient gets it at")
    expect(owner.locator("#zone")).to_be_hidden()
    owner.check("[name=when][value=repeat]")
    owner.locator("[name=frequency]").select_option("daily")
    expect(shown).to_contain_text("It goes out every day")
    expect(button).to_have_text("Start recurring campaign", use_inner_text=True)
    owner.get_by_text("Pace and quiet hours").click()
    owner.locator("#pace").select_option("spread")
    expect(shown).to_contain_text("Spread over 3 hours")
    button.click()
    expect(owner).to_have_url(re.compile(r"/calendar/series/\w{12}$"))
    owner.get_by_role("button", name="Skip", exact=True).nth(1).click()
    expect(owner.get_by_role("button", name="Do not skip")).to_be_visible()


def test_the_next_times_are_shown_while_a_rule_is_edited(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}{DRAFT_PATH}/review")
    owner.check("[name=when][value=repeat]")
    owner.locator("[name=frequency]").select_option("daily")
    owner.locator(".send-button").click()
    owner.get_by_role("link", name="Change schedule").click()
    shown = owner.locator("#rule-words")
    expect(shown).to_contain_text("It goes out every day")
    expect(owner.locator(".rule-times li")).to_have_count(6)
    expect(owner.locator(".weekly-only")).to_be_hidden()
    owner.locator("[name=frequency]").select_option("monthly")
    expect(shown).to_contain_text("of every month")
    owner.locator("[name=month_day]").fill("15")
    owner.locator("[name=month_day]").blur()
    expect(shown).to_contain_text("on day 15 of every month")
    owner.get_by_role("button", name="Change schedule").click()
    expect(owner).to_have_url(re.compile(r"/calendar/series/\w{12}$"))
    expect(owner.locator(".series-rule")).to_contain_text("on day 15 of every month")


def test_the_calendar_works_by_keyboard(server: tuple[Flask, str], owner: Page) -> None:
    app, address = server
    # In the middle of a month, a week ahead is on the same page.
    planned = (utcnow().replace(day=1) + timedelta(days=40)).replace(day=15, hour=12)
    with app.app_context(), transaction():
        later = a_campaign(name="Later", status="scheduled", scheduled_at=planned)
        path = f"/campaigns/{later.public_id}/report"
    owner.goto(f"{address}/calendar?month={planned:%Y-%m}")
    owner.locator(f"[data-day='{planned:%Y-%m-%d}']").focus()
    owner.keyboard.press("ArrowDown")
    owner.keyboard.press("ArrowUp")
    expect(owner.locator(f"[data-day='{planned:%Y-%m-%d}']")).to_be_focused()
    owner.keyboard.press("Enter")
    expect(owner).to_have_url(address + path)
    owner.wait_for_load_state()
    owner.go_back()
    owner.wait_for_load_state()
    owner.keyboard.press("PageDown")
    following = (planned.replace(day=1) + timedelta(days=31)).strftime("%Y-%m")
    expect(owner).to_have_url(f"{address}/calendar?month={following}")


def test_the_weekday_follows_the_date_until_another_is_chosen(
    server: tuple[Flask, str], owner: Page
) -> None:
    owner.goto(f"{server[1]}{DRAFT_PATH}/review")
    owner.check("[name=when][value=repeat]")
    chosen = owner.locator("[name=weekday]:checked")
    for date, weekday in (("2027-01-04", "0"), ("2027-01-10", "6")):  # a Monday, a Sunday
        owner.fill("#date", date)
        expect(chosen).to_have_count(1)
        expect(chosen).to_have_attribute("value", weekday)
        expect(owner.locator("[name=nth_weekday]")).to_have_value(weekday)
        expect(owner.locator("[name=month_day]")).to_have_value(str(int(date[-2:])))
    owner.locator(".chip", has_text="Wed").click()
    owner.fill("#date", "2027-01-05")
    expect(chosen).to_have_count(2)


def test_escape_closes_the_menu_of_a_phone(server: tuple[Flask, str], owner: Page) -> None:
    owner.set_viewport_size({"width": 390, "height": 800})
    owner.goto(f"{server[1]}/")
    toggle = owner.get_by_role("button", name="Menu")
    toggle.click()
    expect(owner.locator("#sidebar")).to_have_class(re.compile(r"\bshow\b"))
    owner.keyboard.press("Escape")
    expect(owner.locator("#sidebar")).to_be_hidden()
    expect(toggle).to_be_focused()
