"""Whether the service is there, and whether it is ready."""

from typing import Literal

from service.reference.schemas.words import Parts
from tracker.job import Wire


class Health(Wire):
    status: Literal["ok"]


class Readiness(Wire):
    status: Literal["ready"]
    instance: str


ANSWERED = (Health, Readiness)
PARTS: Parts = {
    "Health": {"status": {"description": "One word."}},
    "Readiness": {
        "status": {"description": "One word."},
        "instance": {"description": "The same for every process on one Redis; `doctor` knows the installation by it."},
    },
}
