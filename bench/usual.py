"""The usual service, as anyone would write it: FastAPI, pydantic, redis-py; read the job, decide, write it back.

uvicorn bench.usual:app
"""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

FINAL = ("COMPLETED", "FAILED", "CANCELLED")
RETENTION_SECONDS = 30 * 24 * 3600
redis: "Redis" = Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
secret = hashlib.sha256(os.environ["APIFRAME_API_KEY"].encode()).hexdigest().encode()


class Result(BaseModel):
    images: list[str] = Field(default_factory=list)
    grid_url: str | None = Field(None, alias="gridUrl")


class Webhook(BaseModel):
    event: Literal["progress", "completed", "failed"]
    job_id: str = Field(alias="jobId")
    status: str
    progress: int | None = None
    result: Result | None = None
    error: str | None = None
    credit_cost: int | None = Field(None, alias="creditCost")


class Job(BaseModel):
    id: str
    upstream_id: str
    status: str = "QUEUED"
    progress: int = 0
    images: list[str] = Field(default_factory=list)
    grid_url: str | None = None
    error: str | None = None
    credit_cost: int | None = None


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    await redis.aclose()


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def readyz() -> dict[str, bool]:
    await redis.ping()
    return {"ok": True}


@app.post("/webhooks/apiframe/{job_id}")
async def receive(job_id: str, request: Request) -> dict[str, str]:
    body = await request.body()
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature, request.headers.get("x-webhook-signature", "")):
        raise HTTPException(401, "bad signature")
    try:
        webhook = Webhook.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, "unreadable") from error
    job = await load(job_id, webhook.job_id)
    if moves(job, webhook):
        await save(update(job, webhook))
    return {"jobId": job_id}


async def load(job_id: str, upstream_id: str) -> Job:
    stored = await redis.get(f"job:{job_id}")
    return Job.model_validate_json(stored) if stored else Job(id=job_id, upstream_id=upstream_id)


def moves(job: Job, webhook: Webhook) -> bool:
    if job.status in FINAL:
        return False
    return webhook.status in FINAL or (webhook.progress or 0) > job.progress


def update(job: Job, webhook: Webhook) -> Job:
    job.status, job.error, job.credit_cost = webhook.status, webhook.error, webhook.credit_cost
    job.progress = max(job.progress, webhook.progress or 0)
    if webhook.result:
        job.images, job.grid_url = webhook.result.images, webhook.result.grid_url
    return job


async def save(job: Job) -> None:
    document = job.model_dump_json()
    await redis.set(f"job:{job.id}", document, ex=RETENTION_SECONDS)
    await redis.publish("jobs", document)
