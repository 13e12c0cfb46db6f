"""Templates: lines that can be read, and components in place of copies."""

from pathlib import Path

from tests.architecture.source import ROOT

TEMPLATES = ROOT / "templates"
MAX_LINE = 120

# Emails are laid out for mail programs, not for readers of their source.
OWN = sorted(
    path
    for folder in ("web", "public", "components")
    for path in (TEMPLATES / folder).rglob("*.html")
)

NOT_YET = {
    "web/calendar/_parts.html",
    "web/calendar/list.html",
    "web/calendar/month.html",
    "web/calendar/rule.html",
    "web/calendar/series.html",
    "web/campaigns/_audience.html",
    "web/campaigns/_canary.html",
    "web/campaigns/_dialogs.html",
    "web/campaigns/_overflow.html",
    "web/campaigns/_overflow_select.html",
    "web/campaigns/_pace.html",
    "web/campaigns/_preview.html",
    "web/campaigns/_preview_head.html",
    "web/campaigns/_problems.html",
    "web/campaigns/_readers.html",
    "web/campaigns/_scheduled.html",
    "web/campaigns/_test_result.html",
    "web/campaigns/_when.html",
    "web/campaigns/edit.html",
    "web/campaigns/index.html",
    "web/campaigns/locked.html",
    "web/campaigns/new.html",
    "web/campaigns/preview_problem.html",
    "web/campaigns/preview_text.html",
    "web/campaigns/review.html",
    "web/campaigns/time.html",
    "web/dev/components.html",
    "web/home/_restored.html",
    "web/home/_under_way.html",
    "web/home/home.html",
    "web/mailbox/index.html",
    "web/mailbox/letter.html",
    "web/mailbox/list.html",
    "web/reports/_audience.html",
    "web/reports/_canary.html",
    "web/reports/_chart.html",
    "web/reports/_floods.html",
    "web/reports/_groups.html",
    "web/reports/_links.html",
    "web/reports/_live.html",
    "web/reports/_press.html",
    "web/reports/_reason_link.html",
    "web/reports/_reasons.html",
    "web/reports/_resend.html",
    "web/reports/_tiles.html",
    "web/reports/_way.html",
    "web/reports/campaign.html",
    "web/reports/ledger.html",
    "web/reports/resend.html",
}
"""Templates with longer lines that are still to be converted. Remove names; add none."""


def has_long_lines(path: Path) -> bool:
    return any(len(line) > MAX_LINE for line in path.read_text("utf-8").splitlines())


def test_lines_of_templates_are_at_most_120_characters_long() -> None:
    found = {str(path.relative_to(TEMPLATES)) for path in OWN if has_long_lines(path)}
    assert found - NOT_YET == set()


def test_templates_that_were_converted_are_off_the_list() -> None:
    """The list must shrink to nothing."""
    found = {str(path.relative_to(TEMPLATES)) for path in OWN if has_long_lines(path)}
    assert NOT_YET - found == set()
