"""What is told of a Redis that does not serve us."""

import pytest
from redis.exceptions import AuthenticationError, BusyLoadingError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from tracker.store.connection import unavailable, why


def caused(error: Exception) -> Exception:
    """As redis-py raises what has kept it from connecting."""
    outer = RedisConnectionError(error)
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "it is full"),
        (ReadOnlyError("You can't write against a read only replica."), "it is a replica"),
        (
            ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            "it cannot write to its disk",
        ),
        (caused(AuthenticationError("Authentication required.")), "it wants another password than it is given"),
        (caused(BusyLoadingError("Redis is loading the dataset in memory")), "it loads its data"),
        (caused(ConnectionRefusedError(111, "Connect call failed")), "ConnectionRefusedError"),
        (ResponseError("ERR secret"), "ResponseError"),
    ],
)
def test_the_reason_is_told_in_words_or_by_name(error: Exception, words: str) -> None:
    """Nothing else of what Redis says is passed on."""
    assert why(error) == words
    assert str(unavailable(error)) == f"Redis cannot serve this now ({words}); try again."
