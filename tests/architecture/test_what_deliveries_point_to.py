"""Deliveries have no foreign keys, so rows that they refer to are deleted in these places only."""

import ast

from campaigns.campaign.models import Delivery
from tests.architecture.source import dotted, modules

DELETED_IN = {
    ("campaign/drafts.py", "Campaign"),  # drafts have no deliveries
    ("audience/subscribers.py", "Subscriber"),  # for privacy.erasure only, see below
}
WRITTEN_IN = {"delivery/expand.py", "cli/demo/build.py", "cli/benchmarks/segments.py"}


def _statements(*kinds: str) -> set[tuple[str, str]]:
    """The module and table of every such statement: `sa.delete(Campaign)`."""
    return {
        (module, dotted(node.args[0]))
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in kinds and node.args
    }


def test_deliveries_have_no_foreign_keys() -> None:
    assert not Delivery.__table__.foreign_keys


def test_rows_that_deliveries_refer_to_are_deleted_in_known_places() -> None:
    parents = {"Campaign", "Subscriber", "Reply"}
    deleted = {entry for entry in _statements("sa.delete") if entry[1] in parents}
    assert deleted == DELETED_IN


def test_subscribers_are_deleted_by_erasure_only() -> None:
    callers = {
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "subscribers.delete"
    }
    assert callers == {"privacy/erasure.py"}


def test_deliveries_are_inserted_where_campaign_and_subscribers_are_locked() -> None:
    inserts = _statements("sa.insert", "insert_ignoring", "upsert")
    assert {module for module, table in inserts if table == "Delivery"} == WRITTEN_IN
