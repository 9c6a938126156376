"""Where a caller's settings come from, and what is said of broken ones."""

from pathlib import Path

import pytest

from cli.exits import Exit
from tests.cli.command import execute
from tests.door import KEYS
from tests.town import Town

KEY = KEYS["editor"][0]


def written(path: Path, text: str, mode: int = 0o600) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def toml(url: object, key: str = KEY) -> str:
    return f'url = "{url}"\napi_key = "{key}"\n'


async def test_a_file_in_the_usual_place_is_enough(here: Town, tmp_path: Path) -> None:
    """No flag, no variable."""
    written(tmp_path / "inpaint-tracker" / "config.toml", toml(here.settings.public_url))
    assert await execute("list", cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path)) == (0, "", "")


async def test_flags_go_before_the_environment_then_dot_env_then_the_file(here: Town, tmp_path: Path) -> None:
    """Step by step: what goes before hides what is wrong behind it."""
    right, wrong = str(here.settings.public_url), "http://127.0.0.1:9"
    file = ["--config", written(tmp_path / "mine.toml", toml(wrong))]
    code, _, err = await execute("list", *file, cwd=tmp_path)
    assert (code, "127.0.0.1:9" in err) == (Exit.UNREACHABLE, True)
    written(tmp_path / ".env", f"TRACKER_URL={right}\n")
    assert (await execute("list", *file, cwd=tmp_path))[0] == 0
    code, _, _ = await execute("list", *file, cwd=tmp_path, TRACKER_URL=wrong)
    assert code == Exit.UNREACHABLE
    assert (await execute("list", *file, "--url", right, cwd=tmp_path, TRACKER_URL=wrong))[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url = http://x", "is no TOML"),
        ('apikey = "x"', "unknown setting 'apikey'; it may have url and api_key"),
        ("api_key = 5", "api_key must be a text in quotes"),
        ('url = "tracker.example"\napi_key = "secret-key"', "is no absolute http(s) address"),
        ('url = "http://me:secret-key@tracker"\napi_key = "x"', "may hold no user, password"),
        ('url = "http://tracker?x=secret-key"\napi_key = "x"', "may hold no user, password"),
        ('url = "http://[::1"\napi_key = "x"', "is no absolute http(s) address"),
        ('api_key = "secret-key\\n\\u0000"', "no HTTP header can carry"),
        ('url = "http://x"', "TRACKER_API_KEY is not set, nor api_key in"),
    ],
)
async def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """In one line, and no secret in it."""
    path = written(tmp_path / "mine.toml", text)
    code, out, err = await execute("list", "--config", path, cwd=tmp_path)
    assert (code, out, len(err.splitlines())) == (Exit.USAGE, "", 1)
    assert words in err
    assert path in err
    assert "secret-key" not in err


async def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """One that was not named need not."""
    path = str(tmp_path / "none.toml")
    code, _, err = await execute("list", "--config", path, cwd=tmp_path)
    assert (code, err) == (Exit.USAGE, f"Cannot read {path}: No such file or directory\n")


@pytest.mark.parametrize("mode", [0o640, 0o604])
async def test_a_file_that_others_may_read_is_warned_of(here: Town, tmp_path: Path, mode: int) -> None:
    """In one line, if there is a key in it; the command goes on."""
    path = written(tmp_path / "mine.toml", toml(here.settings.public_url), mode)
    code, out, err = await execute("list", "--config", path, cwd=tmp_path)
    assert (code, out, err) == (0, "", f"Others may read the key in {path}: chmod 600 {path}\n")
    path = written(tmp_path / "url.toml", f'url = "{here.settings.public_url}"\n', mode)
    assert await execute("list", "--config", path, cwd=tmp_path, TRACKER_API_KEY=KEY) == (0, "", "")
