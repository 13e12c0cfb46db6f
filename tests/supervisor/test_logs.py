"""What is logged, and what is not."""

import logging
from pathlib import Path

import pytest
import structlog

from campaigns.accounts import setup
from campaigns.supervisor.logs import configure_logging
from campaigns.tokens import DeliveryRef, Signer, click_path, open_token
from tests.conftest import SECRET_KEY, settings_for_tests

SIGNER = Signer([SECRET_KEY])
TOKEN = SIGNER.sign("unsubscribe", DeliveryRef(1, 2, 3).pack())
PATHS = (
    f"/u/{TOKEN}",
    f"/v/{TOKEN}/",
    f"/confirm/{TOKEN}",
    f"/reset/{TOKEN}",
    f"/o/{open_token(SIGNER, 7)}.gif",
    f"/c/{click_path(SIGNER, 7, 1, 'https://shop.example/a')}",
)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("path", PATHS)
def test_the_tokens_of_personal_links_are_not_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, path: str
) -> None:
    configure_logging(settings_for_tests(tmp_path, log_format=form))
    structlog.get_logger().error("shown to a user", path=path)
    logging.getLogger("campaigns").error("Exception on %s [POST]", path)
    reported = capsys.readouterr().err
    kind = path.split("/")[1]
    assert reported.count(f"/{kind}/...") == 2
    assert path.split("/")[2][:20] not in reported


def test_other_paths_and_the_setup_link_are_logged_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(settings_for_tests(tmp_path))
    link = f"https://news.example.org/welcome?token={setup.token(SIGNER)}"
    structlog.get_logger().warning("shown", path="/campaigns/abcdefghijklmnop/report", link=link)
    reported = capsys.readouterr().err
    assert "/campaigns/abcdefghijklmnop/report" in reported
    assert link in reported
