"""Deliveries have no foreign keys: what they point to goes in these places only."""

import ast

from campaigns.campaign.models import Delivery
from tests.architecture.source import dotted, modules

DELETED_IN = {
    ("campaign/drafts.py", "Campaign"),  # drafts without deliveries
    ("audience/subscribers.py", "Subscriber"),  # for privacy.erasure alone, see below
}
WRITTEN_IN = {"delivery/expand.py", "cli/demo/build.py"}


def _statements(*kinds: str) -> set[tuple[str, str]]:
    """(module, table) of every such statement: `sa.delete(Campaign)`."""
    return {
        (module, dotted(node.args[0]))
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) in kinds and node.args
    }


def test_there_are_none() -> None:
    assert not Delivery.__table__.foreign_keys


def test_what_they_point_to_is_deleted_where_somebody_sees_to_them() -> None:
    parents = {"Campaign", "Subscriber", "Reply"}
    deleted = {entry for entry in _statements("sa.delete") if entry[1] in parents}
    assert deleted == DELETED_IN


def test_people_are_deleted_by_their_erasure_only() -> None:
    callers = {
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func) == "subscribers.delete"
    }
    assert callers == {"privacy/erasure.py"}


def test_deliveries_are_written_where_their_campaign_and_people_are_held() -> None:
    inserts = _statements("sa.insert", "insert_ignoring", "upsert")
    assert {module for module, table in inserts if table == "Delivery"} == WRITTEN_IN
