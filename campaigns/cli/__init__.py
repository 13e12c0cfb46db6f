"""The command line. One module per group; each imports what it needs when it is called."""

from campaigns.cli.group import cli


def main() -> None:
    """The entry point `campaigns`."""
    cli(prog_name="campaigns")


__all__ = ["main"]
