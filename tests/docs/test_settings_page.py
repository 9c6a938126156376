"""The settings page, `.env.example` and the models say the same."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from cli.api import CallerSettings
from tracker.errors import ConfigurationError
from tracker.settings import SECRETS, Settings, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

Row = tuple[str, str, str]


def rows(model: type[BaseSettings], prefix: str = "") -> list[Row]:
    """Name, default and meaning, as the page has them."""
    return [
        (f"{prefix}{name.upper()}", _default(field.default, field.is_required()), str(field.description))
        for name, field in model.model_fields.items()
    ]


def _default(value: object, required: bool) -> str:
    if required:
        return "*required*"
    return f"`{value}`" if value not in (None, ()) else "none"


def tables() -> list[list[Row]]:
    """The page's tables, row by row, without their heads."""
    found = re.findall(r"(?m)^\|---\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    return [re.findall(r"(?m)^\| `(\w+)` \| (.*?) \| (.*) \|$", table) for table in found]


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without `.env`, and no variable of this machine's."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    return tmp_path


def test_the_page_has_every_setting_and_no_other() -> None:
    """In the model's order, with its default and its description; a caller's in a table of their own."""
    service, callers = tables()
    assert service == rows(Settings)
    assert callers == rows(CallerSettings, "TRACKER_")


def test_the_example_tells_the_same_as_the_page() -> None:
    """The description is the first line of its paragraph, and what is commented out is the default."""
    service, callers = tables()
    paragraphs = re.findall(r"(?m)^# (.*)\n(?:# .*\n)*(#?)(\w+)=(.*)$", EXAMPLE)
    told = {name: (text, value if commented else None) for text, commented, name, value in paragraphs}
    for name, default, meaning in [*service, *callers]:
        text, value = told.pop(name)
        assert text == f"{meaning[0].upper()}{meaning[1:]}."
        assert value is None or value == ("" if default in ("none", "*required*") else default.strip("`"))
    assert told == {}


def test_the_page_names_every_secret_that_may_lie_in_a_file() -> None:
    """And none that may not."""
    section = PAGE.partition("## Secrets in files")[2].partition("\n## ")[0]
    assert [name for name in re.findall(r"`(\w+)`", section) if name.lower() in Settings.model_fields] == [
        name.upper() for name in SECRETS
    ]


def test_a_file_wins_over_env_and_the_environment_over_both(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says."""
    (clean / "secret").write_text(" afk_file\n")
    (clean / ".env").write_text("REDIS_URL=redis://here\nAPIFRAME_API_KEY=afk_env\n")
    assert load().apiframe_api_key == SecretStr("afk_env")
    monkeypatch.setenv("APIFRAME_API_KEY_FILE", str(clean / "secret"))
    assert load().apiframe_api_key == SecretStr("afk_file")
    monkeypatch.setenv("APIFRAME_API_KEY", "afk_environment")
    assert load().apiframe_api_key == SecretStr("afk_environment")


def test_mistakes_are_shown_as_on_the_page(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line."""
    shown = re.search(r"```console\n\$ (.*) inpaint-tracker serve\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown is not None
    for given in shown[1].split():
        monkeypatch.setenv(*given.split("=", 1))
    with pytest.raises(ConfigurationError) as error:
        load()
    assert shown[2] == str(error.value)
