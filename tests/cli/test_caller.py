"""A caller's commands against a running service."""

import json
import re
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from cli.exits import Exit
from tests.cli.command import execute, run
from tests.cli.relay import LOST, UNAVAILABLE, relay
from tests.client.unruly import answers, unruly
from tests.door import KEYS, mask_png
from tests.processes import free_port
from tests.samples import PARENT
from tests.town import Town, town


@pytest.fixture
def masks(tmp_path: Path) -> list[str]:
    paths = [tmp_path / name for name in ("one.png", "two.png")]
    for path in paths:
        path.write_bytes(mask_png())
    return [str(path) for path in paths]


async def test_submit_get_and_watch_are_the_whole_way(here: Town, mask: str) -> None:
    """The id on stdout, then the facts, then the images."""
    code, out, err = await run(here, "submit", mask, "--parent", here.parent_id, "--prompt", "x", "--label", "order=8")
    job_id = out.strip()
    assert (code, err, len(job_id)) == (0, "", 36)
    code, out, err = await run(here, "watch", job_id)
    assert (code, len(out.splitlines())) == (0, 4)
    assert "COMPLETED" in err
    code, out, _ = await run(here, "get", job_id)
    assert code == 0
    assert "order" in out
    assert "COMPLETED" in out


async def test_submit_reads_standard_input_and_waits(here: Town) -> None:
    """For pipelines."""
    code, out, _ = await run(here, "submit", "-", "--parent", here.parent_id, "--wait", stdin=mask_png())
    assert (code, out.count("http")) == (0, 4)


async def test_a_name_is_told_as_it_is(here: Town, tmp_path: Path) -> None:
    """On one line, however long, and without a meaning of its own."""
    mask = tmp_path / f"[bold]{'m' * 90}.png"
    mask.write_bytes(mask_png())
    _, _, err = await run(here, "submit", str(mask), "--parent", here.parent_id, "--wait")
    assert all(line.startswith(str(mask)) for line in err.splitlines())


async def test_json_is_one_document_or_one_object_a_line(here: Town, mask: str) -> None:
    """For scripts: a job from what takes one, `jobs` from what takes several, and a line a state from what follows."""
    _, out, _ = await run(here, "submit", mask, "--parent", here.parent_id, "--json")
    [job] = json.loads(out)["jobs"]
    assert job["file"] == mask
    _, out, err = await run(here, "watch", job["id"], "--json")
    states = [json.loads(line) for line in out.splitlines()]
    assert (states[-1]["status"], err) == ("COMPLETED", "")
    assert [state["progress"] for state in states] == sorted(state["progress"] for state in states)
    _, out, _ = await run(here, "get", job["id"], "--json")
    assert json.loads(out)["id"] == job["id"]
    code, out, err = await run(here, "refresh", job["id"], "no-such-job", "--json", key=KEYS["ops"][0])
    assert (code, [one["id"] for one in json.loads(out)["jobs"]]) == (3, [job["id"]])
    assert err.startswith("no-such-job: ")


async def test_a_failed_job_is_exit_code_1_with_its_reason(here: Town, mask: str) -> None:
    """On one line."""
    await here.mischief(job_failed=1, failure="Image denied")
    code, _, err = await run(here, "submit", mask, "--parent", here.parent_id, "--wait")
    assert code == 1
    assert "FAILED: Image denied (provider_failed)" in err.splitlines()[-1]


async def test_a_refusal_is_exit_code_3_with_the_request_id(here: Town, mask: str) -> None:
    """What the service said, in one line."""
    wrong = ["--prompt", "x" * 2001, "--label", f"{'n' * 64}=x"]
    code, out, err = await run(here, "submit", mask, "--parent", here.parent_id, *wrong)
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    assert re.fullmatch(r"prompt: [^;.]+; labels: [^;.]+\. \[request \w+\]\n", err)
    code, _, err = await run(here, "get", here.parent_id, key="a-wrong-key")
    assert code == 3
    assert "a-wrong-key" not in err


async def test_nobody_there_is_exit_code_4(mask: str) -> None:
    """Also in one line."""
    code, _, err = await run(f"http://127.0.0.1:{free_port()}", "get", "x")
    assert (code, len(err.splitlines())) == (4, 1)


async def test_a_missing_file_or_key_is_exit_code_2(here: Town) -> None:
    """A mistake of the command line's."""
    code, _, err = await run(here, "submit", "no-such.png", "--parent", here.parent_id)
    assert (code, err) == (2, "Cannot read no-such.png: No such file or directory\n")
    code, _, err = await run(here, "get", "x", key="")
    assert code == 2
    assert "TRACKER_API_KEY" in err


@pytest.fixture
def no_image(tmp_path: Path) -> str:
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    return str(path)


async def test_several_masks_are_several_jobs(here: Town, masks: list[str], no_image: str) -> None:
    """An id a line, with the mask it is for; and one that is refused does not hold up the others."""
    code, out, err = await run(here, "submit", masks[0], no_image, masks[1], "--parent", here.parent_id)
    ids = [line.split("  ")[0] for line in out.splitlines()]
    assert (code, [line.split("  ")[1] for line in out.splitlines()], len(set(ids))) == (3, masks, 2)
    assert (len(err.splitlines()), err.startswith(f"{no_image}: mask: ")) == (1, True)
    assert "[request " in err
    code, out, err = await run(here, "watch", *ids)
    assert (code, len(out.splitlines())) == (0, 8)
    assert all(len(line.split()) == 2 for line in out.splitlines())


async def test_several_masks_are_waited_for_together(here: Town, masks: list[str]) -> None:
    """Their ids first, for whoever is interrupted; as JSON, the states of all."""
    code, out, err = await run(here, "submit", *masks, "--parent", here.parent_id, "--wait")
    assert (code, out.count("http")) == (0, 8)
    assert [line.split()[0] for line in err.splitlines()[:2]] == masks
    code, out, err = await run(here, "submit", *masks, "--parent", here.parent_id, "--wait", "--json")
    final = {job["id"]: job["file"] for line in out.splitlines() if (job := json.loads(line))["status"] == "COMPLETED"}
    assert (code, sorted(final.values()), err) == (0, sorted(masks), "")


async def test_a_job_that_fails_does_not_hide_the_others(here: Town, mask: str) -> None:
    """The images of one, the reason of the other, and the exit code of the worse."""
    await here.mischief(job_failed=1, failure="Image denied")
    failed = await here.end_of(await here.submit())
    await here.mischief(job_failed=0)
    _, out, _ = await run(here, "submit", mask, "--parent", here.parent_id)
    code, images, err = await run(here, "watch", failed["id"], out.strip(), "no-such-job")
    assert (code, images.count("http")) == (3, 4)
    assert err.count("FAILED: Image denied (provider_failed)") == 1
    assert err.splitlines()[-1].startswith("no-such-job: There is no such job")


async def test_a_key_gives_the_same_job_again(here: Town, mask: str) -> None:
    """And no second charge; without one, each submission is new."""
    again = ["submit", mask, "--parent", here.parent_id, "--key", "order-8821"]
    (_, first, _), (_, second, _) = await run(here, *again), await run(here, *again)
    _, other, _ = await run(here, *again[:-2])
    assert first == second != other
    code, _, err = await run(here, *again, "--prompt", "another")
    assert (code, len(err.splitlines())) == (3, 1)


@pytest.mark.parametrize("first_answer", [LOST, UNAVAILABLE], ids=["lost", "503"])
async def test_a_submission_without_an_answer_is_repeated_under_its_key(
    here: Town, mask: str, first_answer: bytes
) -> None:
    """One job, whether the first attempt was taken or not."""
    async with relay(str(here.settings.public_url), first_answer) as url:
        code, out, err = await run(url, "submit", mask, "--parent", here.parent_id)
    assert (code, err) == (0, "")
    _, listed, _ = await run(here, "list", "--json")
    assert [job["id"] for job in json.loads(listed)["jobs"]] == [out.strip()]


@pytest.mark.parametrize("first_answer", [LOST, UNAVAILABLE], ids=["lost", "503"])
@pytest.mark.parametrize("command", ["get", "list", "track", "cancel"])
async def test_every_other_command_is_repeated_too(here: Town, command: str, first_answer: bytes) -> None:
    """All of it is safe to repeat."""
    job = await here.submit()
    given = {"get": [job["id"]], "track": [here.parent_id], "cancel": ["no-such-job"], "list": []}
    async with relay(str(here.settings.public_url), first_answer) as url:
        code, _, err = await run(url, command, *given[command])
    assert (code, "no such job" in err) == ((3, True) if command == "cancel" else (0, False))


async def test_a_service_is_not_asked_again_before_it_wants_to_be() -> None:
    """`Retry-After` is kept to, and one beyond a command's patience ends it."""
    async with unruly(answers(503, Retry_After="1"), answers(503, Retry_After="60")) as server:
        started = time.monotonic()
        code, _, err = await run(server.url, "get", "x")
    assert (code, len(server.requests), len(err.splitlines())) == (4, 2, 1)
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["MASK", "MASK"], "given twice"),
        (["MASK", "-", "--key", "k"], "--key names one submission"),
        (["MASK", "--key", ""], "--key takes"),
        (["MASK", "--parent", "nonsense"], "--parent': 'nonsense' is no UUID"),
        (["MASK", "--label", "order"], "--label order is not NAME=VALUE"),
        (["MASK", "--label", "a=1", "--label", "a=2"], "--label a=2 was given twice"),
    ],
)
async def test_what_would_be_a_mistake_is_not_sent(mask: str, arguments: list[str], words: str) -> None:
    """Exit code 2, in one line, with nobody asked."""
    given = [mask if argument == "MASK" else argument for argument in arguments]
    code, out, err = await run("http://127.0.0.1:9", "submit", "--parent", PARENT, *given)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert words in err


@pytest.mark.usefixtures("redis")
async def test_cancel_ends_what_is_pending_and_nothing_else(redis_url: str, mask: str) -> None:
    """Each job for itself, each refusal in a line with its id."""
    async with town(redis_url, worker=False) as here:
        _, job_id, _ = await run(here, "submit", mask, "--parent", here.parent_id)
        code, out, err = await run(here, "cancel", "no-such-job", job_id.strip())
        assert (code, out) == (3, f"{job_id.strip()}  CANCELLED\n")
        assert err.startswith("no-such-job: ")
        code, out, _ = await run(here, "get", job_id.strip(), "--json")
        assert json.loads(out)["status"] == "CANCELLED"
        code, _, err = await run(here, "watch", job_id.strip())
        assert (code, err.splitlines()[-1]) == (1, f"{job_id.strip()} CANCELLED.")


async def test_refresh_is_for_operators(here: Town, mask: str) -> None:
    """It asks upstream now."""
    _, out, _ = await run(here, "submit", mask, "--parent", here.parent_id, "--wait", "--json")
    job_id = json.loads(out.splitlines()[-1])["id"]
    code, _, err = await run(here, "refresh", job_id)
    assert (code, "ops" in err) == (3, True)
    code, out, _ = await run(here, "refresh", job_id, key=KEYS["ops"][0])
    assert (code, out) == (0, f"{job_id}  COMPLETED\n")


async def test_track_takes_over_what_was_submitted_elsewhere(here: Town) -> None:
    """By upstream's id, with labels of ours."""
    code, out, _ = await run(here, "track", here.parent_id, "--label", "order=8")
    assert (code, len(out.strip())) == (0, 36)
    code, out, _ = await run(here, "track", here.parent_id, "--json")
    job = json.loads(out)
    assert (job["upstreamJobId"], job["owner"], job["labels"]) == (here.parent_id, "editor", {"order": "8"})


async def test_words_of_others_move_no_cursor(here: Town, mask: str) -> None:
    """A prompt is shown as text, whatever is in it."""
    prompt = "a \x1b[31mred\nboat [bold]"
    _, out, _ = await run(here, "submit", mask, "--parent", here.parent_id, "--prompt", prompt)
    for command in (["get", out.strip()], ["list"]):
        _, shown, _ = await run(here, *command)
        assert "\x1b" not in shown
        assert "[31mred boat [bold]" in shown


@pytest.mark.parametrize(
    ("arguments", "words", "help_of"),
    [
        ("submit", "'MASK'", "inpaint-tracker submit"),
        ("submit m.png --parnt x", "--parent", "inpaint-tracker submit"),
        ("sumbit", "'sumbit'", "inpaint-tracker"),
        ("sumbit", "Did you mean 'submit'?", "inpaint-tracker"),
        ("list --limit many", "'--limit'", "inpaint-tracker list"),
        ("list --status done", "'--status': 'done' is not one of", "inpaint-tracker list"),
    ],
)
async def test_a_wrong_command_line_is_one_line(arguments: str, words: str, help_of: str) -> None:
    """What is wrong, and where to read how it is right."""
    code, out, err = await execute(*arguments.split())
    assert (code, out, len(err.splitlines())) == (Exit.USAGE, "", 1)
    assert words in err
    assert re.search(rf"[^.?][.?] See `{help_of} --help`\.\n$", err)
    assert "Value error" not in err


async def test_no_command_at_all_shows_them_all() -> None:
    """And nothing on stderr."""
    code, out, err = await execute()
    assert (code, err) == (Exit.USAGE, "")
    assert "submit" in out


@pytest.mark.parametrize("flag", ["--version", "-V"])
async def test_the_version_is_told(flag: str) -> None:
    """That of the distribution."""
    assert await execute(flag) == (0, f"inpaint-tracker {version('inpaint-tracker')}\n", "")
