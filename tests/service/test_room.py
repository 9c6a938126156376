"""The room for bodies is shared, and all of it comes back."""

import pytest

from service.room import SMALL, Room
from tracker.errors import Busy


def test_small_bodies_always_find_room_and_large_ones_share_what_there_is() -> None:
    """What is beyond is refused, and takes nothing."""
    room = Room(1000)
    first, second, small = room.share(), room.share(), room.share()
    first.grow(SMALL + 600)
    with pytest.raises(Busy):
        second.grow(SMALL + 401)
    second.grow(SMALL + 400)
    small.grow(SMALL)
    assert room.left == 0


def test_a_share_grows_and_is_given_back_once() -> None:
    """Whatever was declared before, and however often it is given back."""
    room = Room(1000)
    share = room.share()
    for size in (10, SMALL + 700, SMALL + 300, SMALL + 800):
        share.grow(size)
    assert room.left == 200
    share.give_back()
    share.give_back()
    assert room.left == 1000
