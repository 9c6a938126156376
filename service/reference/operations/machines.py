"""For machines that watch the service, and for people who read about it."""

from service.reference import samples
from service.reference.operation import JSON, Answer, Media, Operation
from tracker import errors

OPERATIONS: dict[str, Operation] = {
    "GET /healthz": Operation(
        "getHealth", "Service", {200: Answer("Alive.", {JSON: Media("Health", {"alive": {"status": "ok"}})})}
    ),
    "GET /readyz": Operation(
        "getReadiness",
        "Service",
        {200: Answer("Ready.", {JSON: Media("Readiness", {"ready": samples.READINESS})})},
        refusals=(errors.StoreUnavailable,),
    ),
    "GET /metrics": Operation(
        "getMetrics",
        "Service",
        {200: Answer("Prometheus text.", {"text/plain": Media("", {"few": samples.METRICS})})},
        refusals=(errors.StoreUnavailable,),
    ),
    "GET /openapi.json": Operation(
        "getOpenApi", "Service", {200: Answer("The document.", {JSON: None})}, refusals=(errors.InvalidInput,)
    ),
    "GET /docs": Operation(
        "getDocs", "Service", {200: Answer("A page.", {"text/html": Media("")})}, refusals=(errors.InvalidInput,)
    ),
}
