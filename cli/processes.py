"""`serve`, `worker` and `sandbox`: one process each; and whether the one that runs here is well."""

import gc
import socket
from typing import Annotated, Literal, TypeVar

import typer
from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.exits import Exit, Stop, run_until_told

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")]
Kind = TypeVar("Kind", bound=BaseSettings)


class _Logs(BaseSettings):
    """What the sandbox takes of the service's settings: it needs no Redis and no key of Apiframe's."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(str.lower)] = "info"
    log_format: Annotated[Literal["json", "console"], BeforeValidator(str.lower)] = "json"


def serve(host: Host = None, port: Port = None) -> None:
    """The HTTP service: webhooks in, the API out. Settings come from the environment and .env."""
    run_until_told()
    gc.disable()  # until it is ready: what is imported stays
    from cli.server import run
    from service.app import create_app
    from tracker import logs
    from tracker.settings import load

    settings = load()
    logs.configure(settings.log_level, settings.log_format, for_good=True)
    address = host or settings.host, settings.port if port is None else port
    run(create_app(settings), listen(*address), "service", settings.request_timeout_seconds)


def worker() -> None:
    """The arq worker: submits, looks up, tidies. Settings come from the environment and .env."""
    run_until_told()
    from tracker import logs
    from tracker.settings import load
    from workers.main import run

    settings = load()
    logs.configure(settings.log_level, settings.log_format, for_good=True)
    run(settings)


def sandbox(host: Host = "127.0.0.1", port: Port = 9000) -> None:
    """A stand-in for Apiframe v2 that really repaints and sends signed webhooks. Settings: SANDBOX_*, LOG_*."""
    run_until_told()
    try:
        from sandbox.app import create_app
        from sandbox.settings import SandboxSettings
    except ImportError as error:
        raise Stop(
            f"The sandbox needs more: in a checkout, pip install './[sandbox]' ({error.name})", Exit.USAGE
        ) from None
    from cli.server import run
    from tracker import logs

    told, settings = _settings(_Logs), _settings(SandboxSettings)
    logs.configure(told.log_level, told.log_format, for_good=True)
    run(create_app(settings), listen(host or "127.0.0.1", 9000 if port is None else port), "sandbox")


def healthy(
    process: Annotated[Literal["serve", "worker", "sandbox"] | None, typer.Argument(help="Which one.")] = None,
) -> None:
    """Exits 0 while the process that runs here is well: for a container's health check."""
    from cli.healthy import check

    raise typer.Exit(check(process))


def _settings(kind: type[Kind]) -> Kind:
    """Raises Stop with a line for each mistake."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        lines = [f"{prefix}{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise Stop("\n".join(lines), Exit.USAGE) from None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or one line that says why there is none."""
    try:
        listener = socket.create_server((host, port), backlog=2048)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not, on a socket it was handed
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: a peer that takes no answer is let go, in milliseconds
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)
        return listener
    except OSError as error:
        reason = "in use by another process" if error.errno == 98 else error.strerror
        raise Stop(f"Cannot listen on {host}:{port}: {reason}. Choose another with --port.", Exit.USAGE) from None
