"""From a CSV file to the inbox and the unsubscribe, as a marketer and a recipient do it."""

import csv
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import make_url

from campaigns.cli.demo.build import LOGIN, PASSWORD
from tests import servers, wheels
from tests.browser import block_letter
from tests.conftest import Database
from tests.product import Product, running_product

pytestmark = pytest.mark.process

ROWS = 1_202
"""Rows in the CSV file: so many that the number of recipients has to be typed."""
BLOCKS_SUBJECT = "Our second letter, which is made of blocks"
LONG = 120_000
"""Timeout for background work, in milliseconds; pages themselves respond quickly."""


@pytest.fixture(
    params=[
        "checkout, SQLite, embedded Valkey",
        pytest.param("wheel, PostgreSQL, external Valkey", marks=pytest.mark.wheel),
    ]
)
def source(request: pytest.FixtureRequest) -> str:
    """Where the product is installed from."""
    return str(request.param).partition(",")[0]


@pytest.fixture
def product(
    source: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    if source == "checkout":
        with running_product("--demo") as product:
            yield product
        return
    databases: dict[str, Database] = request.getfixturevalue("databases")
    with ExitStack() as stack:
        python = wheels.install(
            wheels.build(tmp_path_factory.mktemp("wheel")), tmp_path_factory.mktemp("clean")
        )
        product = stack.enter_context(
            running_product(
                "--demo",
                command=(str(python), "-P", "-m", "campaigns.cli"),
                DATABASE_URL=a_new_database(databases["postgresql"].url),
                REDIS_URL=stack.enter_context(servers.running_valkey()),
            )
        )
        yield product


def a_new_database(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE whole_path")
    return make_url(url).set(database="whole_path").render_as_string(hide_password=False)


def test_newsletters_from_csv_to_inbox_and_unsubscribe(
    page: Page, product: Product, tmp_path: Path
) -> None:
    """Each kind of content is written while the one before waits to be sent."""
    page.set_default_timeout(20_000)
    log_in(page, product)
    import_list(page, product, write_csv(tmp_path))

    begin(page, product, "Our first letter, to everybody who asked for it", "HTML")
    write_html(page)
    preview_and_test(page)
    finish(page, "Readers")
    first = send(page, typed=ROWS - 1)

    begin(page, product, BLOCKS_SUBJECT, block_letter.DESIGN)
    block_letter.write_blocks(page)
    block_letter.preview_blocks(page)
    finish(page, "Wholesale")
    second = send(page)

    is_sent(page, first, recipients=ROWS - 1)
    unsubscribe(page, product, "reader7@mail7.example")

    begin(page, product, "Our third letter, and somebody has left", "Markdown")
    write_markdown(page)
    expect(page.frame_locator(".preview-frame").locator("strong")).to_have_text("again")
    finish(page, "Readers")
    third = send(page, typed=ROWS - 2)

    is_sent(page, second)
    find_in_mailbox(page, product, BLOCKS_SUBJECT)
    page.locator(".mailbox-row").first.click()
    block_letter.read_blocks(page, product.url)

    is_sent(page, third, recipients=ROWS - 2)
    page.goto(f"{third}/deliveries?q=reader7@mail7.example")
    expect(page.locator("main")).not_to_contain_text("Reader 7 ")
    find_in_mailbox(page, product, "reader7@mail7.example")
    expect(page.locator(".mailbox-row")).to_have_count(1)
    find_in_mailbox(page, product, "reader9@mail9.example")
    page.locator(".mailbox-row").first.click()
    letter = page.frame_locator(".letter-frame")
    expect(letter.locator("h1")).to_have_text("Hello Reader 9")
    expect(letter.get_by_role("link", name="Read the news")).to_be_visible()


def log_in(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/login")
    page.get_by_label("Email address").fill(LOGIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{product.url}/")


def write_csv(folder: Path) -> Path:
    """Write a CSV file in which one address appears twice and all are new."""
    path = folder / "readers.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["E-Mail", "Name", "City"])
        for number in range(ROWS - 1):
            writer.writerow(
                [f"reader{number}@mail{number % 40}.example", f"Reader {number}", "Hamburg"]
            )
        writer.writerow(["READER7@mail7.example", "Reader 7", "Hamburg"])
    return path


def import_list(page: Page, product: Product, path: Path) -> None:
    page.goto(f"{product.url}/imports/new")
    page.locator("#file").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/imports/\w{12}/mapping$"), timeout=LONG)
    page.locator("#list").select_option("new")
    page.locator("#list_name").fill("Readers")
    page.get_by_label("How did these people opt in?").fill("Sign-up sheet of the fair")
    page.get_by_role("button", name="Start import").click()
    expect(page.get_by_text("Import complete")).to_be_visible(timeout=LONG)
    expect(page.locator("#import-state")).to_contain_text(f"{ROWS:,}")


def begin(page: Page, product: Product, subject: str, start: str) -> None:
    """Create a campaign from a kind of content or a design; ends on its content page."""
    page.goto(f"{product.url}/campaigns/new")
    page.get_by_label("Subject").fill(subject)
    page.get_by_role("radio", name=re.compile(f"^{start}\\b")).check()
    page.get_by_role("button", name="Create campaign").click()
    page.wait_for_url(re.compile(r"/content$"))


def is_saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_attribute("data-kind", "saved", timeout=LONG)
    expect(page.locator("#save-state")).to_contain_text("Saved", timeout=LONG)


def write_html(page: Page) -> None:
    page.locator(".cm-content").fill(
        "<h1>Hello {{ subscriber.name or 'friend' }}</h1>"
        "<p>Greetings to {{ subscriber.city }}. "
        '<a href="https://shop.example/news?for={{ subscriber.name }}">Read the news</a> about'
        " everything that we did since we last wrote to you, and what comes next.</p>"
    )


def write_markdown(page: Page) -> None:
    """Write with the keyboard and with the buttons of the toolbar."""
    page.locator("#source").fill(
        "# Hello {{ subscriber.name or 'friend' }}\n\nThe news is out: we are\nopen again"
    )
    page.keyboard.press("Shift+Control+ArrowLeft")
    page.get_by_role("button", name="Bold").click()
    page.keyboard.press("End")
    page.keyboard.type(", as we had hoped since we last wrote to you. ")
    page.get_by_role("button", name="Link").click()
    page.locator("#link-text").fill("Read the news")
    page.locator("#link-url").fill("https://shop.example/news")
    page.locator("#link-dialog").get_by_role("button", name="Insert").click()


def finish(page: Page, audience: str) -> None:
    """Go from the content to the campaign, and choose who gets it."""
    is_saved(page)
    page.get_by_role("link", name="Done").click()
    page.wait_for_url(re.compile(r"/campaigns/\w{12}$"))
    page.locator(".chip", has_text=audience).first.click()
    page.locator("#preheader").fill("What is new, in a few lines, and where to read the rest of it")
    is_saved(page)


def preview_and_test(page: Page) -> None:
    page.locator("#preview-as").fill("reader8@")
    page.locator("#subscriber-list").get_by_text("reader8@mail8.example").first.click()
    frame = page.frame_locator(".preview-frame")
    expect(frame.locator("h1")).to_have_text("Hello Reader 8")
    page.get_by_role("button", name="Send test").first.click()
    page.locator("#test-address").fill("me@office.example, you@office.example")
    page.locator("#test-dialog").get_by_role("button", name="Send test").click()
    expect(page.locator("#test-sent .test-good")).to_have_count(2, timeout=LONG)
    page.locator("#test-dialog").get_by_role("button", name="Close").click()


def send(page: Page, *, typed: int | None = None) -> str:
    """Review, type the number if it is large, and send. Return the address of the report."""
    page.get_by_role("link", name="Review and send").click()
    page.wait_for_url(re.compile("/review"))
    if typed is not None:
        page.locator("#typed").fill(str(typed))
    page.locator(".send-button").click()
    page.wait_for_url(re.compile("/report"))
    return page.url.split("?")[0]


def is_sent(page: Page, report: str, *, recipients: int | None = None) -> None:
    """Wait for the end of a campaign, and check the balance."""
    page.goto(report)
    shown = r"[\d,]+" if recipients is None else f"{recipients:,}"
    expect(page.locator("#live")).to_contain_text(
        re.compile(rf"Sent to ({shown}) of \1"), timeout=LONG
    )
    line = page.locator(".balance-line").inner_text().replace(",", "")
    numbers = [int(number) for number in re.findall(r"\d+", line)]
    assert numbers[0] == sum(numbers[1:]), line
    assert recipients in {None, numbers[0]}, line


def find_in_mailbox(page: Page, product: Product, address: str) -> None:
    page.goto(f"{product.url}/mailbox?q={address}")


def unsubscribe(page: Page, product: Product, address: str) -> None:
    """Open the email, follow its unsubscribe link, and press the button."""
    find_in_mailbox(page, product, address)
    expect(page.locator(".mailbox-row")).to_have_count(1)
    page.locator(".mailbox-row").first.click()
    mail = page.frame_locator(".letter-frame")
    expect(mail.locator("h1")).to_have_text("Hello Reader 7")
    link = mail.get_by_role("link", name=re.compile("unsubscribe", re.IGNORECASE)).first
    target = link.get_attribute("href")
    assert target is not None
    assert target.startswith(f"{product.url}/u/")
    page.goto(target)
    expect(page.get_by_role("heading")).to_have_text("Unsubscribe?")
    page.get_by_role("button").first.click()
    expect(page.get_by_role("heading")).to_have_text("You are unsubscribed")
