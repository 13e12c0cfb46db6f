"""Secrets at rest."""

import pytest

from campaigns.secrets import SecretUnreadableError, Vault
from tests.english import in_english

OLD, NEW = "old-key-that-is-long-enough-for-this", "new-key-that-is-long-enough-for-this"


@pytest.mark.parametrize("text", ["s3cret", "", "päss wörd 🔑", "x" * 10_000])
def test_a_secret_can_be_decrypted(text: str) -> None:
    vault = Vault([NEW])
    assert vault.decrypt(vault.encrypt(text)) == text


def test_the_stored_form_reveals_nothing_and_is_never_the_same() -> None:
    vault = Vault([NEW])
    first, second = vault.encrypt("s3cret"), vault.encrypt("s3cret")
    assert "s3cret" not in first
    assert first != second


def test_a_rotated_key_still_reads_what_the_old_one_wrote() -> None:
    stored = Vault([OLD]).encrypt("s3cret")
    assert Vault([NEW, OLD]).decrypt(stored) == "s3cret"


def test_new_secrets_are_written_with_the_new_key() -> None:
    stored = Vault([NEW, OLD]).encrypt("s3cret")
    assert Vault([NEW]).decrypt(stored) == "s3cret"
    with pytest.raises(SecretUnreadableError):
        Vault([OLD]).decrypt(stored)


def test_the_error_of_a_lost_key_says_what_to_do() -> None:
    with pytest.raises(SecretUnreadableError) as caught:
        Vault([NEW]).decrypt(Vault([OLD]).encrypt("s3cret"))
    assert "SECRET_KEY_FALLBACKS" in in_english(caught.value)


@pytest.mark.parametrize("position", [0, 12, 40, -2])
def test_a_modified_secret_is_refused(position: int) -> None:
    vault = Vault([NEW])
    stored = vault.encrypt("s3cret")
    changed = bytearray(stored.encode())
    changed[position] = ord("A") if changed[position] != ord("A") else ord("B")
    with pytest.raises(SecretUnreadableError):
        vault.decrypt(changed.decode())


@pytest.mark.parametrize("stored", ["", "plain text", "gAAAAA"])
def test_plain_text_is_refused(stored: str) -> None:
    with pytest.raises(SecretUnreadableError):
        Vault([NEW]).decrypt(stored)
