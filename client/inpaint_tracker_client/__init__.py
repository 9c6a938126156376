"""Inpaint jobs, handed to an inpaint-tracker and followed to their end.

>>> from inpaint_tracker_client import Tracker
>>> with Tracker() as tracker:  # TRACKER_URL and TRACKER_API_KEY say where and who
...     job = tracker.submit(parent_id, "mask.png", prompt="a red hot air balloon")
...     job = tracker.wait(job.id, timeout=600).raise_for_failure()
>>> job.status
'COMPLETED'
>>> len(job.images)  # URLs: fetch them before job.result_expires_at
4

`AsyncTracker` has the same methods for asyncio. What goes wrong is a `TrackerError`: `Refused` when the service says
no, with its reasons, `Unavailable` when it cannot be reached. A request that got no answer is sent again, and that is
safe: however often a submission arrives, it is one job.
"""

from inpaint_tracker_client.aio import AsyncTracker
from inpaint_tracker_client.errors import (
    BadRequest,
    ChangesMissed,
    Conflict,
    Forbidden,
    InvalidInput,
    NotConfigured,
    NotFound,
    Problem,
    Refused,
    TooLarge,
    TooManyRequests,
    TrackerError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
)
from inpaint_tracker_client.masks import MaskSource
from inpaint_tracker_client.models import Event, Failure, Job, JobFailed, Mask, Result, WaitTimeout
from inpaint_tracker_client.sync import Tracker
from inpaint_tracker_client.version import __version__

__all__ = [
    "AsyncTracker",
    "BadRequest",
    "ChangesMissed",
    "Conflict",
    "Event",
    "Failure",
    "Forbidden",
    "InvalidInput",
    "Job",
    "JobFailed",
    "Mask",
    "MaskSource",
    "NotConfigured",
    "NotFound",
    "Problem",
    "Refused",
    "Result",
    "TooLarge",
    "TooManyRequests",
    "Tracker",
    "TrackerError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "WaitTimeout",
    "__version__",
]
