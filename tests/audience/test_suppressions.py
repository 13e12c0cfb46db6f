"""Suppressing addresses, and lifting a suppression."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from campaigns.audience import suppressions
from campaigns.db import transaction

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_an_address_is_suppressed_once_and_keeps_the_first_reason(app: Flask) -> None:
    with transaction():
        assert suppressions.suppress("a@example.org", reason="complaint", source="x", now=NOW)
        assert not suppressions.suppress("a@example.org", reason="manual", source="y", now=NOW)
    assert suppressions.is_suppressed("a@example.org")
    assert not suppressions.is_suppressed("b@example.org")
    found = suppressions.find("a@example.org")
    assert found is not None
    assert (found.reason, found.source, found.created_at) == ("complaint", "x", NOW)


def test_suppressing_many_counts_the_new_ones(app: Flask) -> None:
    normals = [f"a{number}@example.org" for number in range(2_500)]
    with transaction():
        suppressions.suppress(normals[0], reason="manual", source="x", now=NOW)
        added = suppressions.suppress_many(normals, reason="manual", source="x", now=NOW)
    assert added == 2_499
    assert suppressions.is_suppressed("a7@example.org")
    assert not suppressions.is_suppressed("b@example.org")


def test_a_suppression_is_lifted_once(app: Flask) -> None:
    with transaction():
        suppressions.suppress("a@example.org", reason="manual", source="x", now=NOW)
        assert suppressions.lift("a@example.org", by="o@example.org", now=NOW)
        assert not suppressions.lift("a@example.org", by="o@example.org", now=NOW)
    assert not suppressions.is_suppressed("a@example.org")


def test_an_unknown_reason_is_refused(app: Flask) -> None:
    with pytest.raises(ValueError, match="unknown reason"), transaction():
        suppressions.suppress("a@example.org", reason="whim", source="x", now=NOW)
