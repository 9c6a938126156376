"""The components' schemas: from the models in use, with the words and limits that a model does not hold."""

from pydantic import BaseModel

from service.reference.schemas import bulk, deliveries, health, jobs, operators, problems, stats, submissions
from service.reference.schemas.generated import of_models
from service.reference.schemas.words import Parts, Schema

ASKED: tuple[type[BaseModel], ...] = (*submissions.ASKED, *bulk.ASKED, *operators.ASKED)
ANSWERED: tuple[type[BaseModel], ...] = (
    *jobs.ANSWERED,
    *bulk.ANSWERED,
    *operators.ANSWERED,
    *deliveries.ANSWERED,
    *stats.ANSWERED,
    *health.ANSWERED,
    *problems.ANSWERED,
)
PARTS: Parts = {
    **jobs.PARTS,
    **submissions.PARTS,
    **bulk.PARTS,
    **operators.PARTS,
    **deliveries.PARTS,
    **stats.PARTS,
    **health.PARTS,
    **problems.PARTS,
}
"""Every property has its words here. A test sees to it."""


def schemas() -> dict[str, Schema]:
    """By name, in alphabetical order."""
    made = {**of_models(ASKED, "validation"), **of_models(ANSWERED, "serialization")}
    for name, parts in PARTS.items():
        for part, more in parts.items():
            made[name]["properties"][part] |= more
    made["BulkRequest"]["oneOf"] = bulk.ONE_OF
    made["InpaintForm"] = submissions.form(made["InpaintRequest"])
    made["Delivery"] = deliveries.DELIVERY
    return dict(sorted(made.items()))
