"""Commands about user accounts."""

import sys

import click

_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (for scripts)."
)


@click.command("create-admin")
@click.option("--address", help="Email address to log in with; you are asked if it is missing.")
@click.option("--name", default="", help="The person's name.")
@_STDIN
def create_admin_command(address: str | None, name: str, password_stdin: bool) -> None:
    """Create an account to log in with.

    The first account can also be created in a browser: `campaigns doctor` shows the link with the
    setup token.
    """
    from campaigns.accounts import users
    from campaigns.addresses import InvalidAddressError
    from campaigns.cli.app_context import ready_app
    from campaigns.clock import utcnow
    from campaigns.db import transaction
    from campaigns.wording import Words

    with ready_app():
        address = address or click.prompt("Email address")
        password = _new_password(password_stdin)
        try:
            with transaction():
                user = users.create_user(address, password, name=name, now=utcnow())
        except (users.AccountError, InvalidAddressError) as error:
            raise click.ClickException(Words().of(error.reason)) from None
        click.echo(f"Account created: {user.address} can log in now.")


@click.command("reset-password")
@click.argument("address")
@_STDIN
def reset_password_command(address: str, password_stdin: bool) -> None:
    """Set a new password for the account ADDRESS, and log it out everywhere."""
    from campaigns.accounts import users
    from campaigns.cli.app_context import ready_app
    from campaigns.clock import utcnow
    from campaigns.db import transaction
    from campaigns.transactional import account_mail
    from campaigns.wording import Words

    with ready_app():
        if users.find_user(address) is None:
            raise click.ClickException(
                f"There is no account {address}. Create one: campaigns create-admin"
            )
        password = _new_password(password_stdin)
        try:
            with transaction():
                user = users.find_user(address)
                if user is None:
                    raise click.ClickException(f"The account {address} has just been deleted.")
                users.set_password(user, password)
                account_mail.password_changed(user.address, now=utcnow())
        except users.AccountError as error:
            raise click.ClickException(Words().of(error.reason)) from None
        click.echo("Password changed. The account was logged out everywhere.")


def _new_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(
        click.prompt("New password", hide_input=True, confirmation_prompt="Repeat the password")
    )
