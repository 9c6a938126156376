"""`keys new`: a caller's key, and what the service keeps of it."""

import hashlib
import json
import secrets
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from cli.exits import Exit, Stop
from cli.options import AsJson
from cli.output import say, say_json
from tracker.settings import SCOPES, ApiKey

app = typer.Typer(help="Callers' keys.", no_args_is_help=True)
PREFIX = "itk_"
KEY_BYTES = 32


@app.command()
def new(
    name: Annotated[str, typer.Option(help="Who it is for; jobs are owned by this name.", metavar="NAME")],
    scopes: Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(SCOPES)}.", metavar="A,B")],
    as_json: AsJson = False,
) -> None:
    """Mints a key: prints it once, and its entry for API_KEYS. Nothing is kept."""
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = json.loads(_entry(name, scopes, key).model_dump_json())
    entry["scopes"] = sorted(entry["scopes"], key=SCOPES.index)
    if as_json:
        say_json({"key": key, "entry": entry})
        return
    _explain(f"The key of {name}, shown this once:")
    say(key)
    _explain("Its entry in the list API_KEYS (a second entry of the same name lets a key be rotated):")
    say_json(entry)


def _entry(name: str, scopes: str, key: str) -> ApiKey:
    given = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    document = {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": given}
    try:
        return ApiKey.model_validate(document)
    except ValidationError as error:
        fields = {str(problem["loc"][0]) for problem in error.errors()}
        raise Stop(" ".join(_EXPECTED[field] for field in sorted(fields)), Exit.USAGE) from None


_EXPECTED = {
    "name": "--name takes 1 to 63 letters, digits, '.', '_' and '-', the first a letter or digit.",
    "scopes": f"--scopes takes one or more of {', '.join(SCOPES)}, comma-separated.",
}


def _explain(text: str) -> None:
    """For people alone: a script reads two lines."""
    if sys.stdout.isatty():
        print(text, file=sys.stderr, flush=True)
