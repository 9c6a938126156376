"""The body of a submission, in whichever form: bytes in, a judged `Submission` or one error out. CPU work."""

from service.documents import json_object
from service.forms import fields, read_form
from tracker.errors import UnsupportedMediaType
from tracker.submission import Submission, judge

FORM, JSON = "multipart/form-data", "application/json"


def require_known(media_type: str) -> None:
    """Raises UnsupportedMediaType."""
    if media_type not in (FORM, JSON):
        raise UnsupportedMediaType("Send application/json or multipart/form-data.")


def read_submission(content_type: str, body: bytes) -> Submission:
    """Raises BadRequest, InvalidInput with everything that is wrong, or UnsupportedMediaType."""
    if not content_type.lower().startswith(FORM):
        return judge(json_object(body))
    found = fields(read_form(content_type, body))
    return judge(found.document, found.mask, found.wrong)
