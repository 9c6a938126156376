"""What is typed into the search: an id, ours or Apiframe's, or a label."""

from dataclasses import dataclass
from urllib.parse import urlencode

from service.dashboard.html import Visit
from tracker.ids import as_uuid
from tracker.submission import LABEL_RULE, is_label

HINT = "Search takes a whole job id, ours or Apiframe's, or a label as name=value."


@dataclass(frozen=True)
class Elsewhere:
    """Where what was sought is."""

    address: str


async def search(visit: Visit, sought: str) -> Elsewhere | str:
    """The way to it, or why there is none."""
    if job_id := as_uuid(sought):
        stored = await visit.state.store.find(job_id)
        if stored is not None and visit.caller.sees(stored.job):
            return Elsewhere(f"/jobs/{stored.job.id}")
        return f"No job has the id {job_id}, neither here nor at Apiframe as far as we know."
    name, equals, value = (part.strip() for part in sought.partition("="))
    if equals and is_label(name, value):
        return Elsewhere(f"/?{urlencode({f'label.{name}': value})}")
    return f"No job can have this label: {LABEL_RULE}" if equals else HINT
