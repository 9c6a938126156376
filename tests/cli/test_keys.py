"""`keys new`: a key that opens, and an entry that the service reads."""

import hashlib
import json

import httpx
import pytest

from tests.cli.command import execute
from tests.door import door, settings_for


@pytest.mark.usefixtures("redis")
async def test_a_key_opens_the_service_that_has_its_entry(redis_url: str) -> None:
    """Two lines: the key, and what goes into API_KEYS."""
    code, out, err = await execute("keys", "new", "--name", "shop", "--scopes", "read,submit")
    key, entry = out.splitlines()
    assert (code, err, key.startswith("itk_"), len(key)) == (0, "", True, 47)
    assert json.loads(entry)["scopes"] == ["submit", "read"]
    async with door(settings_for(redis_url, api_keys=f"[{entry}]")) as client:
        assert (await client.get("/v1/jobs", headers={"X-API-Key": key})).status_code == httpx.codes.OK


async def test_json_is_one_document() -> None:
    """And no two keys are the same."""
    runs = [await execute("keys", "new", "--name", "shop", "--scopes", "ops", "--json") for _ in range(2)]
    first, second = (json.loads(out) for _, out, _ in runs)
    assert set(first) == {"key", "entry"}
    assert first["key"] != second["key"]
    assert first["entry"]["sha256"] == hashlib.sha256(first["key"].encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "scopes", "words"),
    [
        ("a b", "submit", "--name takes"),
        ("", "submit", "--name takes"),
        ("shop", "submit,all", "--scopes takes one or more of submit, read, read:all, ops"),
        ("shop", ",", "--scopes takes"),
    ],
)
async def test_a_wrong_name_or_scope_mints_nothing(name: str, scopes: str, words: str) -> None:
    """One line that says what is taken."""
    code, out, err = await execute("keys", "new", "--name", name, "--scopes", scopes)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(words)
