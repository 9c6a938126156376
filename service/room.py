"""How much of all requests' bodies is held at once: small ones always find room, large ones share what there is."""

from tracker.errors import Busy

SMALL = 16 * 1024
"""Bytes of each body that take no room, so that a flood of large ones keeps no usual delivery or submission out."""


class Room:
    def __init__(self, size: int) -> None:
        """`size` in bytes."""
        self.left = size

    def share(self) -> "Share":
        return Share(self)


class Share:
    """What one request holds, from the first byte of its body until it is answered."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def grow(self, size: int) -> None:
        """To hold a body of `size` bytes, never to less than before. Raises Busy."""
        more = max(0, size - SMALL - self._held)
        if more > self._room.left:
            raise Busy("Too many large bodies are being sent at once; send this one again in a moment.")
        self._room.left -= more
        self._held += more

    def give_back(self) -> None:
        self._room.left += self._held
        self._held = 0
