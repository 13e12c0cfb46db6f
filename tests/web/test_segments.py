"""The pages of segments: builder, count, why, list."""

import html
import json
import re
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience.fields.models import FIELD_TYPES
from campaigns.audience.models import ImportRun, SubscriberTag, Tag
from campaigns.audience.segments import members, saved, tree
from campaigns.audience.segments.kinds.fields import OPERATORS
from campaigns.audience.segments.leaves import REGISTRY
from campaigns.audience.segments.models import Segment
from campaigns.db import db, transaction
from campaigns.web.segments import describe, names, subjects, views
from campaigns.web.segments.names import RuleNames
from campaigns.web.segments.subjects import RuleSubject
from tests.factories import a_campaign, a_field, a_list, a_segment, a_subscriber
from tests.web.statements import counted

SELECT = r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>'
TEXTAREA = r'<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>'


def inputs(page: str) -> dict[str, list[str]]:
    """What the form of the builder would send."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        values = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if values.get("type") == "checkbox" and " checked" not in tag:
            continue
        if "name" in values:
            found.setdefault(values["name"], []).append(html.unescape(values.get("value", "")))
    for name, body in re.findall(SELECT, page, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"( selected)?>', body)
        chosen = [value for value, is_chosen in options if is_chosen] or [options[0][0]]
        found[name] = [html.unescape(chosen[-1])]
    for name, text in re.findall(TEXTAREA, page, re.DOTALL):
        found[name] = [html.unescape(text)]
    return found


def preview(client: FlaskClient, form: dict[str, list[str]], **values: Any) -> str:
    answer = client.post("/segments/preview", data={**form, **values})
    assert answer.status_code == 200
    return answer.text


def stored() -> dict[str, Any]:
    db.session.expire_all()
    return db.session.scalars(sa.select(Segment)).one().rules


def test_without_segments_the_page_offers_ideas_that_open_the_builder(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_list("News")
    page = owner_client.get("/segments").text
    assert "No segments yet" in page
    links = [html.unescape(one) for one in re.findall(r'href="(/segments/new\?[^"]*)"', page)]
    assert len(links) == 3
    for link in links:
        built = owner_client.get(link)
        assert built.status_code == 200
        assert "Subscribers who" in built.text


def test_a_segment_is_built_saved_and_edited(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("alice@example.org", news)
        a_subscriber("bob@example.org")
    form = inputs(owner_client.get("/segments/new").text)
    form |= inputs(preview(owner_client, form | {"n2.what": ["list"]}, part="rules"))
    form["n2.list.select"] = [str(news.id)]
    shown = preview(owner_client, form, part="count")
    assert "1 subscriber" in shown
    assert "alice@example.org" in shown
    assert "bob@example.org" not in shown
    assert "Subscribers who are subscribed to “News”." in shown
    answer = owner_client.post("/segments/new", data={**form, "name": "Readers of News"})
    assert answer.status_code == 302
    assert stored()["root"]["rules"][0]["list"] == news.id
    path = f"/segments/{db.session.scalars(sa.select(Segment.public_id)).one()}/edit"
    again = inputs(owner_client.get(path).text)
    assert again["n2.list.select"] == [str(news.id)]
    answer = owner_client.post(path, data={**again, "n2.state.select": "unsubscribed"})
    assert answer.status_code == 302
    assert stored()["root"]["rules"][0]["state"] == "unsubscribed"


def test_a_segment_in_use_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        used = a_segment("Friends")
        other = a_segment("Others", {"kind": "segment", "op": "not_in", "segment": used.id})
    assert "“Others”" in owner_client.get("/segments").text
    path = f"/segments/{used.public_id}/delete"
    assert "“Others”" in owner_client.get(path).text
    assert owner_client.post(path).status_code == 422
    assert saved.find(used.public_id) is not None
    owner_client.post(f"/segments/{other.public_id}/delete")
    assert owner_client.post(path).status_code == 302
    assert saved.find(used.public_id) is None


@pytest.mark.parametrize("name", ["Friends", "Ärzte"])
def test_a_segment_is_duplicated_twice(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        segment = a_segment(name, {"kind": "suppressed"})
    for _ in range(2):
        assert owner_client.post(f"/segments/{segment.public_id}/duplicate").status_code == 302
    names = set(db.session.scalars(sa.select(Segment.name)))
    assert names == {name, f"{name} (copy 1)", f"{name} (copy 2)"}


def rules(*found: object, **root: object) -> str:
    return json.dumps({"version": 1, "root": {"kind": "all", "rules": list(found), **root}})


def builder(client: FlaskClient, stored: str) -> str:
    """The builder with these rules, and its first count."""
    page = client.get("/segments/new", query_string={"rules": stored})
    assert page.status_code == 200
    counted = client.post("/segments/preview", data={**inputs(page.text), "part": "count"})
    assert counted.status_code == 200
    return page.text + counted.text


def every_rule(news: int, tag: int, segment: int, run: int, campaign: int) -> list[dict[str, Any]]:
    """A rule of every kind."""
    return [
        {"kind": "list", "list": news},
        {"kind": "tag", "tags": [tag]},
        {"kind": "segment", "segment": segment},
        {"kind": "import", "import": run},
        {"kind": "sent", "campaigns": [campaign]},
    ]


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_every_operator_of_a_field_has_inputs_and_a_sentence(
    owner_client: FlaskClient, type_: str
) -> None:
    with transaction():
        a_field("Size", type_, options=[("", "Small"), ("", "Large")])
        known = names.load()
    subject = subjects.all_subjects(known)["field:size"]
    assert subject.ops == OPERATORS[type_]
    check_every_operator(owner_client, subject)


def test_every_kind_of_rule_has_inputs_and_a_sentence_for_every_operator(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        news = a_list("News")
        db.session.add_all(
            [
                Tag(name="VIP", name_normal="vip"),
                ImportRun(list_id=news.id, file_name="a.csv", path="", status="done"),
            ]
        )
        a_campaign(news)
        a_segment("Friends", {"kind": "suppressed"})
        known = names.load()
    found = subjects.all_subjects(known)
    assert {str(one.fixed["kind"]) for one in found.values()} | {"field"} == set(REGISTRY.names())
    for subject in found.values():
        check_every_operator(owner_client, subject)


TYPED = {
    "text": "a", "lines": "a\nb", "number": "1", "date": "2026-05-31", "days": "7", "hidden": "7",
}  # fmt: skip


def check_every_operator(client: FlaskClient, subject: RuleSubject) -> None:
    """Send the form of each operator filled in; its rule has a sentence and is counted."""
    for op in subject.ops or ("",):
        form: dict[str, list[str]] = {"node": ["n2/n1"], "n1.join": ["all"]}
        form |= {"n2.what": [subject.value], "n2.op": [op]}
        for one in subject.inputs(op):
            chosen = TYPED.get(one.type) or list(one.options)[-1]
            form[f"n2.{one.name}.{one.type}"] = [chosen] * one.count
        shown = preview(client, form, part="count")
        assert re.search(r'id="sentence"[^>]*>(Subscribers|Every subscriber)', shown), (op, shown)
        assert "subscriber" in shown
        again = inputs(preview(client, form, part="rules"))
        for name, typed in form.items():
            if name != "n2.op" or op:
                assert again[name] == typed, (subject.value, op, name)


def sentence_of(rule: dict[str, Any], known: RuleNames) -> str:
    return describe.people(tree.parse(json.loads(rules(rule))), known)


def test_a_group_on_its_own_needs_no_parentheses(app: Flask) -> None:
    with transaction():
        known = names.load()
    texts = [{"kind": "address", "op": "contains", "value": value} for value in ("rossi", "kaya")]
    assert sentence_of({"kind": "any", "rules": texts}, known) == (
        "Subscribers whose email address contains “rossi” or whose email address contains “kaya”."
    )


def test_list_rules_have_a_sentence_for_every_status_and_time(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        known = names.load()
    said = set()
    for op, state, since in product(
        ("is", "is_not"),
        ("subscribed", "pending", "unsubscribed", "any"),
        ("any", "in_last_days", "before_last_days"),
    ):
        rule = {"kind": "list", "list": news.id, "op": op, "state": state, "since": since}
        said.add(sentence_of(rule, known))
    assert len(said) == 24


def test_behaviour_has_a_sentence_for_every_count_and_time(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        campaign = a_campaign(news, name="Spring")
        known = names.load()
    said = set()
    for kind, (count, n), days, chosen in product(
        ("sent", "opened", "clicked", "bounced"),
        (("at_least", 1), ("at_most", 2), ("exactly", 3), ("exactly", 0)),
        (None, 30),
        ([], [campaign.id]),
    ):
        rule = {"kind": kind, "count": count, "n": n, "days": days, "campaigns": chosen}
        more = [{**rule, "link": "https://shop.example/"}] if kind == "clicked" else []
        for one in (rule, *more):
            said.add(sentence_of(one, known))
    assert len(said) == 5 * 4 * 2 * 2
    assert "Subscribers who never opened any campaign." in said


def test_negative_rules_say_that_people_without_a_value_are_included(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_field("City")
        news = a_list("News")
    said = "Includes subscribers without a value."
    rule = {"kind": "field", "key": "city", "op": "is_not", "values": ["Oslo"]}
    assert said in builder(owner_client, rules(rule))
    assert said not in builder(owner_client, rules({**rule, "op": "is"}))
    outside = {"kind": "list", "list": news.id, "op": "is_not"}
    page = builder(owner_client, rules(outside))
    assert "Includes subscribers who were never on the list." in page


BAD = [
    {"kind": "flying_carpet", "x": "<script>"},
    {"kind": "list", "list": 4711},
    {"kind": "tag", "tags": [4711]},
    {"kind": "segment", "segment": 4711},
    {"kind": "name", "op": "contains", "value": "x" * 10_000},
    {"kind": "domain", "values": [f"d{number}.example" for number in range(1_100)]},
    {
        "kind": "all",
        "rules": [{"kind": "any", "rules": [{"kind": "none", "rules": [{"kind": "all"}]}]}],
    },
    {"kind": "added", "op": "on", "values": ["31.05.1980"]},
    "text",
    None,
]


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_rule_that_cannot_be_used_is_shown_with_its_problem_and_removed(
    owner_client: FlaskClient, bad: object
) -> None:
    page = builder(owner_client, rules({"kind": "suppressed"}, bad))
    assert "<script>" not in page
    assert re.search(r'id="n\d+-problem"[^>]*>[A-Z“]', page)
    form = inputs(owner_client.get("/segments/new", query_string={"rules": rules(bad)}).text)
    assert owner_client.post("/segments/new", data={**form, "name": "Bad"}).status_code == 422
    assert db.session.scalars(sa.select(Segment)).all() == []
    removed = preview(owner_client, form, part="rules", do="remove:n2")
    assert "No rules: every subscriber matches." in removed


def test_a_link_with_text_that_no_page_can_show_opens_an_empty_builder(
    owner_client: FlaskClient,
) -> None:
    page = builder(owner_client, rules({"kind": "clicked", "link": "\ud800"}))
    assert "cannot be read" in page


def test_a_link_with_hundreds_of_rules_is_refused_in_words(owner_client: FlaskClient) -> None:
    groups = [{"kind": "any", "rules": [{}] * 149}] * 3
    page = owner_client.get("/segments/new", query_string={"rules": rules(*groups)})
    assert page.status_code == 200


def test_a_rule_about_an_attribute_that_nobody_has_is_a_problem_and_no_error(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        a_subscriber()
        segment = a_segment("Gone", {"kind": "field", "key": "gone", "op": "is", "values": ["x"]})
    path = f"/segments/{segment.public_id}"
    why = owner_client.get(f"{path}/why?who=alice@example.org")
    assert why.status_code == 200
    assert "Complete the rules first." in why.text
    form = inputs(owner_client.get(f"{path}/edit").text)
    for part in ("count", "why", "rules"):
        preview(owner_client, {**form, "who": ["alice@example.org"]}, part=part)
    assert owner_client.post(f"{path}/edit", data=form).status_code == 422


@pytest.mark.parametrize(
    ("type_", "op", "values"),
    [("text", "on", ["2026-01-01"]), ("text", "in_last_days", [5]), ("number", "before", ["x"]),
     ("choice", "anniversary_in_days", ["soon"]), ("date", "is_true", [])],
)  # fmt: skip
def test_a_rule_that_does_not_fit_the_new_type_of_its_field_is_listed_with_the_others(
    owner_client: FlaskClient, type_: str, op: str, values: list[Any]
) -> None:
    with transaction():
        a_field("Start", type_, options=[("", "Red")])
        segment = a_segment("Old", {"kind": "field", "key": "start", "op": op, "values": values})
    for path in ("/segments", f"/segments/{segment.public_id}/edit", "/campaigns/new"):
        assert owner_client.get(path, follow_redirects=True).status_code == 200


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"version": 2}', '{"version": 1}', '{"version": 1, "root": 5}', "[" * 9_000,
     '{"version": 1, "root": ' + '{"kind": "all", "rules": [' * 50 + "]}" * 50 + "}", "x" * 90_000],
)  # fmt: skip
def test_no_rules_in_a_link_break_the_builder(owner_client: FlaskClient, text: str) -> None:
    page = owner_client.get("/segments/new", query_string={"rules": text})
    assert page.status_code == 200
    assert "Add rule" in page.text
    assert (
        "cannot be read" in page.text or "newer version" in page.text or "nested to 4" in page.text
    )


def test_two_people_who_edit_one_segment_lose_nothing(owner_client: FlaskClient) -> None:
    with transaction():
        segment = a_segment("Friends", {"kind": "suppressed"})
    path = f"/segments/{segment.public_id}/edit"
    mine = inputs(owner_client.get(path).text)
    owner_client.post(path, data={**mine, "name": "Theirs"})
    answer = owner_client.post(path, data={**mine, "name": "Mine", "n2.op": "is_not"})
    assert answer.status_code == 409
    assert "Someone else changed this segment first" in answer.text
    assert f'href="{path}"' in answer.text
    assert inputs(answer.text)["name"] == ["Mine"]
    assert inputs(answer.text)["n2.op"] == ["is_not"]
    assert db.session.scalars(sa.select(Segment.name)).one() == "Theirs"


@pytest.mark.parametrize("name", ["", "x" * 101, "friends"])
def test_a_bad_name_keeps_the_rules(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        a_segment("Friends")
    form = inputs(
        owner_client.get(
            "/segments/new", query_string={"rules": rules({"kind": "suppressed"})}
        ).text
    )
    answer = owner_client.post("/segments/new", data={**form, "name": name})
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.text
    assert inputs(answer.text)["n2.what"] == ["suppressed"]


def test_a_segment_that_leads_back_to_itself_is_refused(owner_client: FlaskClient) -> None:
    with transaction():
        first = a_segment("First", {"kind": "suppressed"})
        a_segment("Second", {"kind": "segment", "segment": first.id})
        third = a_segment("Third", {"kind": "segment", "segment": first.id + 1})
    path = f"/segments/{first.public_id}/edit"
    form = inputs(owner_client.get(path).text)
    form |= {"n2.what": ["segment"], "n2.op": ["in"], "n2.segment.select": [str(third.id)]}
    answer = preview(owner_client, form, part="count")
    assert "First → Third → Second → First" in html.unescape(answer)
    assert owner_client.post(path, data=form).status_code == 422


def test_stored_segments_in_a_cycle_are_shown_and_not_counted(owner_client: FlaskClient) -> None:
    with transaction():
        first = a_segment("First", {"kind": "suppressed"})
        second = a_segment("Second", {"kind": "segment", "segment": first.id})
        looped = {"kind": "all", "rules": [{"kind": "segment", "op": "in", "segment": second.id}]}
        first.rules = {"version": 1, "root": looped}
    for path in ("edit", "size", "why?who=a@example.org", "delete"):
        assert owner_client.get(f"/segments/{first.public_id}/{path}").status_code == 200
    assert "Cannot be used" in owner_client.get(f"/segments/{first.public_id}/size").text
    assert owner_client.get("/segments").status_code == 200


def test_rules_are_moved_nested_and_removed(owner_client: FlaskClient) -> None:
    form = inputs(
        owner_client.get(
            "/segments/new",
            query_string={"rules": rules({"kind": "suppressed"}, {"kind": "opened"})},
        ).text
    )
    moved = preview(owner_client, form, part="rules", do="down:n2")
    assert inputs(moved)["node"] == ["n3/n1", "n2/n1"]
    assert 'data-focus="n2"' in moved
    assert "Moved down." in moved
    nested = preview(owner_client, inputs(moved), part="rules", do="add_group:n1")
    assert inputs(nested)["node"] == ["n3/n1", "n2/n1", "n5/n1", "n4/n5"]
    assert inputs(nested)["n5.join"] == ["any"]
    deepest = inputs(nested)
    for group, inner in (("n5", "n7"), ("n7", "n9")):
        deepest = inputs(preview(owner_client, deepest, part="rules", do=f"add_group:{group}"))
        assert f"{inner}.join" in deepest
    refused = inputs(preview(owner_client, deepest, part="rules", do="add_group:n9"))
    assert sum(name.endswith(".join") for name in refused) == 4
    removed = preview(owner_client, refused, part="rules", do="remove:n5")
    assert inputs(removed)["node"] == ["n3/n1", "n2/n1"]
    assert 'data-focus="n2"' in removed


def test_why_shows_each_rule_with_the_value_that_decided(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        alice = a_subscriber("alice@example.org", news, attributes={"city": "Oslo"})
        bob = a_subscriber("bob@example.org")
        a_field("City")
        tag = Tag(name="VIP", name_normal="vip")
        db.session.add(tag)
        db.session.flush()
        db.session.add(SubscriberTag(subscriber_id=bob.id, tag_id=tag.id))
        segment = a_segment(
            "Friends",
            {"kind": "list", "list": news.id},
            {"kind": "any", "rules": [
                {"kind": "field", "key": "city", "op": "is", "values": ["Oslo"]},
                {"kind": "tag", "tags": [tag.id]},
            ]},
        )  # fmt: skip
    path = f"/segments/{segment.public_id}/why"
    page = owner_client.get(path, query_string={"subscriber": alice.public_id}).text
    assert "alice@example.org is in this segment." in page
    assert "Subscribed since" in page
    assert "Oslo" in page
    assert "No tags" in page
    page = owner_client.get(path, query_string={"who": "BOB@example.org"}).text
    assert "bob@example.org is not in this segment." in page
    assert "Never on this list" in page
    assert "No value" in page
    assert "no subscriber" in owner_client.get(path, query_string={"who": "x@example.org"}).text
    assert "not a valid" in owner_client.get(path, query_string={"who": "nonsense"}).text
    assert "Enter an email address." in owner_client.get(path, query_string={"who": ""}).text
    assert owner_client.get(path, query_string={"subscriber": "nobody"}).status_code == 404


def test_a_thousand_segments_are_paged_and_found(owner_client: FlaskClient) -> None:
    with transaction():
        stored = {"version": 1, "root": {"kind": "all", "rules": []}}
        db.session.add_all([Segment(name=f"S {n:04}", rules=stored) for n in range(1_000)])
    with counted() as statements:
        page = owner_client.get("/segments").text
    assert len(statements) < 20
    assert "S 0049" in page
    assert "S 0050" not in page
    after = re.search(r'href="(/segments\?after=[^"]*)"', page)
    assert after is not None
    assert "S 0050" in owner_client.get(html.unescape(after[1])).text
    found = owner_client.get("/segments?q=0777").text
    assert "S 0777" in found
    assert "S 0776" not in found


def test_the_builder_ignores_what_no_form_sends(owner_client: FlaskClient) -> None:
    form = {
        "node": ["n2/n1", "n2/n1", "n3/n9", "n1/n2", "nx/n1", "n4/n4", "/",
                 "n" + "9" * 5_000 + "/n1"],
        "n2.what": ["list"], "n2.list.select": ["1; DROP TABLE list"], "n2.op": ["fly"],
        "n1.join": ["some"], "part": ["rules"], "do": ["explode:n1"],
    }  # fmt: skip
    page = owner_client.post("/segments/preview", data=form)
    assert page.status_code == 200
    assert inputs(page.text)["node"] == ["n2/n1"]
    counted = owner_client.post("/segments/preview", data={**form, "part": "count"})
    assert "Choose it again" in counted.text


def test_an_estimate_shows_its_margin_and_refines_itself(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "RANGE_SIZE", 1)
    monkeypatch.setattr(views, "COUNT_SECONDS", {"": 0.0, "1": 60.0})
    with transaction():
        for number in range(60):
            a_subscriber(f"s{number}@example.org")
    link = {"rules": rules({"kind": "opened", "count": "exactly", "n": 0})}
    form = inputs(owner_client.get("/segments/new", query_string=link).text)
    first = preview(owner_client, form, part="count")
    assert re.search(r"About \d+ subscribers \(± \d+\)", first)
    assert "&#34;round&#34;: &#34;1&#34;" in first
    second = preview(owner_client, form, part="count", round="1")
    assert ">60 subscribers<" in second
    assert "&#34;round&#34;" not in second
