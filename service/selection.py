"""Which jobs are meant, and what is to be done to them: read strictly, since a slip could mean every job."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints

from service import queries
from tracker.errors import InvalidInput
from tracker.job import Status
from tracker.store.pages import Filter
from tracker.submission import InpaintRequest, Labels, canonical_uuid, read_model

MAX_IDS = 1_000
Verb = Literal["cancel", "refresh"]
_Moment = Annotated[datetime, BeforeValidator(queries.as_moment)]


class JobFilter(BaseModel):
    """The list's filters. Without any, all jobs are meant."""

    model_config = InpaintRequest.model_config

    status: Annotated[list[Annotated[Status, Field(strict=False)]], Field(min_length=1, max_length=len(Status))] = (
        Field(default_factory=list)
    )
    owner: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(default_factory=str)
    parent_job_id: Annotated[str, AfterValidator(canonical_uuid)] = Field(default_factory=str)
    labels: Annotated[Labels, Field(min_length=1)] = Field(default_factory=dict)
    created_after: _Moment = Field(default_factory=lambda: queries.EARLIEST)
    created_before: _Moment = Field(default_factory=lambda: queries.LATEST)

    def wanted(self) -> Filter:
        """As the store has it."""
        given = self.model_fields_set
        return Filter(
            statuses=tuple(status for status in Status if status in self.status),
            owner=self.owner or None,
            parent_job_id=self.parent_job_id or None,
            labels=tuple(sorted(self.labels.items())),
            created_after=self.created_after if "created_after" in given else None,
            created_before=self.created_before if "created_before" in given else None,
        )


class BulkRequest(BaseModel):
    """What to do, and to which jobs: `ids`, or a `filter`."""

    model_config = InpaintRequest.model_config

    action: Verb
    ids: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=64)]], Field(min_length=1, max_length=MAX_IDS)
    ] = Field(default_factory=list)
    filter: JobFilter = Field(default_factory=JobFilter)
    dry_run: bool = False

    @property
    def meant(self) -> dict[str, Any]:
        """For the audit list: the filter, or how many ids."""
        shown = self.filter.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"ids": len(self.ids)} if self.ids else {"filter": shown}


def read(document: dict[str, Any]) -> BulkRequest:
    """Raises InvalidInput, also where not one of the two says which jobs are meant."""
    asked = read_model(BulkRequest, document)
    given = asked.model_fields_set & {"ids", "filter"}
    if len(given) != 1:
        text = "Give ids or a filter, not both." if given else "Give ids, or a filter; an empty one means every job."
        raise InvalidInput({name: [text] for name in sorted(given) or ["ids"]})
    return asked
