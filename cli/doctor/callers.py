"""API_KEYS: who may call."""

from collections.abc import Iterator

from cli.doctor.finding import Finding, ok, problem, warning
from tracker.settings import Settings

_MINT = "inpaint-tracker keys new --name NAME --scopes submit,read"


def examine(settings: Settings) -> Iterator[Finding]:
    keys = settings.api_keys
    if not keys:
        yield problem("API_KEYS", "is empty: nobody can call the API", f"Make one with `{_MINT}`.")
        return
    names = sorted({key.name for key in keys})
    yield ok("API_KEYS", f"{len(keys)} for {', '.join(names)}")
    if not any("submit" in key.scopes for key in keys):
        yield warning("API_KEYS", "no key may submit", f"Make one with `{_MINT}`.")
