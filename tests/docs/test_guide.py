"""The API guide does what it says: its blocks are run against a running town, one language after the other.

The blocks of one language are one program. `console` is for people and `json` shows an answer; neither is run.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from cli.exits import Exit
from service.queries import MAX_LIMIT
from tests.client.unruly import END, answers, streams, told, unruly
from tests.door import KEYS, key, mask_png, submission
from tests.town import Town, town
from tracker.job import FailureCode, Status
from tracker.settings import SCOPES, ApiKey

pytestmark = pytest.mark.usefixtures("redis")

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text("utf-8")
MAIN_ROAD = ("Get a key", "Submit", "Wait", "Fetch the images", "List", "Cancel", "Track")
BY_HAND = "From the command line"
HERE = "Try it here"
LANGUAGES = ("sh", "python", "js", "go")
NEEDED = {
    "curl": "install curl 7.83 or newer",
    "jq": "install jq",
    "node": "install Node.js 18 or newer",
    "go": "install Go 1.18 or newer (Debian: golang-go)",
}
ID = r"[0-9a-f]{8}-[0-9a-f-]{27}"


@dataclass(frozen=True)
class Block:
    section: str
    language: str
    text: str


def _blocks() -> list[Block]:
    sections = re.split(r"(?m)^## (.+)$", GUIDE)[1:]
    return [
        Block(title, *found)
        for title, text in zip(sections[::2], sections[1::2], strict=True)
        for found in re.findall(r"(?ms)^```(\w+)\n(.*?)^```$", text)
    ]


BLOCKS = _blocks()


def program(language: str, *sections: str) -> str:
    """The language's blocks, of these sections or of all that speak HTTP."""
    texts = [
        block.text
        for block in BLOCKS
        if block.language == language
        and (block.section in sections if sections else block.section not in (BY_HAND, HERE))
    ]
    if language == "sh":
        return "set -euo pipefail\n" + "".join(texts)
    return f"{texts[0]}\nfunc main() {{\n{''.join(texts[1:])}}}\n" if language == "go" else "".join(texts)


def needs(*tools: str) -> None:
    """Skips what this machine cannot run."""
    if missing := [NEEDED[tool] for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"To run these blocks, {' and '.join(missing)}.")


def command(language: str, text: str) -> list[str]:
    """The program in a file of its own in the working directory, and how it is started there."""
    name = {"sh": "guide.sh", "python": "guide.py", "js": "guide.mjs", "go": "guide.go"}[language]
    Path(name).write_text(text, "utf-8")
    match language:
        case "sh":
            needs("curl", "jq")
            return ["bash", name]
        case "python":
            return [sys.executable, name]
        case "js":
            needs("node")
            return ["node", name]
    needs("go")
    return ["go", "run", name]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a caller works: mask.png, and nothing else."""
    (tmp_path / "mask.png").write_bytes(mask_png())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url) as running:
        yield running


@pytest.fixture
async def idle(redis_url: str) -> AsyncIterator[Town]:
    """A town whose worker does nothing: jobs stay PENDING."""
    async with town(redis_url, worker=False) as running:
        yield running


async def run(place: Town, language: str, text: str, **variables: str) -> list[str]:
    """What the program prints, line by line; it must end well."""
    given = {
        "TRACKER_URL": str(place.api.base_url),
        "TRACKER_API_KEY": KEYS["editor"][0],
        "TRACKER_OPS_KEY": KEYS["ops"][0],
        "PARENT_ID": place.parent_id,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CGO_ENABLED": "0",
    }
    started = command(language, text)
    process = await asyncio.create_subprocess_exec(
        *started, env={**os.environ, **given, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, f"{err.decode()}\n{out.decode()}"
    return out.decode().splitlines()


def small_pages(text: str) -> str:
    """Two jobs on a page, so that there is more than one."""
    smaller, times = re.subn(rf"(limit\W+){MAX_LIMIT}\b", r"\g<1>2", text)
    assert times == 1
    return smaller


def assert_four_images(folder: Path) -> None:
    """Of the parent's size."""
    images = sorted(folder.glob("image-*.png"))
    assert [image.name for image in images] == [f"image-{n}.png" for n in range(1, 5)]
    for image in images:
        with Image.open(image) as opened:
            opened.load()
            assert opened.size == (64, 64)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_guide_leads_to_four_images(here: Town, folder: Path, language: str) -> None:
    """Submitted once, waited for, fetched, listed in pages, too late to cancel; and the upsample is tracked."""
    others = [(await here.submit(labels={"order": "8821"}))["id"] for _ in range(3)]
    lines = await run(here, language, small_pages(program(language, *MAIN_ROAD)))
    assert_four_images(folder)
    after = lines[lines.index("image-4.png") + 1 :]
    mine_id, *listed, tracked_id = [line.split()[0] for line in after if re.fullmatch(rf"{ID} \w+", line)]
    assert listed == sorted(others, reverse=True)
    mine = (await here.api.get(f"/v1/jobs/{mine_id}", headers=key("editor"))).json()
    assert (mine["status"], mine["labels"]) == ("COMPLETED", {"order": "8821"})
    assert mine["prompt"] == "a red hot air balloon"
    assert any("It is COMPLETED" in line for line in after)
    tracked = (await here.api.get(f"/v1/jobs/{here.parent_id}", headers=key("editor"))).json()
    assert (tracked["id"], tracked["owner"], tracked["labels"]) == (tracked_id, "editor", {"order": "8821"})
    assert len(await here.charges()) == 4


@pytest.mark.parametrize("language", ["sh", "python", "js"])
async def test_the_guide_follows_a_job_to_its_end(here: Town, language: str) -> None:
    """Its progress only grows; and what reads the stream ends by itself."""
    lines = await run(here, language, program(language, "Get a key", "Submit", "Follow"))
    told = [line for line in lines if re.fullmatch(r"[A-Z]+ \d+ %", line)]
    progress = [int(line.split()[1]) for line in told]
    assert told[-1] == "COMPLETED 100 %"
    assert progress == sorted(progress)
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("language", ["python", "js"])
async def test_the_guide_goes_on_where_it_was_cut_off(here: Town, language: str) -> None:
    """With the last id, also after an event was cut in two, and a service that was not well."""
    final = json.dumps({"id": "x", "status": "COMPLETED", "progress": 100, "label": "größe: x"}, ensure_ascii=False)
    acts = [
        answers(202, {"id": "x", "status": "PENDING", "completedAt": None}),
        streams(b": hello\n\n", told(1, progress=10), told(2)[:-4]),
        answers(503, Retry_After="1"),
        streams(f"id: 3\nevent: job\ndata: {final}\n\n".encode(), END),
        answers(204),
    ]
    async with unruly(*acts) as server:
        text = program(language, "Get a key", "Submit", "Follow")
        lines = await run(here, language, text, TRACKER_URL=server.url)
    assert lines[-2:] == ["PROCESSING 10 %", "COMPLETED 100 %"]
    asked = [request.headers.get("last-event-id") for request in server.requests[1:]]
    assert asked == [None, "1", "1", "3"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_guide_cancels_what_is_pending(idle: Town, language: str) -> None:
    """And finds it in the list before."""
    lines = await run(idle, language, program(language, "Get a key", "Submit", "List", "Cancel"))
    assert any(re.fullmatch(rf"{ID} PENDING", line) for line in lines)
    assert lines[-1] == "CANCELLED"


async def test_every_call_of_the_guide_works_in_a_shell(here: Town) -> None:
    """Also those for operators: versions, history, refresh."""
    lines = await run(here, "sh", program("sh"))
    ids = {line for line in lines if re.fullmatch(ID, line)}
    assert len(ids) == 1
    assert "304" in lines
    history = [line.split("\t") for line in lines if "\t" in line]
    assert history[0][1:] == ["api", "created", "PENDING", "applied"]
    assert [line[3] for line in history][-1] == "COMPLETED"
    assert lines[-1] == "COMPLETED"


def as_jpeg(path: Path) -> None:
    Image.open("mask.png").save(path, "JPEG", quality=90)


def as_webp(path: Path) -> None:
    Image.open("mask.png").save(path, "WEBP", quality=90)


def as_png(path: Path) -> None:
    Image.open("mask.png").save(path, "PNG")


@pytest.mark.parametrize(("name", "save"), [("m.png", as_png), ("m.jpg", as_jpeg), ("m.webp", as_webp)])
async def test_the_guide_takes_a_mask_as_file_and_as_base64(
    here: Town, folder: Path, name: str, save: Callable[[Path], None]
) -> None:
    """A form's file, base64 on one line in JSON, and base64 wrapped at 76 in a form: one job, and four images."""
    save(folder / name)
    text = program("sh", "Submit", "Wait", "Fetch the images").replace("mask.png", name)
    lines = await run(here, "sh", text)
    assert_four_images(folder)
    assert len((folder / "mask.b64").read_text().splitlines()) > 1
    assert len({line for line in lines if re.fullmatch(ID, line)}) == 1
    assert len(await here.charges()) == 1


async def test_the_guide_leads_from_a_new_key_to_four_images(redis_url: str, folder: Path) -> None:
    """The key and its entry are what `keys new` prints; the rest is done with curl alone."""
    [minting] = re.findall(r"(?m)^\$ (inpaint-tracker keys new .*)$", GUIDE)
    printed = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "cli", *minting.split()[1:]],
                                      cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    minted, entry = printed.stdout.splitlines()
    async with town(redis_url, api_keys=[ApiKey.model_validate_json(entry)]) as running:
        await run(running, "sh", program("sh", "Submit", "Wait", "Fetch the images"), TRACKER_API_KEY=minted)
    assert_four_images(folder)


async def test_a_newcomer_gets_four_images_here(here: Town, folder: Path) -> None:
    """From the stand-in's upsample on; the addresses are the demo's."""
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    text = program("sh", HERE)
    for demo, ours in {
        "http://127.0.0.1:8000": here.api.base_url,
        "http://127.0.0.1:9000": here.sandbox.base_url,
    }.items():
        assert demo in text
        text = text.replace(demo, str(ours).rstrip("/"))
    lines = await run(here, "sh", text)
    assert (len(lines), len(await here.charges())) == (4, 1)
    assert (await here.sandbox.get(lines[0])).headers["content-type"].startswith("image/")


async def test_the_commands_of_the_guide_work(here: Town) -> None:
    """Those of the console script; what it shows on a terminal goes to stderr."""
    lines = await run(here, "sh", "exec 2> terminal.txt\n" + program("sh", BY_HAND))
    assert sum(line.startswith("http") for line in lines) == 4
    assert lines[-2] == "COMPLETED"
    assert any(re.match(r"status\s+COMPLETED", line) for line in lines)
    assert re.fullmatch(ID, lines[-1])
    assert len(await here.charges()) == 2


def test_every_call_of_the_main_road_is_shown_in_every_language() -> None:
    """In the same order; the shell needs nothing to prepare."""
    for language in LANGUAGES:
        sections = dict.fromkeys(block.section for block in BLOCKS if block.language == language)
        wanted = MAIN_ROAD[1:] if language == "sh" else MAIN_ROAD
        assert [title for title in sections if title in MAIN_ROAD] == list(wanted)


def test_every_block_is_in_a_language_that_is_run_or_for_reading() -> None:
    """A block in any other would be forgotten here."""
    assert {block.language for block in BLOCKS} == {*LANGUAGES, "console", "json"}
    assert len(BLOCKS) == GUIDE.count("\n```") / 2


def first_column(section: str) -> list[str]:
    """Of the section's tables, without the head."""
    text = re.split(r"(?m)^## (.+)$", GUIDE)
    return re.findall(r"(?m)^\| `([\w:]+)`", text[text.index(section) + 1])


def test_the_tables_of_the_guide_are_complete() -> None:
    """Scopes, and the codes of a failure."""
    assert first_column("Get a key") == list(SCOPES)
    assert sorted(first_column("Wait")) == sorted(FailureCode)
    assert all(f"`{status}`" in GUIDE for status in Status)


def test_the_exit_codes_of_the_guide_are_complete() -> None:
    """Each that a command can end with."""
    rows = re.findall(r"(?m)^\| ([\d, ]+) \|", GUIDE.partition(f"## {BY_HAND}")[2])
    assert sorted(int(code) for row in rows for code in row.split(",")) == sorted(Exit)


async def test_a_second_cancellation_is_as_the_guide_says(idle: Town) -> None:
    """No conflict: it is what was asked for."""
    assert "`200` again when it is\n`CANCELLED` already" in GUIDE
    job = await idle.submit()
    answers = [await idle.api.post(f"/v1/jobs/{job['id']}/cancel", headers=key("editor")) for _ in range(2)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "CANCELLED")] * 2


def test_nothing_is_installed_by_a_name_that_is_not_ours() -> None:
    """On a package index it might be anybody's: pages and messages name a folder of the checkout."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "client").rglob("*.md")]
    texts = [
        path.read_text("utf-8") for path in [*pages, *(ROOT / "client").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    ]
    wanted = [name for text in texts for name in re.findall(r"pip install '?([^\s`]+)", text)]
    assert len(wanted) > 4
    assert all(name.startswith("./") for name in wanted), wanted


async def test_the_problem_that_is_shown_is_the_problem_that_is_sent(idle: Town) -> None:
    """Save for the request's id."""
    [shown] = [json.loads(block.text) for block in BLOCKS if block.language == "json"]
    answer = await idle.api.post("/v1/jobs", json=submission(parentJobId="nonsense"), headers=key("editor"))
    assert {**answer.json(), "requestId": shown["requestId"]} == shown
