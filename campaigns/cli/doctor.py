"""`campaigns doctor`."""

import sys

import click

_MARKS = {
    "ok": ("ok     ", "green"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "red"),
}


@click.command("doctor")
@click.option("--no-smtp", is_flag=True, help="Do not connect to the mail servers.")
def doctor_command(no_smtp: bool) -> None:
    """Check the installation and say what to fix.

    Changes nothing except the permissions of files that others on this machine can read. The exit
    status is 1 if there is a problem, else 0; warnings do not count. Run it with the same settings
    as everything else (DATA_DIR, DATABASE_URL, ...).
    """
    from campaigns.cli.app_context import current_settings
    from campaigns.cli.checks import check_all

    settings = current_settings()
    click.echo(_line("ok", "Settings", "all valid"))
    counts = {"ok": 0, "warning": 0, "problem": 0}
    for finding in check_all(settings, ask_mail_servers=not no_smtp):
        counts[finding.level] += 1
        click.echo(_line(finding.level, finding.what, finding.text))
        if finding.advice:
            click.echo(f"{'':11}{finding.advice}")
    warnings, problems = counts["warning"], counts["problem"]
    click.echo(f"\n{problems} problem{_s(problems)}, {warnings} warning{_s(warnings)}.")
    sys.exit(1 if problems else 0)


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _line(level: str, what: str, text: str) -> str:
    mark, colour = _MARKS[level]
    return f"{click.style(mark, fg=colour, bold=True)}    {what}: {text}"
