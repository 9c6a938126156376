"""What callers send to have a job, as JSON or as a form."""

from service.reference.schemas.words import LABEL_PART, UUID, Parts, Schema
from tracker.masks import MAX_BYTES, MAX_CHARS, MAX_SIDE, MIN_SIDE, READERS
from tracker.submission import MAX_LABELS, InpaintRequest, TrackRequest

_FORMATS = ", ".join(sorted(reader.format or "" for reader in READERS.values()))

ASKED = (InpaintRequest, TrackRequest)
PARTS: Parts = {
    "InpaintRequest": {
        "action": {"description": "May be there, so that a body written for Apiframe can be pasted."},
        "parentJobId": {"description": "Id of a finished **upsample** at Apiframe.", **UUID},
        "mask": {
            "description": f"The mask in base64, a `data:` prefix and line breaks allowed: {_FORMATS}, black and "
            f"white, as large as the parent's image; white is repainted. At most {MAX_BYTES:,} bytes, sides of "
            f"{MIN_SIDE} to {MAX_SIDE:,} pixels.",
            "contentEncoding": "base64",
            "maxLength": MAX_CHARS,
            "minLength": 1,
        },
        "prompt": {"description": "What to paint; without it, the parent's prompt is used."},
        "labels": {"description": "Your own, to find the job again.", "maxProperties": MAX_LABELS},
    },
    "TrackRequest": {
        "upstreamJobId": {"description": "Apiframe's id of the job.", **UUID},
        "labels": {"description": "Your own, to find the job again.", "maxProperties": MAX_LABELS},
    },
}


def form(request: Schema) -> Schema:
    """The fields of JSON as parts of a form: the mask as a file, labels also one by one."""
    parts = {name: dict(part) for name, part in request["properties"].items()}
    label = parts["labels"]["additionalProperties"]
    parts["mask"] = {
        "type": "string",
        "format": "binary",
        "description": f"The file: {_FORMATS}, at most {MAX_BYTES:,} bytes. Without a file name, base64 is expected.",
    }
    parts["prompt"] = {**parts["prompt"], "type": "string"}
    for part in parts.values():
        part.pop("default", None)
    return {
        "title": "InpaintForm",
        "description": "The same as a form, as in `curl -F parentJobId=ID -F mask=@mask.png -F label.order=8821`. "
        f"Labels: a JSON object, or a part `label.NAME` each; {MAX_LABELS} in all.",
        "type": "object",
        "properties": parts,
        "patternProperties": {LABEL_PART: label},
        "required": request["required"],
        "additionalProperties": False,
    }
