"""Every setting, read once at the entry points from the environment and `.env`.

A secret can also be given as NAME_FILE, the path of a file that holds it. All mistakes are reported together, each in
one line that names its variable and never its value.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from tracker.errors import ConfigurationError
from tracker.sentinels import SCHEMES, parse

SCOPES = ("submit", "read", "read:all", "ops")
SECRETS = ("redis_url", "queue_redis_url", "apiframe_api_key", "apiframe_previous_api_keys", "api_keys")
"""Settings that may also come from a file named by NAME_FILE."""

APIFRAME = "https://api.apiframe.ai"
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::([1-9][0-9]{0,4}))?")
"""A name or an address as a URL has it, in small letters, and a port."""

UNREADABLE = "unreadable_file"
"""The type of the mistake that such a file can be."""

Scope = Literal["submit", "read", "read:all", "ops"]


class ApiKey(BaseModel):
    """An entry of API_KEYS. `sha256` is the lower-case hex SHA-256 of the key; the key itself is kept nowhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: str
    scopes: frozenset[Scope] = Field(min_length=1)

    @field_validator("sha256")
    @classmethod
    def _digest(cls, value: str) -> str:
        if not re.fullmatch("[0-9a-f]{64}", value):
            raise ValueError("expected 64 hex digits, as `inpaint-tracker keys new` prints them")
        return value

    @field_validator("name")
    @classmethod
    def _not_nobody(cls, value: str) -> str:
        if value == "external":
            raise ValueError("'external' owns what nobody submitted")
        return value


@dataclass(frozen=True)
class _Unreadable:
    """Stands for the secret whose file cannot be read, so that it is told of together with every other mistake."""

    message: str


class Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_file=".env", env_file_encoding="utf-8", extra="ignore",
                                      env_ignore_empty=True, hide_input_in_errors=True)  # fmt: skip

    redis_url: SecretStr = Field(
        description="Redis 7.0 or newer, or Valkey: redis://, rediss://, unix:// or redis+sentinel://"
    )
    queue_redis_url: SecretStr | None = Field(None, description="the Redis of the arq queue, when it is another")
    wait_replicas: int = Field(
        0, ge=0, le=9, description="replicas of Redis that must have a job or a webhook before it is answered"
    )

    apiframe_api_key: SecretStr = Field(min_length=1, description="upstream key; its SHA-256 signs the webhooks")
    apiframe_previous_api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="keys rotated out whose signatures are still accepted, comma-separated"
    )
    apiframe_signature_secret: Literal["auto", "raw", "hex"] = Field(
        "auto", description="form of the key's SHA-256 that signs: 32 raw bytes, 64 hex characters, or either"
    )
    apiframe_base_url: str = Field(APIFRAME, description="upstream")
    apiframe_user_agent: str = Field("inpaint-tracker/0.1", min_length=1, description="User-Agent sent upstream")
    apiframe_timeout_seconds: float = Field(20, gt=0, le=60, description="for one request to upstream, in whole")
    apiframe_cdn_hosts: str = Field(
        "cdn.apiframe.ai,cdn2.apiframe.ai",
        description="hosts that result images are fetched from, comma-separated, `host` or `host:port`; "
        "a sandbox at APIFRAME_BASE_URL is one, too",
    )

    public_url: str | None = Field(None, description="this service as upstream reaches it; unset: polling alone")
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode] = Field((), description="callers' keys, as a JSON list")
    host: str = Field("127.0.0.1", description="address that `serve` listens on")
    port: int = Field(8000, ge=0, le=65535, description="port that `serve` listens on")
    metrics_port: int = Field(0, ge=0, le=65535, description="port at HOST where a worker tells Prometheus; 0: nowhere")

    request_timeout_seconds: float = Field(
        20, gt=0, le=600, description="for a request's headers to come; its body has as long, and 1 s more per 256 KiB"
    )

    max_in_flight: int = Field(50, ge=1, le=10_000, description="jobs submitted and not yet ended upstream, at most")
    max_pending_jobs: int = Field(10_000, ge=1, description="jobs waiting to be submitted; more are answered 503")
    max_pending_mask_bytes: int = Field(
        268_435_456, ge=8_000_000, description="bytes of their masks in Redis; more are answered 503"
    )
    polls_per_minute: int = Field(
        300, ge=6, le=60_000, description="lookups at upstream that all workers together may make in a minute"
    )
    poll_after_seconds: float = Field(
        30, gt=0, le=86_400, description="silence of a job after which upstream is asked about it"
    )
    submit_within_seconds: int = Field(86_000, ge=60, le=86_000, description="a job not submitted by then has expired")
    settle_within_seconds: int = Field(
        86_400, ge=60, le=2_592_000, description="a job that upstream has not ended by then has expired"
    )
    retention_days: float = Field(30, ge=1, le=3_650, description="how long a finished job is kept")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="json lines, or console for people")

    @field_validator(*SECRETS, mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        if isinstance(value, _Unreadable):
            raise PydanticCustomError(UNREADABLE, "{message}", {"message": value.message})
        return value

    @field_validator("apiframe_previous_api_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError:
            raise ValueError('not JSON; expected [{"name": …, "sha256": …, "scopes": […]}]') from None

    @field_validator("api_keys")
    @classmethod
    def _one_owner_each(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        """Which name and scopes would a key have that stands there twice?"""
        digests = [key.sha256 for key in keys]
        if twice := sorted({key.name for key in keys if digests.count(key.sha256) > 1}):
            raise ValueError(f"the same key stands there twice, for {', '.join(twice)}")
        return keys

    @field_validator("apiframe_base_url", "public_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).hostname):
            raise ValueError("not an absolute http(s) address")
        if value is not None and (urlsplit(value).query or urlsplit(value).fragment):
            raise ValueError("a query or fragment has no place in it")
        return value.rstrip("/") if value else value

    @field_validator("apiframe_cdn_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        if wrong := [part for part in _parts(value) if not HOST.fullmatch(part)]:
            raise ValueError(
                f"{len(wrong)} of them is no host, nor host:port: no scheme, path or user has a place there"
            )
        return value

    @field_validator("redis_url", "queue_redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        scheme = value.get_secret_value().partition("://")[0] if value else "redis"
        if scheme not in ("redis", "rediss", "unix", *SCHEMES):
            raise ValueError("expected redis://, rediss://, unix:// or redis+sentinel://")
        if value and scheme in SCHEMES:
            parse(value.get_secret_value())
        return value

    @field_validator("apiframe_api_key", "apiframe_user_agent")
    @classmethod
    def _sendable(cls, value: SecretStr | str) -> SecretStr | str:
        """Both are header values: what could not be sent is refused at the start, not at each attempt."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not text.strip():
            raise ValueError("is blank")
        if not (text.strip().isascii() and text.strip().isprintable()):
            raise ValueError("has characters that no HTTP header can carry")
        return value

    @field_validator("log_level", "log_format", "apiframe_signature_secret", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("public_url")
    @classmethod
    def _https(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Webhooks carry results: plain http is for a sandbox, which is itself plain http (dossier section 13, 22)."""
        if value and value.startswith("http:") and info.data.get("apiframe_base_url", "").startswith("https:"):
            raise ValueError("must be https, since APIFRAME_BASE_URL is not a plain http sandbox")
        return value

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        return init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings

    @property
    def signing_keys(self) -> tuple[str, ...]:
        """The current upstream key and those rotated out."""
        return tuple(key.get_secret_value() for key in (self.apiframe_api_key, *self.apiframe_previous_api_keys))

    @property
    def cdn_hosts(self) -> frozenset[tuple[str, int | None]]:
        """`(host, port)` in small letters, an IPv6 address without brackets; None is the scheme's own port."""
        found = [HOST.fullmatch(part) for part in _parts(self.apiframe_cdn_hosts)]
        listed = {(one[1].strip("[]"), int(one[2]) if one[2] else None) for one in found if one}
        base = urlsplit(self.apiframe_base_url)
        sandbox = {(base.hostname or "", base.port)} if self.apiframe_base_url != APIFRAME else set()
        return frozenset(listed | sandbox)


class _SecretFiles(PydanticBaseSettingsSource):
    """NAME_FILE for each of `SECRETS`, from the environment or `.env`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False  # the base class wants one; `__call__` does the work

    def __call__(self) -> dict[str, Any]:
        named: Mapping[str, str | None] = {**dotenv_values(".env"), **os.environ}
        return {name: self._read(name, path) for name in SECRETS if (path := named.get(f"{name.upper()}_FILE"))}

    @staticmethod
    def _read(name: str, path: str) -> str | _Unreadable:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            return _Unreadable(f"{name.upper()}_FILE: cannot read {path}: {reason}")


def _parts(listed: str) -> list[str]:
    return [part.strip().lower() for part in listed.split(",") if part.strip()]


def load(**overrides: Any) -> Settings:
    """The settings in force. Raises ConfigurationError with every mistake at once."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError([_line(dict(problem)) for problem in error.errors(include_url=False)]) from None


def load_or_exit(**overrides: Any) -> Settings:
    """For entry points: a wrong setting ends the process with its lines on stderr, and no traceback."""
    try:
        return load(**overrides)
    except ConfigurationError as error:
        raise SystemExit(f"inpaint-tracker cannot start:\n{error}") from None


def _line(problem: Mapping[str, Any]) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == UNREADABLE:
        return str(message)
    name, *rest = (str(part) for part in problem["loc"])
    where = f" (at {'.'.join(rest)})" if rest else ""
    if problem["type"] == "missing" and not rest:
        message = f"is not set. {Settings.model_fields[name].description}"
    return f"{name.upper()}{where}: {message}"
