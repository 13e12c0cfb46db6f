"""`campaigns demo-data`."""

import click

from campaigns.config import load_settings


@click.command("demo-data")
def demo_data_command() -> None:
    """Fill the database with a sample organization.

    Works on an empty database only, which can send to nothing but the built-in mailbox from
    then on. `campaigns up --demo` does it automatically.
    """
    from campaigns import migrate
    from campaigns.cli.demo import ensure_demo

    settings = load_settings()
    migrate.upgrade(settings)
    for line in ensure_demo(settings):
        click.echo(line)
