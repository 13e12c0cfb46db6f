"""Settings: each variable with its default and description. All errors are reported together."""

import contextlib
import hashlib
import os
import re
import secrets
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

KEY_TRIES = 20
_HOST_NAME = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class SettingsError(ValueError):
    """One or more settings are wrong. `problems` maps the name of each variable to its problem."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        lines = [f"  {name}: {problem}" for name, problem in problems.items()]
        super().__init__("These settings need attention:\n" + "\n".join(lines))


class Settings(BaseSettings):
    """Read from the environment, or from a file `.env` in the working directory."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        Path(".data"), description="Folder for the database, journals, uploads and keys."
    )
    host: str = Field("127.0.0.1", description="Address that the web server listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port that the web server listens on.")
    public_url: str = Field(
        "", description="Address at which recipients reach this installation; used in every email."
    )
    database_url: str = Field(
        "", description="PostgreSQL (>= 15) or SQLite; empty: a SQLite file in DATA_DIR."
    )
    redis_url: str = Field(
        "", description="Redis or Valkey; empty: the embedded one that `campaigns up` starts."
    )
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs links and encrypts secrets; empty: created in DATA_DIR."
    )
    secret_key_fallbacks: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Previous secret keys, comma-separated: their links and secrets still work."
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=5,
        description="Number of reverse proxies in front that set X-Forwarded-* headers.",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="More host names of this installation, comma-separated;"
        " PUBLIC_URL, HOST and loopback names are always accepted.",
    )
    web_threads: int = Field(
        8, ge=1, le=64, description="Requests that the web server handles at the same time."
    )
    send_workers: int = Field(
        0,
        ge=0,
        le=32,
        description="Processes that send campaigns; 0: one per processor, at most 4.",
    )
    lease_seconds: int = Field(
        90,
        ge=4,
        le=3600,
        description="Seconds without a heartbeat before another worker takes over.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="How much is logged."
    )
    log_format: Literal["text", "json"] = Field("text", description="Format of the log lines.")
    mailbox_port: int = Field(
        0, ge=0, le=65535, description="SMTP port of the built-in mailbox; 0: no mailbox."
    )
    intake_lmtp: str = Field(
        "",
        description="Address at which `campaigns intake` takes returned emails from a mail server"
        " over LMTP, such as 127.0.0.1:2424; empty: it does not listen.",
    )
    intake_smtp: str = Field(
        "", description="The same over SMTP, for mail servers that cannot speak LMTP."
    )
    resolve_mx: bool = Field(
        True, description="Look up in DNS (MX) which mailbox provider serves each recipient domain."
    )

    retry_hours: float = Field(
        48, gt=0, le=168, description="Hours for which a delivery that a server defers is retried."
    )
    flood_refusals: int = Field(
        20,
        ge=1,
        description="Refusals by one mailbox provider within 10 minutes that put it on hold.",
    )
    flood_percent: int = Field(
        25,
        ge=1,
        le=100,
        description="Percentage of its recent results that these refusals must exceed, too.",
    )

    media_max_mb: int = Field(
        20, ge=1, le=100, description="Largest image that can be uploaded, in MB."
    )
    media_public_url: str = Field(
        "",
        description="Address of a CDN or public bucket that serves the images of emails;"
        " empty: PUBLIC_URL.",
    )
    media_s3_bucket: str = Field(
        "", description="S3-compatible bucket for images; empty: a folder in DATA_DIR."
    )
    media_s3_endpoint: str = Field(
        "", description="Address of an S3-compatible server; empty: Amazon S3."
    )
    media_s3_region: str = Field("us-east-1", description="Region of the bucket.")
    media_s3_access_key_id: str = Field(
        "", description="Access key for the bucket; empty: that of the machine."
    )
    media_s3_secret_access_key: SecretStr = Field(
        SecretStr(""), description="Secret of the access key."
    )

    @field_validator("public_url", "media_public_url", "media_s3_endpoint")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://news.example.org")
        if parts.query or parts.fragment or parts.username:
            raise ValueError("must not contain a query, fragment or login")
        return value.rstrip("/")

    @field_validator("media_s3_bucket")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError("must be the name of a bucket, such as newsletter-images")
        return value

    @field_validator("media_s3_secret_access_key")
    @classmethod
    def _s3_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if bool(value.get_secret_value()) != bool(info.data.get("media_s3_access_key_id")):
            raise ValueError("must be set together with MEDIA_S3_ACCESS_KEY_ID")
        return value

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _trusted_hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        hosts = tuple(part.strip().lower() for part in value.split(",") if part.strip())
        if any(not _HOST_NAME.fullmatch(host) for host in hosts):
            raise ValueError("must be host names such as news.example.org, comma-separated")
        return hosts

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        if not value:
            return value
        scheme = value.partition(":")[0]
        if scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
            return "postgresql+psycopg:" + value.partition(":")[2]
        if scheme == "sqlite":
            if value.partition(":///")[2] in {"", ":memory:"}:
                raise ValueError("must name a file, as in sqlite:////srv/campaigns.sqlite3")
            return value
        raise ValueError("must begin with postgresql:// or sqlite:///")

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        if value and value.partition("://")[0] not in {"redis", "rediss", "unix"}:
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("secret_key")
    @classmethod
    def _secret_key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and len(value.get_secret_value()) < 32:
            raise ValueError("must be at least 32 random characters")
        return value

    @field_validator("secret_key_fallbacks", mode="before")
    @classmethod
    def _fallbacks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @cached_property
    def base_url(self) -> str:
        """PUBLIC_URL, or the address on this machine."""
        host = "127.0.0.1" if self._listens_everywhere else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def media_url(self) -> str:
        """MEDIA_PUBLIC_URL, or the address of this installation."""
        return self.media_public_url or self.base_url

    @property
    def _listens_everywhere(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104

    @property
    def is_nameless(self) -> bool:
        """Whether other machines can connect, but no public host name is accepted."""
        return self._listens_everywhere and not (self.public_url or self.trusted_hosts)

    @cached_property
    def known_hosts(self) -> frozenset[str]:
        """Host names that this installation accepts, without ports or brackets."""
        public = urlsplit(self.public_url).hostname or ""
        hosts = (*_LOOPBACK_NAMES, self.host.lower(), public, *self.trusted_hosts)
        return frozenset(host.strip("[]") for host in hosts if host)

    @cached_property
    def sqlalchemy_url(self) -> str:
        """URL of the database: DATABASE_URL, or SQLite in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'campaigns.sqlite3'}"

    @property
    def database_files(self) -> tuple[Path, ...]:
        """Files of a SQLite database, existing or not; none for PostgreSQL."""
        if not self.is_sqlite or not (name := self.sqlalchemy_url.partition(":///")[2]):
            return ()
        return tuple(Path(name + end) for end in ("", "-wal", "-shm", "-journal"))

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.sqlalchemy_url.startswith("sqlite")

    @cached_property
    def runtime_dir(self) -> Path:
        """A short private folder for sockets: a socket's path must stay under 108 bytes.

        Derived from DATA_DIR, so that every command given the same DATA_DIR finds it.
        """
        mark = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"campaigns-{os.getuid()}-{mark}"

    @cached_property
    def redis_connection_url(self) -> str:
        """URL of the Redis server: REDIS_URL, or our own on a socket."""
        return self.redis_url or f"unix://{self.runtime_dir / 'kv.sock'}"

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The secret keys, newest first. Creates one in DATA_DIR if none is set."""
        first = self.secret_key.get_secret_value() or _stored_key(self.data_dir / "secret.key")
        return (first, *(key.get_secret_value() for key in self.secret_key_fallbacks))

    @property
    def mailbox_path(self) -> Path:
        """The SQLite file of the built-in mailbox."""
        return self.data_dir / "mailbox.sqlite3"

    @property
    def journal_dir(self) -> Path:
        """Folder of the journals of send workers."""
        return self.data_dir / "journal"

    @property
    def spool_dir(self) -> Path:
        """Folder for large requests and responses in transit."""
        return self.data_dir / "spool"

    @property
    def uploads_dir(self) -> Path:
        """Folder of uploaded files."""
        return self.data_dir / "uploads"


def load_settings(**overrides: object) -> Settings:
    """Read the settings. Raises SettingsError, which names every wrong variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = {
            str(problem["loc"][0]).upper(): problem["msg"].removeprefix("Value error, ")
            for problem in error.errors()
        }
        raise SettingsError(problems) from None


def _stored_key(path: Path) -> str:
    """Return the key in this file; created on first use, readable by its owner only."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_key(path)
        return _read_key(path)
    except OSError as error:
        raise SettingsError(
            {"DATA_DIR": f"{path.parent} cannot be used ({error.strerror}). Choose another."}
        ) from None


def _make_key(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        # O_EXCL: of two processes that start together, one creates the key and both read it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
        except OSError:  # a full disk: do not leave an empty key
            path.unlink(missing_ok=True)
            raise


def _read_key(path: Path) -> str:
    """Read the key; waits briefly for a process that is writing it."""
    for _ in range(KEY_TRIES):
        key = path.read_text().strip()
        if key:
            return key
        time.sleep(0.05)
    raise SettingsError({"SECRET_KEY": f"{path} is empty. Delete it, and a new one is created."})
