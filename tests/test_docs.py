"""The documentation says what the code does."""

import re
from pathlib import Path

from tracker import errors
from tracker.job import Outcome
from tracker.transitions import TABLE, Kind, State

DOCS = Path(__file__).parents[1] / "docs"
NEVER_SHOWN = {errors.ConfigurationError, errors.Unavailable}
ARCHITECTURE = (DOCS / "architecture.md").read_text("utf-8")
MEMBERS = {
    "RUNNING": {State.PENDING, State.QUEUED, State.PROCESSING},
    "FINAL": {State.COMPLETED, State.FAILED, State.CANCELLED},
}

Edge = tuple[State, State]


def edges_of_the_table() -> set[Edge]:
    """Every move, and every way into a dispute."""
    edges = set()
    for kind, row in TABLE.items():
        for state, verdict in row.items():
            if verdict.to is not None:
                inferred = kind in (Kind.EXPIRED, Kind.OVERDUE, Kind.LOST)
                edges.add((state, State.INFERRED if inferred else State(verdict.to.value)))
            elif verdict.outcome is Outcome.CONFLICT and state is not State.DISPUTED:
                edges.add((state, State.DISPUTED))
    return edges


def edges_of_the_diagram() -> set[Edge]:
    """An arrow from or to a group stands for one from or to each of its members."""
    diagram = re.search(r"stateDiagram-v2\n(.*?)```", ARCHITECTURE, re.DOTALL)
    assert diagram is not None
    arrows = re.findall(r"(\w+) --> (\w+)", diagram[1])
    return {(a, b) for left, right in arrows for a in _states(left) for b in _states(right)}


def _states(name: str) -> set[State]:
    return MEMBERS.get(name) or {State(name)}


def test_the_state_diagram_is_the_table() -> None:
    """Edge by edge."""
    assert edges_of_the_diagram() == edges_of_the_table()


def test_every_outcome_is_explained() -> None:
    """In the table under the diagram."""
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", ARCHITECTURE)) == set(Outcome)


def test_every_error_has_its_paragraph() -> None:
    """Under the word that a problem's `type` ends in, with its status."""
    page = (DOCS / "errors.md").read_text("utf-8")
    shown = dict(re.findall(r"(?m)^## (\S+)\n\n`(\d+)`", page))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TrackerError)]
    served = {kind.code: str(kind.status) for kind in kinds if kind not in NEVER_SHOWN}
    assert shown == served


def test_every_link_between_pages_leads_somewhere() -> None:
    """From the README, too."""
    for page in [*DOCS.glob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
