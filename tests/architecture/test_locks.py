"""Deliveries are locked in the order of ids, so that no two transactions deadlock."""

import ast

from tests.architecture.source import nodes

UPDATES = ("sa.update(Delivery)", "sa.update(_delivery)", "Delivery.__table__")
LOCKED_BEFORE = {
    "delivery/domain_waits.py:postpone": "the claim, in the same transaction",
    "delivery/claims.py:skip": "the recorder and the claim lock them",
    "delivery/outcomes.py:release": "`lock`",
    "delivery/outcomes.py:_write_sent": "`lock`",
    "delivery/outcomes.py:_write_others": "`lock`",
    "events/record.py:_stamping": "`_lock_deliveries` and `consequences._lock`",
}
OTHERS = {
    "delivery/claims.py:_take": "skips what is locked, so it never waits",
    "self_service/unsubscribe.py:resubscribe": "changes one, locked before the subscriptions",
}


def functions() -> dict[str, str]:
    """The functions that update deliveries, with their source."""
    texts = {
        f"{module}:{node.name}": ast.unparse(node) for module, node in nodes()[ast.FunctionDef]
    }
    return {name: text for name, text in texts.items() if any(words in text for words in UPDATES)}


def test_what_updates_deliveries_locks_them_in_the_order_of_ids() -> None:
    without = {name for name, text in functions().items() if "in_order(" not in text}
    assert without == LOCKED_BEFORE.keys() | OTHERS.keys()


def test_there_is_something_to_check() -> None:
    assert len(functions()) > len(LOCKED_BEFORE) + len(OTHERS)
