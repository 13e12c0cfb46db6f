"""The login of a stored account, its secrets in the clear."""

from functools import partial

from campaigns.providers.models import ProviderAccount
from campaigns.providers.smtp import oauth
from campaigns.providers.smtp.login import SmtpLogin
from campaigns.providers.smtp.oauth import Grant
from campaigns.secrets import Vault


def login_of(account: ProviderAccount, vault: Vault) -> SmtpLogin:
    """How this account logs in. Raises SecretUnreadableError."""
    grant = grant_of(account, vault)
    return make_login(
        account.host,
        account.port,
        account.security,
        account.username,
        password="" if grant else _clear(account.password, vault),
        grant=grant,
        certificate=account.client_certificate + _clear(account.client_key, vault),
    )


def grant_of(account: ProviderAccount, vault: Vault) -> Grant | None:
    """What its access tokens are given for; None where it logs in by a password, or not at all."""
    if account.auth != "oauth2" or not account.username:
        return None
    return Grant(
        account.token_url,
        account.client_id,
        _clear(account.client_secret, vault),
        _clear(account.refresh_token, vault),
        account.token_scope,
    )


def make_login(
    host: str,
    port: int,
    security: str,
    username: str,
    *,
    password: str = "",
    grant: Grant | None = None,
    certificate: str = "",
) -> SmtpLogin:
    return SmtpLogin(
        host,
        port,
        security,
        username,
        password,
        token=partial(oauth.access_token, grant) if grant else None,
        refuse_token=partial(oauth.refuse, grant) if grant else None,
        certificate=certificate,
    )


def _clear(stored: str, vault: Vault) -> str:
    return vault.decrypt(stored) if stored else ""
