"""Where Apiframe delivers its news."""

from service.reference import samples
from service.reference.operation import JSON, Answer, Media, Operation
from service.reference.refusals import BODY
from tracker import errors

RECEIPT = Answer(
    "The news is in Redis, whatever became of it.",
    {JSON: Media("Receipt", {"applied": {"jobId": samples.JOB_ID, "outcome": "applied"}})},
)
_DELIVERY = {JSON: Media("Delivery", {"completed": samples.DELIVERY})}
_DELIVERED = (*BODY, errors.SignatureRefused, errors.TooManyFailures, errors.StoreUnavailable)

OPERATIONS: dict[str, Operation] = {
    "POST /webhooks/apiframe": Operation(
        "receiveDelivery", "Webhooks", {200: RECEIPT}, ("X-Webhook-Signature",), _DELIVERY, _DELIVERED, "about any job"
    ),
    "POST /webhooks/apiframe/{job_id}": Operation(
        "receiveJobDelivery",
        "Webhooks",
        {200: RECEIPT},
        ("hint", "X-Webhook-Signature"),
        _DELIVERY,
        _DELIVERED,
        "about a job of ours",
    ),
}
