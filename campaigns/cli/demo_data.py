"""`campaigns demo-data`."""

import click

from campaigns.config import load_settings


@click.command("demo-data")
def demo_data_command() -> None:
    """Fill the database with a sample organization.

    Needs an empty database, which can then only send to the built-in mailbox. `campaigns up --demo`
    does this automatically.
    """
    from campaigns import migrate
    from campaigns.cli.demo import ensure_demo

    settings = load_settings()
    migrate.upgrade(settings)
    for line in ensure_demo(settings):
        click.echo(line)
