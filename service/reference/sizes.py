"""How large a body may be, by operation."""

from service import actions, bulk, jobs, operators, webhooks
from service.forms import MAX_FORM

SIZES = {
    "submitJob": f"At most {jobs.MAX_BODY:,} bytes of JSON, or {MAX_FORM:,} of a form.",
    "trackJob": f"At most {actions.MAX_BODY:,} bytes.",
    "actOnJobs": f"At most {bulk.MAX_BODY:,} bytes.",
    "pauseQueue": f"At most {operators.MAX_BODY:,} bytes.",
    "resumeQueue": f"At most {operators.MAX_BODY:,} bytes; may be left out.",
    "receiveDelivery": f"At most {webhooks.MAX_DELIVERY:,} bytes, signed as they are.",
    "receiveJobDelivery": f"At most {webhooks.MAX_DELIVERY:,} bytes, signed as they are.",
}
