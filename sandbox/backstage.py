"""The sandbox's own paths, `/sandbox/*`: what happened, what it cost, how to misbehave. No key is asked for."""

import base64
import binascii
import io
import uuid
from typing import Annotated

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import JSONResponse, Response

from sandbox.api import Sandboxed, base_url
from sandbox.bodies import ACTION
from sandbox.jobs import Job, Status, timestamp
from sandbox.mischief import Mischief
from sandbox.parsing import parse, read_json
from sandbox.refusals import Invalid, JobNotFound
from sandbox.world import World

MISCHIEF = TypeAdapter(Mischief)
Side = Annotated[int, Field(ge=16, le=4096)]


class Seed(BaseModel):
    """A COMPLETED upsample to begin with: a drawn scene, or the picture in `image` (base64)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Side = 1024
    height: Side = 1024
    prompt: str = "a calm lake under mountains"
    image: str = ""


SEED = TypeAdapter(Seed)


async def log(request: Sandboxed) -> Response:
    return JSONResponse(request.state["world"].journal.wire())


async def ledger(request: Sandboxed) -> Response:
    """The first user's; `?user=stranger` gives the other one's."""
    owner, stranger = request.state["world"].accounts.users
    user = stranger if request.query_params.get("user") == "stranger" else owner
    return JSONResponse(user.ledger.wire())


async def get_mischief(request: Sandboxed) -> Response:
    return JSONResponse(request.state["world"].dice.mischief.model_dump(mode="json"))


async def put_mischief(request: Sandboxed) -> Response:
    """The whole of it anew: what is left out behaves well again."""
    world = request.state["world"]
    world.load(parse(MISCHIEF, read_json(await request.body())))
    return JSONResponse(world.dice.mischief.model_dump(mode="json"))


async def strikes(request: Sandboxed) -> Response:
    """How often each fault has struck since the mischief was loaded; those that never did are left out."""
    return JSONResponse(request.state["world"].dice.struck)


async def jobs(request: Sandboxed) -> Response:
    """Every job there is, in the order of their coming, with its input and the time of its end."""
    archive = request.state["world"].archive
    ends = {job.id: job.ended_at and timestamp(job.ended_at) for job in archive}
    told = [{**archive.wire(job, with_input=True), "endedAt": ends[job.id]} for job in archive]
    return JSONResponse({"jobs": told})


async def seed_job(request: Sandboxed) -> Response:
    """201 with the job; free of charge, and owned by the first user."""
    world, raw = request.state["world"], await request.body()
    seed = parse(SEED, read_json(raw or b"{}"))
    job = _completed(world, seed, base_url(request))
    world.archive.add(job)
    return JSONResponse({"jobId": job.id, "status": job.status, "result": job.result}, 201)


async def settled(request: Sandboxed) -> Response:
    """The job, as soon as nothing more will happen to it and its deliveries are through: a long poll."""
    world = request.state["world"]
    job = world.archive.find(request.path_params["job_id"])
    if job is None:
        raise JobNotFound
    await job.settled.wait()
    await world.courier.drained(job)
    return JSONResponse(world.archive.wire(job, with_input=True))


def _completed(world: World, seed: Seed, base: str) -> Job:
    picture = _picture(seed.image) if seed.image else None
    body = {"action": "upsample", "parentJobId": str(uuid.uuid4()), "index": 1}
    owner = world.accounts.users[0]
    job = Job(
        id=str(uuid.uuid4()),
        number=world.archive.next_number(),
        user=owner,
        key=owner.keys[0],
        request=parse(ACTION, body),
        input=body,
        size=picture.size if picture else (seed.width, seed.height),
        base_url=base,
        created_at=world.clock(),
        seed_prompt=seed.prompt,
        picture=_png(picture) if picture else None,
    )
    job.status, job.progress, job.completed_at = Status.COMPLETED, 100, job.created_at
    job.ended_at = job.created_at
    job.credit_cost, job.result = 0, job.files()
    job.settled.set()
    return job


def _picture(text: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            return image.convert("RGB")
    except (binascii.Error, ValueError, OSError, SyntaxError):
        raise Invalid({"image": ["Not an image in base64"]}) from None


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=3)
    return file.getvalue()
