"""Jobs: submitted, found, looked at, ended."""

from service import jobs
from service.images import route as images
from service.reference import samples
from service.reference.operation import JSON, Answer, Media, Operation
from service.reference.refusals import WITH_BODY
from tracker import errors

_IMAGES = {f"image/{kind}": Media("") for kind in ("png", "jpeg", "webp", "gif")}


def job(said: str, *examples: str, headers: tuple[str, ...] = ()) -> Answer:
    shown = {name: getattr(samples, name.upper()) for name in examples}
    return Answer(said, {JSON: Media("Job", shown)}, ("ETag", *headers))


OPERATIONS: dict[str, Operation] = {
    "POST /v1/jobs": Operation(
        "submitJob",
        "Jobs",
        {202: job("Taken.", "pending", headers=("Location", "Idempotency-Replayed"))},
        ("Idempotency-Key", "traceparent"),
        {
            JSON: Media("InpaintRequest", {"balloon": samples.SUBMISSION}),
            "multipart/form-data": Media(
                "InpaintForm",
                encoding={
                    "labels": {"contentType": JSON},
                    "mask": {"contentType": "image/png, image/jpeg, image/webp"},
                },
            ),
        },
        (*WITH_BODY, errors.MaskRefused, errors.Conflict, errors.Backlogged),
    ),
    "GET /v1/jobs": Operation(
        "listJobs",
        "Jobs",
        {
            200: Answer(
                "A page.",
                {
                    JSON: Media(
                        "JobPage",
                        {
                            "first": {"jobs": [samples.PROCESSING], "nextCursor": samples.CURSOR, "hasMore": True},
                            "last": {"jobs": [samples.COMPLETED], "nextCursor": None, "hasMore": False},
                        },
                    )
                },
            )
        },
        jobs.LIST_QUERY,
    ),
    "POST /v1/jobs/track": Operation(
        "trackJob",
        "Jobs",
        {
            200: job("It was known already.", "stranger", headers=("Location",)),
            201: job("Tracked from now on.", "stranger", headers=("Location",)),
        },
        (),
        {JSON: Media("TrackRequest", {"one": samples.TRACKING})},
        (*WITH_BODY, errors.NotFound, errors.Conflict, errors.UpstreamUnavailable),
    ),
    "GET /v1/jobs/{job_id}": Operation(
        "getJob",
        "Jobs",
        {
            200: job("The job as it is.", "pending", "processing", "completed", "failed"),
            304: Answer("It is still the version that you know.", headers=("ETag",)),
        },
        ("jobId", *jobs.GET_QUERY, "If-None-Match"),
        None,
        (errors.NotFound,),
    ),
    "GET /v1/jobs/{job_id}/events": Operation(
        "listJobEvents",
        "Jobs",
        {
            200: Answer(
                "A page.",
                {JSON: Media("EventPage", {"all": {"events": samples.EVENTS, "nextCursor": None, "hasMore": False}})},
            )
        },
        ("jobId", *jobs.EVENTS_QUERY),
        None,
        (errors.NotFound,),
    ),
    "GET /v1/jobs/{job_id}/images/{image}": Operation(
        "getJobImage",
        "Jobs",
        {
            200: Answer("The image.", _IMAGES, ("ETag", "Cache-Control", "Content-Disposition")),
            304: Answer("It is still the image that you know.", headers=("ETag", "Cache-Control")),
        },
        ("jobId", "image", *images.IMAGE_QUERY, "If-None-Match"),
        None,
        (errors.NotFound, errors.Gone, errors.UpstreamFault, errors.UpstreamUnavailable, errors.Busy),
    ),
    "POST /v1/jobs/{job_id}/cancel": Operation(
        "cancelJob",
        "Jobs",
        {200: job("Cancelled, now or before.", "cancelled")},
        ("jobId",),
        None,
        (errors.NotFound, errors.Conflict),
    ),
    "POST /v1/jobs/{job_id}/refresh": Operation(
        "refreshJob",
        "Jobs",
        {200: job("The job as Apiframe tells of it.", "completed")},
        ("jobId",),
        None,
        (errors.NotFound, errors.Conflict, errors.UpstreamUnavailable),
    ),
}
