"""Words and limits that schemas of several subjects share."""

from typing import Any

from tracker.submission import LABEL_NAME, MAX_LABEL

REF = "#/components/schemas/"

Schema = dict[str, Any]
Words = dict[str, Schema]
"""Of a schema's properties, and what holds for them beyond their types."""
Parts = dict[str, Words]
"""By the schema's name."""

UUID = {"format": "uuid"}
COUNT = {"minimum": 0}
LABEL_PART = rf"^label\.{LABEL_NAME.removesuffix('+')}{{1,{MAX_LABEL}}}$"
"""A part of a form, or a parameter, that is one label."""
_CURSOR = "Send it as `cursor` for the next page, with the same filters; null on the last one."


def page(items: str, bound: str = "At most `limit`.") -> Words:
    return {
        items: {"description": bound},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    }
