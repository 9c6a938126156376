"""`/openapi.json`: what the service says of itself, made from the route table, the models and the limits in use."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

from pydantic.alias_generators import to_camel

from service.reference import samples
from service.reference.headers import HEADERS, OPTIONAL_HEADERS
from service.reference.operation import Answer, Media, Operation
from service.reference.operations import OPERATIONS, TAGS
from service.reference.parameters import PARAMETERS
from service.reference.refusals import EVERYWHERE, GUARDED
from service.reference.schemas import schemas
from service.reference.schemas.words import REF
from service.reference.sizes import SIZES
from tracker.errors import InvalidInput, MethodNotAllowed, TooManyFailures, TrackerError, Unauthenticated, Unavailable

Document = dict[str, Any]

ABOUT = """\
Submits Midjourney inpaint jobs to Apiframe and follows each to its end.

Send an API key as `X-API-Key`, or as `Authorization: Bearer`. JSON is camelCase, times are RFC 3339 in UTC. Every
answer has an `X-Request-ID`: yours, if you send a sane one. Every `GET` answers `HEAD` too.

Errors are `application/problem+json` (RFC 9457): `type` leads to what to do, on this page. Unknown fields and
parameters are refused by name, never ignored. A key's scopes:

- `submit`: create jobs, and cancel your own
- `read`: see your own jobs
- `read:all`: see everyone's
- `ops`: what operators do; includes `read:all`
"""
SECURITY = {
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}


class Route(Protocol):
    """An entry of the route table."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def endpoint(self) -> Callable[..., Any]: ...
    @property
    def scopes(self) -> Sequence[str]: ...


def document(routes: Iterable[Route]) -> Document:
    """The whole document. Raises KeyError for a route that is not described."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = _operation(route, OPERATIONS[f"{route.method} {route.path}"])
        paths.setdefault(camel(route.path), {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inpaint-tracker",
            "version": version("inpaint-tracker"),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "parameters": {_component(name): one for name, one in PARAMETERS.items()},
            "headers": {name: _header(name) for name in HEADERS},
            "responses": {_key(error): _refusal([error]) for error in samples.REFUSALS},
            "securitySchemes": SECURITY,
        },
    }


def serialized(described: Document) -> bytes:
    return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()


def camel(path: str) -> str:
    """`/v1/jobs/{job_id}` as callers read it."""
    return re.sub(r"\{(\w+)\}", lambda found: f"{{{to_camel(found[1])}}}", path)


def _operation(route: Route, operation: Operation) -> Document:
    summary, description = told(route)
    names = (*operation.parameters, "X-Request-ID")
    return {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": f"{summary} {operation.about}".strip(),
        "description": "\n\n".join(filter(None, (description, _needs(route.scopes)))),
        "security": [{scheme: [scope]} for scope in route.scopes for scheme in SECURITY],
        "parameters": [{"$ref": f"#/components/parameters/{_component(name)}"} for name in names],
        **({"requestBody": _body(operation)} if operation.body else {}),
        "responses": _responses(route, operation),
    }


def told(route: Route) -> tuple[str, str]:
    """The endpoint's docstring: its first line without the full stop, and the rest."""
    summary, _, rest = inspect.cleandoc(route.endpoint.__doc__ or "").partition("\n")
    return summary.removesuffix("."), rest.strip()


def _component(name: str) -> str:
    """A parameter's name as a component's, which has no `*`."""
    return name.removesuffix(".*")


def _needs(scopes: Sequence[str]) -> str:
    return f"Needs a key with the scope {' or '.join(f'`{scope}`' for scope in scopes)}." if scopes else ""


def _body(operation: Operation) -> Document:
    content = {name: _media(media) for name, media in (operation.body or {}).items()}
    return {"required": operation.body_required, "description": SIZES[operation.id], "content": content}


def _media(media: Media | None) -> Document:
    if media is None:
        return {"schema": {"type": "object"}}
    made: Document = {"schema": {"$ref": f"{REF}{media.schema}"} if media.schema else {"type": "string"}}
    if media.examples:
        made["examples"] = {name: {"value": value} for name, value in media.examples.items()}
    return {**made, **({"encoding": media.encoding} if media.encoding else {})}


def _responses(route: Route, operation: Operation) -> Document:
    """By status, those of success first."""
    made = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    kinds = (*(GUARDED if route.scopes else ()), *operation.refusals, *EVERYWHERE)
    refusals = [error for error in samples.REFUSALS if type(error) in kinds]
    for status in sorted({error.status for error in refusals}):
        made[str(status)] = _refused([error for error in refusals if error.status == status])
    return made


def _refused(refusals: Sequence[TrackerError]) -> Document:
    [first, *others] = refusals
    return _refusal(refusals) if others else {"$ref": f"#/components/responses/{_key(first)}"}


def _answer(answer: Answer) -> Document:
    made: Document = {"description": answer.text, "headers": _headers(answer.headers)}
    if answer.media:
        made["content"] = {name: _media(media) for name, media in answer.media.items()}
    return made


def _refusal(refusals: Sequence[TrackerError]) -> Document:
    """One status; several problems where it stands for several."""
    names = sorted({name for error in refusals for name in _headers_of(error)})
    schema = "FieldProblem" if all(isinstance(error, InvalidInput) for error in refusals) else "Problem"
    examples = {_key(error): samples.problem_of(error) for error in refusals}
    return {
        "description": f"{'; '.join(dict.fromkeys(error.title for error in refusals))}.",
        "headers": _headers(names),
        "content": {"application/problem+json": _media(Media(schema, examples))},
    }


def _headers_of(error: TrackerError) -> Sequence[str]:
    match error:
        case Unavailable() | TooManyFailures():
            return ("Retry-After",)
        case Unauthenticated():
            return ("WWW-Authenticate",)
        case MethodNotAllowed():
            return ("Allow",)
        case _:
            return ()


def _headers(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-ID")}


def _header(name: str) -> Mapping[str, Any]:
    return {"required": name not in OPTIONAL_HEADERS, **HEADERS[name]}


def _key(error: TrackerError) -> str:
    """`NotFound`; the base of all is what nobody foresaw."""
    return "Internal" if type(error) is TrackerError else type(error).__name__
