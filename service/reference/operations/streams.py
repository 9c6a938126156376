"""Changes of jobs as they happen."""

from service.live import stream
from service.reference import samples
from service.reference.operation import Answer, Media, Operation
from tracker import errors

OPERATIONS: dict[str, Operation] = {
    "GET /v1/jobs/{job_id}/stream": Operation(
        "streamJob",
        "Jobs",
        {
            200: Answer(
                "Events until the job is final.", {stream.MEDIA: Media("StreamEvent", {"final": samples.JOB_EVENT})}
            ),
            204: Answer("It is final, and you have that version: there is nothing to wait for."),
        },
        ("jobId", "Last-Event-ID"),
        None,
        (errors.NotFound, errors.Busy),
    ),
    "GET /v1/stream": Operation(
        "streamJobs",
        "Jobs",
        {
            200: Answer(
                "Events, for as long as you listen.", {stream.MEDIA: Media("StreamEvent", {"one": samples.JOB_EVENT})}
            )
        },
        (*stream.STREAM_QUERY, "Last-Event-ID"),
        None,
        (errors.Busy,),
    ),
}
