"""Commands that run until they are stopped."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import structlog

from campaigns import garbage_collection
from campaigns.config import Settings, load_settings
from campaigns.permissions import close_to_others

DEMO_DATA_DIR = Path(".data/demo")


@click.command("up")
@click.option("--demo", is_flag=True, help="Use a sample organization and the built-in mailbox.")
@click.option(
    "--postgres",
    "with_postgres",
    is_flag=True,
    help="Start a PostgreSQL server and use it instead of SQLite (needs the `postgres` extra).",
)
def up_command(demo: bool, with_postgres: bool) -> None:
    """Run everything on this machine until Ctrl-C.

    Starts Valkey (unless REDIS_URL names a server), updates the database schema, and runs the
    web server, the workers and the clock. Restarts whatever stops.

    All data is in DATA_DIR; --demo uses .data/demo unless DATA_DIR is set.
    """
    from campaigns.supervisor.preflight import CannotStartError
    from campaigns.supervisor.up import up

    settings = load_settings()
    if demo and "data_dir" not in settings.model_fields_set:
        settings = load_settings(data_dir=DEMO_DATA_DIR)
    if with_postgres and settings.database_url:
        raise click.UsageError("Use either --postgres or DATABASE_URL, not both.")
    try:
        up(
            settings,
            demo=demo,
            with_postgres=with_postgres,
            prepare=_fill_demo if demo else None,
        )
    except CannotStartError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


def _fill_demo(settings: Settings) -> Sequence[str]:
    from campaigns.cli.demo import ensure_demo

    return ensure_demo(settings)


@click.command("web")
def web_command() -> None:
    """Run the web server only.

    Listens on HOST and PORT with WEB_THREADS threads. On SIGTERM, finishes open requests first.
    """
    from campaigns.supervisor.web import serve

    serve(_settings_with_logs())


@click.command("worker")
@click.option(
    "--lane",
    "lanes",
    multiple=True,
    type=click.Choice(["transactional", "send", "background"]),
    help="Serve only this lane, in one process. Can be repeated, most urgent first.",
)
def worker_command(lanes: tuple[str, ...]) -> None:
    """Run the background jobs: sending, imports, events.

    Without --lane: one process for transactional email and background work, and SEND_WORKERS
    processes that send campaigns; restarts those that stop. On SIGTERM, finishes the current
    slice of work (about a second) first.
    """
    settings = _settings_with_logs()
    if lanes:
        with garbage_collection.loading():
            from campaigns.core import create_core
            from campaigns.jobs.worker import run_worker

            app = create_core(settings)
        run_worker(app, lanes)
        return
    from campaigns.supervisor.workers import run_workers

    run_workers(settings)


@click.command("clock")
def clock_command() -> None:
    """Run scheduled work: campaigns, retries, cleanup.

    Only one clock works at a time; the others wait to take over.
    """
    settings = _settings_with_logs()
    with garbage_collection.loading():
        from campaigns.core import create_core
        from campaigns.jobs.clock import run_clock

        app = create_core(settings)
    run_clock(app)


@click.command("intake")
@click.option("--pipe", is_flag=True, help="Read one email from standard input, then exit.")
@click.option("--to", "recipient", default="", help="With --pipe: the address it was delivered to.")
@click.option("--from", "sender", help="With --pipe: its return path, which may be empty.")
def intake_command(pipe: bool, recipient: str, sender: str | None) -> None:
    """Receive returned email: bounces, complaints, unsubscribe requests.

    Reads the mailboxes set up for provider accounts, and listens at INTAKE_LMTP and INTAKE_SMTP.
    With --pipe, a mail server can pipe each email to it: the exit status is 75 if the email cannot
    be stored now, so that the server tries again.
    """
    settings = _settings_with_logs()
    with garbage_collection.loading():
        from campaigns.core import create_core
        from campaigns.intake.pipe import take_in

        app = create_core(settings)
    if pipe:
        sys.exit(take_in(app, sys.stdin.buffer, recipient=recipient, sender=sender))
    from campaigns.intake.service import run_intake

    run_intake(app)


@click.command("mailbox")
def mailbox_command() -> None:
    """Run the built-in mailbox, which captures email.

    It accepts every email sent to 127.0.0.1, port MAILBOX_PORT, shows it in the browser at
    /mailbox, and never forwards any.
    """
    settings = _settings_with_logs()
    if not settings.mailbox_port:
        raise click.UsageError("Set MAILBOX_PORT to the port that the mailbox should listen on.")
    from campaigns.mailbox.schema import MailboxError
    from campaigns.mailbox.server import serve
    from campaigns.wording import Words

    try:
        serve("127.0.0.1", settings.mailbox_port, settings.mailbox_path)
    except MailboxError as error:
        click.echo(Words().of(error.reason), err=True)
        sys.exit(1)


def _settings_with_logs() -> Settings:
    from campaigns.supervisor.logs import configure_logging

    settings = load_settings()
    configure_logging(settings)
    closed = close_to_others(settings.data_dir, *settings.database_files)
    if closed.closed or closed.open:
        structlog.get_logger().warning("data directory", found=closed.words())
    _ = settings.keys  # read now, so that an unusable data directory gives a clear error
    return settings
