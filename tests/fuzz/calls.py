"""Calls of the API as schemathesis makes them, within and without its description."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, cast
from uuid import UUID

import requests
from schemathesis import Case

from service.live import stream
from service.queries import MAX_WAIT
from service.reference import samples
from tests.door import UPSTREAM_KEY, key
from tracker.submission import MAX_LABELS

BRIEFLY = 0.05
ADDRESSES = map(str, ip_network("10.0.0.0/8").hosts())
"""Each call comes from another, so that wrong keys are answered 401 and not, from the twentieth on, 429."""


@dataclass(frozen=True)
class Place:
    """A running service, jobs that it has, and entries of its quarantine."""

    address: str
    job_ids: list[str]
    entry_ids: list[str]


def call(case: Case[Any], owner: str | None, place: Place) -> None:
    """Raises what schemathesis finds: a 5xx, a status, header, media type or body that is not in the document."""
    answerable(case, place)
    auth: dict[str, Any] = {"auth": sign} if "webhooks" in case.path and is_positive(case) else {}
    headers = {**(key(owner) if owner else {}), "X-Forwarded-For": next(ADDRESSES)}
    if case.path.endswith("/stream"):
        _listen_in(case, place, headers)
    else:
        case.call_and_validate(base_url=place.address, headers=headers, **auth)


def _listen_in(case: Case[Any], place: Place, headers: dict[str, str]) -> None:
    """Streams need not end: of one that begins, the first line is heard."""
    how: dict[str, Any] = {"base_url": place.address, "headers": headers}
    with requests.request(**case.as_transport_kwargs(**how), stream=True, timeout=5) as answer:
        if answer.status_code != requests.codes.ok:
            case.validate_response(answer, headers=headers, transport_kwargs=how)
        elif answer.request.method != "HEAD":
            assert answer.headers["Content-Type"].startswith(stream.MEDIA)
            assert next(answer.iter_lines()).startswith(b": ")


def answerable(case: Case[Any], place: Place) -> None:
    """What no generator can know: a mask is a picture, cursors and events' ids are ours, nobody has a minute to wait.

    Of the ids of jobs, every third stays as it was made, and leads nowhere; of those of the quarantine, every tenth.
    """
    if isinstance(case.query.get("wait"), int | float) and BRIEFLY < case.query["wait"] <= MAX_WAIT:
        case.query["wait"] = BRIEFLY
    if is_positive(case):
        case.query.pop("cursor", None)
    if case.path.startswith("/v1/jobs/{jobId}") and is_positive(case):
        made = UUID(case.path_parameters["jobId"])
        case.path_parameters["jobId"] = [*place.job_ids, str(made)][made.int % (len(place.job_ids) + 1)]
    if is_positive(case) and "Last-Event-ID" in (case.headers or {}):
        case.headers["Last-Event-ID"] = samples.EVENT_ID
    if "{entryId}" in case.path and is_positive(case):
        made_up = case.path_parameters["entryId"]
        case.path_parameters["entryId"] = [*place.entry_ids, made_up][sum(map(ord, made_up)) % 10]
    if case.operation.definition.raw["operationId"] == "submitJob" and is_positive(case):
        plausible(cast(dict[str, Any], case.body), as_file=case.media_type == "multipart/form-data")


def plausible(body: dict[str, Any], *, as_file: bool) -> None:
    """With a mask, if it has any; with no more labels than may be, each sent in one of two ways."""
    if "mask" in body:
        body["mask"] = base64.b64decode(samples.MASK) if as_file else samples.MASK
    labels = body.get("labels", {})
    for part in [f"label.{name}" for name in labels]:
        body.pop(part, None)
    for part in [name for name in body if name.startswith("label.")][MAX_LABELS - len(labels) :]:
        del body[part]


def is_positive(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """As Apiframe does, whatever is sent."""
    body = request.body.encode() if isinstance(request.body, str) else cast(bytes, request.body or b"")
    secret = hashlib.sha256(UPSTREAM_KEY.encode()).hexdigest().encode()
    request.headers["X-Webhook-Signature"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return request
