"""The shapes that Apiframe v2 documents, strict: a missing, an extra or a wrong field fails."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Percent = Annotated[int, Field(ge=0, le=100)]
Status = Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Accepted(Shape):
    jobId: Uuid  # noqa: N815
    status: Literal["QUEUED", "PROCESSING", "COMPLETED", "FAILED"]


class ListedJob(Shape):
    id: Uuid
    status: Status
    model: Literal["midjourney"]
    progress: Percent | None
    result: Any
    error: str | None
    creditCost: int | None  # noqa: N815
    webhookStatus: Literal["pending", "delivered", "failed"] | None  # noqa: N815
    createdAt: Moment  # noqa: N815
    completedAt: Moment | None  # noqa: N815
    expired: bool


class Job(ListedJob):
    input: dict[str, Any] | None


class Page(Shape):
    jobs: list[ListedJob]
    nextCursor: str | None  # noqa: N815
    hasMore: bool  # noqa: N815
    models: list[str] = []


class User(Shape):
    id: Uuid
    email: str
    role: str


class Team(Shape):
    id: Uuid
    name: str
    credits: Annotated[int, Field(ge=0)]
    plan: str
    customerId: str | None  # noqa: N815
    maxConcurrentJobs: int  # noqa: N815


class Key(Shape):
    id: Uuid
    name: str
    prefix: str


class Me(Shape):
    user: User
    team: Team
    apiKey: Key  # noqa: N815


class Completed(Shape):
    event: Literal["completed"]
    jobId: Uuid  # noqa: N815
    status: Literal["COMPLETED"]
    progress: Literal[100]
    result: Any
    model: Literal["midjourney"]
    creditCost: int  # noqa: N815
    completedAt: Moment  # noqa: N815


class Failed(Shape):
    event: Literal["failed"]
    jobId: Uuid  # noqa: N815
    status: Literal["FAILED"]
    error: Any
    model: Literal["midjourney"]


class Progress(Shape):
    event: Literal["progress"]
    jobId: Uuid  # noqa: N815
    status: Literal["PROCESSING"]
    progress: Percent
    model: Literal["midjourney"]
