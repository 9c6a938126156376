"""Where the service is and which key opens it: flags, then the environment, then `.env`, then a file of the user's.

The file is `config.toml` in the platform's usual place for this program's settings, with `url` and `api_key`.
"""

import stat
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import typer
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from cli.exits import Exit, Stop


class CallerSettings(BaseSettings):
    """`TRACKER_URL` and `TRACKER_API_KEY`, from the environment or `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="TRACKER_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True,
        hide_input_in_errors=True,
    )  # fmt: skip

    url: str = Field("http://127.0.0.1:8000", description="the service that a caller's commands speak to")
    api_key: SecretStr = Field(description="the key that a caller's commands send")

    @field_validator("url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host or url.port == 0:
            raise ValueError("is no absolute http(s) address")
        if url.userinfo or url.query or url.fragment:
            raise ValueError("may hold no user, password, query or fragment; the key is all that is asked for")
        return value.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if not (key and key.isascii() and key.isprintable()):
            raise ValueError("is empty, or has characters that no HTTP header can carry")
        return SecretStr(key)


def default_file() -> Path:
    """`~/.config/inpaint-tracker/config.toml` on Linux, its like elsewhere."""
    return Path(typer.get_app_dir("inpaint-tracker")) / "config.toml"


def caller_settings(url: str | None = None, file: Path | None = None) -> CallerSettings:
    """`url` and `file` as given on the command line. Raises Stop with one line for each mistake."""
    values = _read(file)

    class WithFile(CallerSettings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
            return init_settings, env_settings, dotenv_settings, InitSettingsSource(settings_cls, values)

    try:
        given: dict[str, Any] = {} if url is None else {"url": url}
        return WithFile(**given)
    except ValidationError as error:
        lines = [_line(dict(problem), file or default_file()) for problem in error.errors(include_url=False)]
        raise Stop("\n".join(lines), Exit.USAGE) from None


def _line(problem: dict[str, Any], file: Path) -> str:
    [field] = problem["loc"]
    if problem["type"] == "missing":
        return f"TRACKER_API_KEY is not set, nor api_key in {file}; it is the key that your operator gave you."
    flag = "--url, " if field == "url" else ""
    return f"{flag}TRACKER_{str(field).upper()} or {field} in {file} {problem['msg'].removeprefix('Value error, ')}."


def _read(file: Path | None) -> dict[str, Any]:
    """Nothing where no file was named and there is none."""
    path = file or default_file()
    if file is None and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Stop(f"Cannot read {path}: {error.strerror}", Exit.USAGE) from None
    except ValueError as error:
        raise Stop(f"{path} is no TOML: {error}", Exit.USAGE) from None
    for name, value in found.items():
        if name not in CallerSettings.model_fields:
            raise Stop(f"{path}: unknown setting {name!r}; it may have {_KNOWN}.", Exit.USAGE)
        if not isinstance(value, str):
            raise Stop(f'{path}: {name} must be a text in quotes, as in {name} = "…".', Exit.USAGE)
    if "api_key" in found and sys.platform != "win32":
        _warn_if_open(path)
    return found


def _warn_if_open(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        print(f"Others may read the key in {path}: chmod 600 {path}", file=sys.stderr)


_KNOWN = " and ".join(CallerSettings.model_fields)
