"""Settings: read once, every mistake at once, and nothing of them written down elsewhere differently."""

import re
from pathlib import Path

import pytest

from cli.api import CallerSettings
from tracker.errors import ConfigurationError
from tracker.settings import SECRETS, Settings, load

EXAMPLE = (Path(__file__).parents[1] / ".env.example").read_text("utf-8")
NEEDED = {"REDIS_URL": "redis://127.0.0.1", "APIFRAME_API_KEY": "afk_x"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` and no variable of this machine's."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def loaded(monkeypatch: pytest.MonkeyPatch, **env: str) -> Settings:
    for name, value in {**NEEDED, **env}.items():
        monkeypatch.setenv(name, value)
    return load()


def refused(monkeypatch: pytest.MonkeyPatch, **env: str) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        loaded(monkeypatch, **env)
    return error.value.problems


def test_the_example_names_every_setting_and_no_other() -> None:
    """With a line of explanation before each."""
    named = re.findall(r"(?m)^# .*\n#?([A-Z_]+)=", EXAMPLE)
    callers = [f"TRACKER_{name.upper()}" for name in CallerSettings.model_fields]
    assert named == [name.upper() for name in Settings.model_fields] + callers


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is commented out changes nothing when it is not."""
    shown = dict(re.findall(r"(?m)^#([A-Z_]+)=(.+)$", EXAMPLE))
    shown = {name: value for name, value in shown.items() if not name.startswith("TRACKER_")}
    assert loaded(monkeypatch, **shown) == loaded(monkeypatch)


def test_the_example_explains_every_secret_file() -> None:
    """As NAME_FILE."""
    assert all(f"{name.upper()}_FILE" in EXAMPLE for name in SECRETS)


def test_every_mistake_is_reported_at_once_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no value is repeated: it may be a secret."""
    lines = refused(monkeypatch, REDIS_URL="http://secret-host", PORT="99999", API_KEYS="{", LOG_LEVEL="loud")
    assert [line.partition(":")[0] for line in lines] == ["REDIS_URL", "API_KEYS", "PORT", "LOG_LEVEL"]
    assert "secret" not in "".join(lines)


def test_what_is_missing_is_said_with_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty is missing, too."""
    lines = refused(monkeypatch, REDIS_URL="")
    assert len(lines) == 1
    assert lines[0].startswith("REDIS_URL: is not set. Redis 7.0")


def test_a_secret_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """White space around it is not part of it; the variable itself wins."""
    (tmp_path / "key").write_text("afk_from_file\n")
    monkeypatch.setenv("APIFRAME_API_KEY_FILE", str(tmp_path / "key"))
    assert loaded(monkeypatch).apiframe_api_key.get_secret_value() == "afk_x"
    monkeypatch.delenv("APIFRAME_API_KEY")
    assert load().apiframe_api_key.get_secret_value() == "afk_from_file"


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""
    [line] = refused(monkeypatch, API_KEYS_FILE="/nonexistent/keys")
    assert line == "API_KEYS_FILE: cannot read /nonexistent/keys: No such file or directory"


def test_secret_files_and_addresses_are_reported_with_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one after the other, each time the process is started again."""
    lines = refused(
        monkeypatch, REDIS_URL="", REDIS_URL_FILE="/nonexistent/url", API_KEYS_FILE="/nonexistent/keys",
        PUBLIC_URL="http://tracker.example", PORT="many",
    )  # fmt: skip
    assert [line.partition(":")[0] for line in lines] == ["REDIS_URL_FILE", "PUBLIC_URL", "API_KEYS_FILE", "PORT"]


def test_dossier_13_22_a_plain_http_public_url_is_for_sandboxes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apiframe itself wants https."""
    [line] = refused(monkeypatch, PUBLIC_URL="http://tracker.example")
    assert line.startswith("PUBLIC_URL: must be https")
    sandboxed = loaded(monkeypatch, PUBLIC_URL="http://t.example/", APIFRAME_BASE_URL="http://127.0.0.1:9000")
    assert sandboxed.public_url == "http://t.example"


def test_secrets_are_in_no_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the settings as a whole."""
    settings = loaded(monkeypatch, APIFRAME_API_KEY="afk_hidden", REDIS_URL="redis://:hidden@host")
    assert "hidden" not in repr(settings) + str(settings.model_dump())


def test_keys_are_checked_entry_by_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the mistake is, and not what was there."""
    lines = refused(monkeypatch, API_KEYS='[{"name": "a b", "sha256": "xyz", "scopes": ["all"]}]')
    assert [line.partition(":")[0] for line in lines] == [
        "API_KEYS (at 0.name)",
        "API_KEYS (at 0.sha256)",
        "API_KEYS (at 0.scopes.0)",
    ]


@pytest.mark.parametrize("value", ["afk_\nx", "afk_é", "afk_\x00"])
def test_what_no_header_can_carry_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """And not at each attempt, where it would look like an unknown outcome."""
    with pytest.raises(ConfigurationError) as error:
        load(redis_url="redis://x", apiframe_api_key=value)
    assert error.value.problems == ["APIFRAME_API_KEY: has characters that no HTTP header can carry"]


def test_an_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`.env` where the process starts."""
    (tmp_path / ".env").write_text("PORT=8100\nHOST=0.0.0.0\n")
    settings = loaded(monkeypatch, PORT="8200")
    assert (settings.port, settings.host) == (8200, "0.0.0.0")


def test_a_key_that_stands_there_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys of one name are a rotation; one key of two names is a mistake."""
    entry = '{"name": "%s", "sha256": "%s", "scopes": ["read"]}'
    rotation = ", ".join(entry % ("a", digit * 64) for digit in "12")
    assert len(loaded(monkeypatch, API_KEYS=f"[{rotation}]").api_keys) == 2
    [line] = refused(monkeypatch, API_KEYS=f"[{entry % ('a', '1' * 64)}, {entry % ('b', '1' * 64)}]")
    assert line == "API_KEYS: the same key stands there twice, for a, b"


def test_images_are_fetched_from_upstreams_hosts_and_a_sandboxs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """In small letters, with a port where it is not the scheme's own, an IPv6 address without brackets."""
    own = {("cdn.apiframe.ai", None), ("cdn2.apiframe.ai", None)}
    assert loaded(monkeypatch).cdn_hosts == own
    sandboxed = loaded(monkeypatch, APIFRAME_BASE_URL="http://Sandbox:9000/v2")
    assert sandboxed.cdn_hosts == {*own, ("sandbox", 9000)}
    named = loaded(
        monkeypatch, APIFRAME_BASE_URL="http://[::1]:9000", APIFRAME_CDN_HOSTS=" CDN.example:8443 ,[fe80::1], x"
    )
    assert named.cdn_hosts == {("cdn.example", 8443), ("fe80::1", None), ("x", None), ("::1", 9000)}


@pytest.mark.parametrize(
    "value", ["https://cdn.example", "cdn.example/x", "u@cdn.example", "cdn.example:", "::1", "*", "a b"]
)
def test_what_is_no_host_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """And so is a list that has one such."""
    [line] = refused(monkeypatch, APIFRAME_CDN_HOSTS=f"cdn.apiframe.ai,{value}")
    assert line.startswith("APIFRAME_CDN_HOSTS: 1 of them is no host, nor host:port")
