"""The command line: one module per group. Commands import what they need when called."""

from campaigns.cli.group import cli
from campaigns.permissions import make_private


def main() -> None:
    """The entry point `campaigns`."""
    make_private()
    cli(prog_name="campaigns")


__all__ = ["main"]
