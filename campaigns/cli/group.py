"""The group of all commands, each loaded on demand: `campaigns -h` must be fast."""

from importlib import import_module

import click

from campaigns.config import SettingsError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("campaigns.cli.run", "Run everything on this machine until Ctrl-C."),
    "web": ("campaigns.cli.run", "Run the web server only."),
    "worker": ("campaigns.cli.run", "Run the background jobs: sending, imports, events."),
    "clock": ("campaigns.cli.run", "Run scheduled work: campaigns, retries, cleanup."),
    "intake": ("campaigns.cli.run", "Receive returned email: bounces, complaints."),
    "mailbox": ("campaigns.cli.run", "Run the built-in mailbox, which captures email."),
    "migrate": ("campaigns.cli.database", "Update the database schema."),
    "migration": ("campaigns.cli.database", "Write a new migration (for developers)."),
    "create-admin": ("campaigns.cli.people", "Create an account to log in with."),
    "reset-password": ("campaigns.cli.people", "Set a new password for an account."),
    "import": ("campaigns.cli.importing", "Import subscribers from a CSV file into a list."),
    "restore-suppressions": (
        "campaigns.cli.importing",
        "Restore an export of the suppression list.",
    ),
    "doctor": ("campaigns.cli.doctor", "Check the installation and say what to fix."),
    "demo-data": ("campaigns.cli.demo_data", "Fill the database with a sample organization."),
    "classify-bounce": ("campaigns.cli.bounces", "Classify returned emails, as JSON."),
    "bench": ("campaigns.cli.bench", "Measure how fast this machine sends."),
}
"""Each command's module, and its line in the overview."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is called, and explains errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_") + "_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; errors that users can fix become a line without a traceback."""
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.echo(str(error), err=True)
            ctx.exit(2)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from the environment or from a file .env; the README lists them.",
)
@click.version_option(package_name="campaigns", message="Campaigns %(version)s")
def cli() -> None:
    """Campaigns: newsletters and campaigns in which every recipient is accounted for."""
