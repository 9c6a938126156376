"""What became of deliveries, and the quarantine."""

from service import deliveries
from service.reference import samples
from service.reference.operation import Answer, Operation, page
from service.reference.operations.webhooks import RECEIPT
from tracker import errors

OPERATIONS: dict[str, Operation] = {
    "GET /v1/deliveries": Operation(
        "listDeliveries",
        "Operations",
        {200: page("DeliveryPage", "deliveries", samples.DELIVERIES)},
        ("outcome", "ofJob", "limit", "cursor"),
    ),
    "GET /v1/quarantine": Operation(
        "listQuarantine",
        "Operations",
        {200: page("QuarantinePage", "entries", [samples.QUARANTINED])},
        deliveries.QUARANTINE_QUERY,
    ),
    "POST /v1/quarantine/{entry_id}/replay": Operation(
        "replayQuarantined",
        "Operations",
        {200: RECEIPT},
        ("entryId",),
        None,
        (errors.NotFound, errors.Conflict),
    ),
    "DELETE /v1/quarantine/{entry_id}": Operation(
        "deleteQuarantined", "Operations", {204: Answer("Gone.")}, ("entryId",), None, (errors.NotFound,)
    ),
}
