"""The settings of a sandbox: from `SANDBOX_*` variables or the constructor, read once, frozen."""

from typing import Annotated, Literal

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sandbox.mischief import Mischief

Keys = Annotated[tuple[str, ...], NoDecode]


class SandboxSettings(BaseSettings):
    """Every field is also a variable: `SANDBOX_CREDITS=50`, `SANDBOX_MISCHIEF__WEBHOOK_DROPPED=0.1`."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", env_nested_delimiter="__", frozen=True, extra="forbid")

    api_keys: Keys = Field(("afk_sandbox",), description="Keys of the one user, comma-separated", min_length=1)
    stranger_keys: Keys = Field((), description="Keys of another user, who sees none of the first one's jobs")
    role: str = Field("OWNER", description="The user's role: OWNER and ADMIN may list the team's jobs")
    credits: int = Field(1_000_000, ge=0, description="Each team's credits at the start")
    plan: str = Field("sandbox", description="The plan that GET /v2/me tells")
    max_concurrent_jobs: int = Field(10, ge=1, description="Jobs in PROCESSING at once; more stay QUEUED")

    queue_seconds: float = Field(0.5, ge=0, description="Shortest time in QUEUED")
    run_seconds: float = Field(4.0, ge=0, description="Time in PROCESSING")
    progress_step: int = Field(20, ge=1, le=100, description="Percent points between two progress events")
    retention_seconds: float = Field(86_400, ge=0, description="Image files are gone this long after the end")

    secret_form: Literal["raw", "hex"] = Field(
        "hex", description="HMAC key: the 32 bytes of SHA-256(API key), or their 64 hex digits in ASCII"
    )
    webhook_timeout: float = Field(10.0, gt=0, description="Seconds a receiver has to answer one delivery")
    webhook_retries: int = Field(0, ge=0, description="Further tries after anything but a 2xx")
    webhook_retry_seconds: float = Field(1.0, ge=0, description="Pause before the first retry; then doubled")

    public_url: HttpUrl | None = Field(None, description="Base of result URLs; by default the request's host")
    cached_images: int = Field(48, ge=8, description="Painted images kept in memory (3 MB each at 1024x1024)")
    logged_lines: int = Field(20_000, ge=1, description="Requests and deliveries that the log remembers")
    mischief: Mischief = Field(Mischief(), description="How the sandbox misbehaves at the start: not at all")

    @field_validator("api_keys", "stranger_keys", mode="before")
    @classmethod
    def split_at_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(key.strip() for key in value.split(",") if key.strip())
