"""The same seed draws the same soak."""

from itertools import pairwise

from tests.soak.plan import ALL, BLOWS, How, Plan


def test_a_plan_is_its_seeds() -> None:
    """Another seed, another plan."""
    plan, same, other = Plan(60, 200, seed=1), Plan(60, 200, seed=1), Plan(60, 200, seed=2)
    assert plan.wishes() == same.wishes() != other.wishes()
    assert list(plan.blows()) == list(same.blows()) != list(other.blows())
    assert plan.mischief(0) == same.mischief(0) != plan.mischief(1)


def test_every_wish_is_its_own_and_lies_within_the_time() -> None:
    """By its prompt and by its key."""
    wishes = Plan(60, 200).wishes()
    assert len({wish.prompt for wish in wishes}) == len({wish.key for wish in wishes}) == 200
    assert all(0 <= wish.at < 60 for wish in wishes)


def test_blows_follow_each_other_and_the_last_kills_everything() -> None:
    """Nobody is struck while it is down already, and every kind of blow falls in ten minutes."""
    blows = list(Plan(600, 1).blows())
    assert all(first.at + first.down < second.at for first, second in pairwise(blows))
    assert {struck.blow for struck in blows[:-1]} == set(BLOWS)
    assert (blows[-1].at, blows[-1].blow.how, blows[-1].blow.victims) == (600, How.KILLED, ALL)
