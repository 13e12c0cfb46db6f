"""`campaigns demo-data`."""

import click

from campaigns.config import load_settings


@click.command("demo-data")
def demo_data_command() -> None:
    """Fill the database with a made-up organisation.

    Only an empty database is filled, and it can send to nothing but the built-in mailbox from
    then on. `campaigns up --demo` does it by itself.
    """
    from campaigns import migrate
    from campaigns.cli.demo import ensure_demo

    settings = load_settings()
    migrate.upgrade(settings)
    for line in ensure_demo(settings):
        click.echo(line)
