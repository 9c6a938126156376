"""What a command says on stdout: whole, at once, and with one word where that cannot be."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

from cli.exits import Exit, Stop

Job = dict[str, Any]


def take_any_text() -> None:
    """A prompt or a label may have letters that the terminal's encoding has not: they are shown as escapes."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """At once, so that a pipe sees each as it comes."""
    with writing():
        print(text, flush=True)


def say_json(document: object) -> None:
    say(json.dumps(document))


@contextmanager
def one_by_one(as_json: bool) -> Iterator[Callable[[Job, str], None]]:
    """Yields how each of several jobs is told: a line at once, or `{"jobs": […]}` at the end, however it ends."""
    told: list[Job] = []

    def tell(job: Job, plain: str) -> None:
        if as_json:
            told.append(job)
        else:
            say(plain)

    try:
        yield tell
    finally:
        if as_json:
            say_json({"jobs": told})


@contextmanager
def writing() -> Iterator[None]:
    """Raises Stop where what was written within cannot be taken."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise unread() from None
    except OSError as error:
        _discard()
        raise Stop(f"{error.filename or 'Cannot write the output'}: {error.strerror}.", Exit.OUTPUT) from None


def one_line(text: str) -> str:
    """Without what could move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def words_of(job: Job) -> str:
    """What people know it by: its prompt, and its labels."""
    labels = [f"{name}={value}" for name, value in job["labels"].items()]
    return one_line("  ".join([job["prompt"] or "-", *labels]))


def unread() -> Stop:
    """To be raised where nobody reads on."""
    _discard()
    return Stop("", Exit.PIPE)


def _discard() -> None:
    """What is still buffered: Python would try it again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
