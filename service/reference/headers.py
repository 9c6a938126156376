"""The headers of answers."""

from typing import Any

from service.reference.parameters import text

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "Name it when you ask for help.", "schema": text(minLength=1)},
    "ETag": {"description": "Stands for this version of what is answered; strong.", "schema": text(pattern='^".+"$')},
    "Cache-Control": {"description": "How long it may be kept, by you alone.", "schema": text()},
    "Content-Disposition": {"description": "A name for the file.", "schema": text()},
    "Location": {"description": "The job's address.", "schema": text(pattern="^/v1/jobs/")},
    "Idempotency-Replayed": {
        "description": "There if this is the job of an earlier request with the same `Idempotency-Key`.",
        "schema": text(const="true"),
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to send a key.", "schema": text()},
    "Allow": {"description": "The methods that the address takes.", "schema": text()},
}
OPTIONAL_HEADERS = {"Idempotency-Replayed"}
