"""The import pages, from the upload to the rows that failed."""

import io
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.audience.models import AudienceList, ImportProblem, ImportRun, Subscriber
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.jobs import imports as jobs
from tests.factories import a_field, a_list
from tests.web.page_forms import inputs_of

FILE = b"email;name;plan\nann@shop.example;Ann;gold\nbob@;Bob;\n"


def upload(client: FlaskClient, data: bytes = FILE, name: str = "people.csv") -> TestResponse:
    form = {"file": (io.BytesIO(data), name), "list": ""}
    return client.post("/imports", data=form, content_type="multipart/form-data")


def uploaded(client: FlaskClient, data: bytes = FILE) -> ImportRun:
    assert upload(client, data).status_code == 302
    return db.session.scalars(sa.select(ImportRun).order_by(ImportRun.id.desc())).first()  # type: ignore[return-value]


def form_of(**changes: str) -> dict[str, str]:
    form = {
        "list": "new",
        "list_name": "Customers",
        "consent_source": "Order form",
        "update": "on",
        "encoding": "utf-8",
        "delimiter": ";",
        "header": "yes",
        "column_0": "address",
        "column_1": "name",
        "column_2": "attribute",
        "attribute_2": "plan",
    }
    return {**form, **changes}


def left_behind(app: Flask) -> list[Path]:
    folder = services().settings.uploads_dir
    return list(folder.iterdir()) if folder.exists() else []


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize(
    ("failed", "colour", "word"),
    [
        (0, "success", "Done"),
        (2, "warning", "Partly failed"),
        (5, "danger", "Mostly failed"),
        (10, "danger", "Failed"),
    ],
)
def test_an_import_with_failed_rows_is_not_shown_as_a_success(
    owner_client: FlaskClient, failed: int, colour: str, word: str
) -> None:
    run = uploaded(owner_client)
    with transaction():
        run = db.session.get_one(ImportRun, run.id)
        run.status, run.rows_read, run.rows_failed = "done", 10, failed
        run.started_at = run.finished_at = run.created_at
    page = owner_client.get(f"/imports/{run.public_id}").text
    assert f"alert alert-{colour}" in page
    assert f'status-{colour}">{word}</span>' in owner_client.get("/imports").text


def test_a_file_is_imported_from_upload_to_list(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    page = owner_client.get(f"/imports/{run.public_id}", follow_redirects=True).text
    assert "ann@shop.example" in page
    assert re.search(r'<option value=";" selected', page)
    assert re.search(r'<option value="address" selected', page)
    answer = owner_client.post(f"/imports/{run.public_id}/start", data=form_of())
    assert answer.status_code == 302
    waiting = owner_client.get(answer.location).text
    assert "Waiting for a worker" in waiting
    assert 'hx-trigger="every 1s"' in waiting
    jobs.run_to_end(run.id, lambda run: None)
    done = owner_client.get(f"/imports/{run.public_id}/progress").text
    assert "rows read in" in done
    assert "1 row was not imported" in done, "no success message if rows failed"
    assert "alert-success" not in done
    assert "hx-trigger" not in done
    assert "bob@;Bob;" in done
    assert db.session.scalar(sa.select(AudienceList.name)) == "Customers"
    found = db.session.scalars(sa.select(Subscriber)).one()
    assert (found.address, found.name, found.attributes) == (
        "ann@shop.example",
        "Ann",
        {"plan": "gold"},
    )
    failed = owner_client.get(f"/imports/{run.public_id}/failed.csv")
    assert failed.mimetype == "text/csv"
    assert "people-failed.csv" in failed.headers["Content-Disposition"]
    assert "bob@,Bob,,3," in failed.text
    index = owner_client.get("/imports").text
    assert "people.csv" in index
    assert "Customers" in index


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"PK\x03\x04xl/workbook", "This is an Excel file"), (b"", "The file is empty")],
)
def test_an_unreadable_file_is_refused_and_not_stored(
    app: Flask, owner_client: FlaskClient, data: bytes, words: str
) -> None:
    answer = upload(owner_client, data, "people.xlsx")
    assert answer.status_code == 422
    assert words in answer.text
    assert left_behind(app) == []


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("people.csv", "people-failed.csv", ""),
        ("Łódź.csv", "odz-failed.csv", "%C5%81%C3%B3d%C5%BA-failed.csv"),
        ("\U0001f600.csv", "-failed.csv", "%F0%9F%98%80-failed.csv"),
        ("\u0440\u0444", "-failed.csv", "%D1%80%D1%84-failed.csv"),
        ("a\u202egnp.csv", "agnp-failed.csv", ""),
    ],
)
def test_failed_rows_can_be_downloaded_whatever_the_file_name(
    owner_client: FlaskClient, name: str, plain: str, whole: str
) -> None:
    run = uploaded(owner_client)
    with transaction():
        db.session.get_one(ImportRun, run.id).file_name = name
    answer = owner_client.get(f"/imports/{run.public_id}/failed.csv")
    assert answer.status_code == 200
    reported = answer.headers["Content-Disposition"]
    assert reported.startswith(f"attachment; filename={plain}")
    assert reported.partition("filename*=UTF-8''")[2] == whole


def test_a_missing_file_is_reported(app: Flask, owner_client: FlaskClient) -> None:
    answer = upload(owner_client, b"", "")
    assert answer.status_code == 422
    assert "Choose a file first" in answer.text
    assert left_behind(app) == []


def test_files_larger_than_other_requests_are_accepted(owner_client: FlaskClient) -> None:
    data = b"ann@shop.example,Ann\n" * 200_000
    assert uploaded(owner_client, data).size_bytes == len(data) > 4_000_000


def test_without_a_login_no_large_upload_is_read(app: Flask, client: FlaskClient) -> None:
    answer = upload(client, b"ann@shop.example,Ann\n" * 200_000)
    assert answer.status_code in {302, 413}
    assert upload(client).status_code == 302
    assert left_behind(app) == []
    assert db.session.scalar(sa.select(sa.func.count(ImportRun.id))) == 0


def test_without_the_csrf_token_nothing_is_stored(app: Flask, owner_client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert upload(owner_client).status_code == 400
    assert left_behind(app) == []


def test_the_preview_follows_encoding_and_delimiter(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client, "email;nom\nzoe@shop.example;Zoé\n".encode("cp1252"))
    page = owner_client.post(f"/imports/{run.public_id}/preview").text
    assert "Zoé" in page
    assert "Windows-1252 (Western European)</option>" in page
    assert "UTF-8</option>" in page
    assert "Semicolon (;)</option>" in page
    query = {"encoding": "cp1251", "delimiter": ",", "header": "no"}
    page = owner_client.post(f"/imports/{run.public_id}/preview", data=query).text
    assert "zoe@shop.example;Zoй" in page
    assert "<html" not in page
    query = {"encoding": "nonsense", "delimiter": "x", "header": "maybe"}
    page = owner_client.post(f"/imports/{run.public_id}/preview", data=query).text
    assert "Zoé" in page


def test_choices_stay_when_the_file_is_read_differently(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client, b"email;surname;tier;size\nann@x.example;Lee;gold;4\n")
    opened = inputs_of(owner_client.get(f"/imports/{run.public_id}/mapping").text, "start")
    form = opened
    mine = {"column_1": "ignore", "column_2": "status", "column_3": "attribute"}
    mine |= {"attribute_3": "shoe_size"}
    for header in ("no", "yes", "no"):
        answer = owner_client.post(
            f"/imports/{run.public_id}/preview", data={**form, **mine, "header": header}
        )
        form = inputs_of(answer.text, "", everywhere=True)
        assert {name: form[name] for name in mine} == {name: [one] for name, one in mine.items()}
        assert form["column_0"] == ["address"]
    assert form["status_value_2"] == ["tier", "gold"]
    form["status_2"] = ["subscribed", "skip"]
    page = owner_client.post(f"/imports/{run.public_id}/preview", data=form).text
    assert inputs_of(page, everywhere=True)["status_2"] == ["subscribed", "skip"]
    # A column that nobody changed is guessed anew, and so are other columns.
    form = {**opened, "header": "no"}
    for role, header in (("ignore", "yes"), ("attribute", "yes")):
        page = owner_client.post(f"/imports/{run.public_id}/preview", data=form).text
        form = {**inputs_of(page, everywhere=True), "header": header}
        assert form["column_3"] == [role]
    form |= {"delimiter": ","}
    page = owner_client.post(f"/imports/{run.public_id}/preview", data=form).text
    assert "Preview of the first rows" in page


def test_an_import_starts_only_as_it_was_previewed(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    path = f"/imports/{run.public_id}/start"
    opened = inputs_of(owner_client.get(f"/imports/{run.public_id}/mapping").text, "start")
    typed = {**opened, **form_of(), "attribute_2": "tier"}
    for changed in ({"header": "no"}, {"encoding": "cp1252"}, {"delimiter": ","}):
        refused = owner_client.post(path, data={**typed, **changed})
        assert refused.status_code == 422
        assert "The file is read differently now." in refused.text
    refused = owner_client.post(path, data={**typed, "header": "no"})
    again = inputs_of(refused.text, "start")
    assert again["attribute_2"] == ["tier"]
    assert owner_client.post(path, data=again).status_code == 302


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"column_0": "ignore"}, "exactly one column"),
        ({"attribute_2": "My Plan"}, "cannot be the name of an attribute"),
        ({"list_name": " "}, "Give the list a name"),
        ({"list_name": "News"}, "A list with this name already exists"),
        ({"list": "nonsense"}, "Choose the list"),
        ({"encoding": "nonsense"}, "Choose an encoding"),
    ],
)
def test_an_invalid_mapping_is_kept_as_filled_in(
    owner_client: FlaskClient, changes: dict[str, str], words: str
) -> None:
    with transaction():
        a_list("News")
    run = uploaded(owner_client)
    answer = owner_client.post(f"/imports/{run.public_id}/start", data=form_of(**changes))
    assert answer.status_code == 422
    assert words in answer.text
    assert "Order form" in answer.text
    assert db.session.get_one(ImportRun, run.id, populate_existing=True).status == "mapping"
    assert db.session.scalars(sa.select(AudienceList.name)).all() == ["News"]


def test_a_second_start_changes_nothing(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    for name in ("Customers", "Others"):
        answer = owner_client.post(f"/imports/{run.public_id}/start", data=form_of(list_name=name))
        assert answer.status_code == 302
    assert db.session.scalars(sa.select(AudienceList.name)).all() == ["Customers"]


def test_a_discarded_upload_is_deleted(app: Flask, owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    assert len(left_behind(app)) == 1
    owner_client.post(f"/imports/{run.public_id}/discard")
    assert left_behind(app) == []
    assert owner_client.get(f"/imports/{run.public_id}").status_code == 404


def test_a_failed_import_says_why_and_can_be_retried(app: Flask, owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    owner_client.post(f"/imports/{run.public_id}/start", data=form_of())
    path = left_behind(app)[0]
    away = path.rename(path.with_suffix(".away"))
    jobs.run_to_end(run.id, lambda run: None)
    page = owner_client.get(f"/imports/{run.public_id}").text
    assert "Import stopped" in page
    assert "Retry import" in page
    away.rename(path)
    owner_client.post(f"/imports/{run.public_id}/retry")
    assert jobs.run_to_end(run.id, lambda run: None).status == "done"


def test_a_lost_file_is_reported_on_the_mapping_page(app: Flask, owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    left_behind(app)[0].unlink()
    answer = owner_client.get(f"/imports/{run.public_id}/mapping")
    assert answer.status_code == 422
    assert "no longer there" in answer.text


def test_failed_rows_are_shown_page_by_page(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client, b"email;name;plan\n" + b"bad;B;\n" * 250)
    owner_client.post(f"/imports/{run.public_id}/start", data=form_of())
    jobs.run_to_end(run.id, lambda run: None)
    address, seen = f"/imports/{run.public_id}", 0
    for _ in range(3):
        page = owner_client.get(address).text
        seen += page.count("bad;B;")
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = following[1] if following else ""
    assert (seen, address) == (250, "")
    assert owner_client.get(f"/imports/{run.public_id}?after=x-{'9' * 30}").status_code == 200


@pytest.mark.runs_on("sqlite", "postgresql")
def test_imports_are_listed_page_by_page(owner_client: FlaskClient) -> None:
    assert "No imports yet" in owner_client.get("/imports").text
    with transaction():
        for number in range(60):
            db.session.add(ImportRun(file_name=f"file{number}.csv", path=""))
    first = owner_client.get("/imports").text
    assert "file59.csv" in first
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    assert "file0.csv" in owner_client.get(following[1]).text


STATUS_FILE = (
    b"email;status\nann@shop.example;active\nbob@shop.example;unsubscribed\n"
    b"carl@shop.example;Level 7\ndora@shop.example;cleaned\n"
)


@pytest.mark.runs_on("sqlite", "postgresql")
def test_the_values_of_a_status_column_are_shown_and_an_unknown_one_is_asked(
    owner_client: FlaskClient,
) -> None:
    run = uploaded(owner_client, STATUS_FILE)
    page = owner_client.get(f"/imports/{run.public_id}/mapping").text
    assert re.search(r'<option value="status" selected', page)
    assert "Values of “status”" in page
    assert re.search(r'<option value="unsubscribed" selected', page)
    assert re.search(r'<option value="" selected>Choose a status', page)
    assert "1 value is unknown. Choose a status for it." in page
    form = form_of(column_1="status")
    del form["column_2"], form["attribute_2"]
    refused = owner_client.post(f"/imports/{run.public_id}/start", data=form)
    assert refused.status_code == 422
    assert "Choose what these values of the column “status” mean: “Level 7”." in refused.text
    chosen = {"status_value_1": "level7", "status_1": "skip"}
    answer = owner_client.post(f"/imports/{run.public_id}/start", data={**form, **chosen})
    assert answer.status_code == 302
    jobs.run_to_end(run.id, lambda run: None)
    done = owner_client.get(f"/imports/{run.public_id}").text
    counts = dict(re.findall(r'tile-label">([^<]+)</div>\s*<div class="tile-value">(\d+)<', done))
    assert counts == {
        "Rows read": "4",
        "Added to the list": "1",
        "Updated": "0",
        "Unchanged": "0",
        "Unsubscribed": "1",
        "Suppressed": "1",
        "Skipped": "1",
        "Failed": "0",
    }


def test_a_column_chosen_as_status_asks_about_its_values(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client, b"email;tier\nann@shop.example;gold\n")
    form = form_of(column_1="status")
    del form["column_2"], form["attribute_2"]
    refused = owner_client.post(f"/imports/{run.public_id}/start", data=form)
    assert refused.status_code == 422
    assert "Values of “tier”" in refused.text


def test_reasons_are_stored_as_codes_and_shown_as_sentences(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client, b"email;name;plan\n;Ann;gold\nbob@shop.example;Bob;gold\n")
    owner_client.post(f"/imports/{run.public_id}/start", data=form_of())
    jobs.run_to_end(run.id, lambda run: None)
    with transaction():
        (stored,) = db.session.scalars(sa.select(ImportProblem))
        assert stored.reason == '["import_row.no_address", {}]'
        old = {"raw": "x;y;z", "reason": "Told by a version before codes."}
        db.session.add(ImportProblem(import_id=run.id, row_number=9, **old))
    for address in (f"/imports/{run.public_id}", f"/imports/{run.public_id}/failed.csv"):
        text = owner_client.get(address).text
        assert "The row has no address." in text
        assert "Told by a version before codes." in text
        assert "import_row" not in text


def test_columns_fill_fields_and_ask_how_dates_with_two_readings_are_written(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_field("Birthday", "date")
        a_field("Site", "url")
    run = uploaded(owner_client, b"email;birthday\na@x.example;5/6/1980\nb@x.example;6/7/1990\n")
    page = owner_client.get(f"/imports/{run.public_id}/mapping").text
    assert re.search(r'<option value="field:birthday" data-type="date"\s* selected>Birthday<', page)
    assert 'name="notation_1"' in page
    form = form_of(column_1="field:birthday", bad_values="leave_out")
    refused = owner_client.post(f"/imports/{run.public_id}/start", data=form)
    assert refused.status_code == 422
    assert "can be read in two ways" in refused.text
    assert '<option value="leave_out" selected>' in refused.text
    again = {**form, "notation_1": "day_first"}
    assert owner_client.post(f"/imports/{run.public_id}/start", data=again).status_code == 302
    jobs.run_to_end(run.id, lambda run: None)
    found = db.session.scalars(sa.select(Subscriber.attributes).order_by(Subscriber.id)).all()
    assert found == [{"birthday": "1980-06-05"}, {"birthday": "1990-07-06"}]


def test_a_built_in_merge_field_is_no_attribute(owner_client: FlaskClient) -> None:
    run = uploaded(owner_client)
    form = form_of(attribute_2="first_name")
    refused = owner_client.post(f"/imports/{run.public_id}/start", data=form)
    assert "“first_name” is a built-in merge tag" in refused.text
