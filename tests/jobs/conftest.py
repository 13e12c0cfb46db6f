"""Jobs in less time: most of these tests wait for slices to end and for outcomes to be recorded."""

import pytest

from campaigns.engine import provider_pool, recorder, serve


@pytest.fixture(autouse=True)
def _quick_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "SLICE_SECONDS", 0.15)
    monkeypatch.setattr(recorder, "RECORD_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(provider_pool, "SHARE_INTERVAL_SECONDS", 0.1)
    monkeypatch.setattr(serve, "SHARE_INTERVAL_SECONDS", 0.1)
