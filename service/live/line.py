"""The way out of an answer whose head is sent: the server's own `send`; the layers above see to the head alone."""

from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, cast

from starlette.types import Message, Scope, Send


class Line:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._rest: Awaitable[None] | None = None

    @classmethod
    def of(cls, scope: Scope) -> "Line":
        return cls(scope["state"]["send"])

    async def write(self, content: bytes) -> None:
        """Waits while the client does not read."""
        await self._send(_part(content))

    def begin(self, content: bytes) -> bool:
        """Without a task, and so without waking one. False where it must wait, or fails: `finish` is to be awaited."""
        sending = cast(Coroutine[Any, None, None], self._send(_part(content)))
        try:
            self._rest = _Rest(sending, sending.send(None))
        except StopIteration:
            return True
        except (OSError, RuntimeError) as error:  # what servers raise for a line that is cut, or an answer that is over
            self._rest = _failure(error)
        return False

    async def finish(self) -> None:
        """The rest of what was begun, if there is any. Raises what sending it raises."""
        if self._rest:
            rest, self._rest = self._rest, None
            await rest


class _Rest:
    """A coroutine that was begun outside any task, and waits for `awaited`: a task awaits both."""

    def __init__(self, begun: Coroutine[Any, None, None], awaited: Any) -> None:
        self._begun, self._awaited = begun, awaited

    def __await__(self) -> Generator[Any, None, None]:
        try:
            yield self._awaited
            yield from self._begun.__await__()
        finally:
            self._begun.close()


async def _failure(error: Exception) -> None:
    raise error


def _part(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": True}
