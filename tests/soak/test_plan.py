"""The same seed draws the same soak."""

from itertools import pairwise

from tests.soak.plan import ALL, Plan


def test_a_plan_is_its_seeds() -> None:
    """Another seed, another plan."""
    plan, same, other = Plan(60, 200, seed=1), Plan(60, 200, seed=1), Plan(60, 200, seed=2)
    assert plan.wishes() == same.wishes() != other.wishes()
    assert list(plan.kills()) == list(same.kills()) != list(other.kills())
    assert plan.mischief(0) == same.mischief(0) != plan.mischief(1)


def test_every_wish_is_its_own_and_lies_within_the_time() -> None:
    """By its prompt and by its key."""
    wishes = Plan(60, 200).wishes()
    assert len({wish.prompt for wish in wishes}) == len({wish.key for wish in wishes}) == 200
    assert all(0 <= wish.at < 60 for wish in wishes)


def test_kills_follow_each_other_and_the_last_takes_everything_down() -> None:
    """Nobody is killed while it is down already."""
    kills = list(Plan(600, 1).kills())
    assert all(first.at + first.down < second.at for first, second in pairwise(kills))
    assert {kill.victims for kill in kills[:-1]} >= {("service",), ("worker",), ("redis",)}
    assert (kills[-1].at, kills[-1].victims) == (600, ALL)
