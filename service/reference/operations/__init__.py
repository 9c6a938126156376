"""Each operation: who it is for, what it takes and what it answers, keyed as the route table has it.

What it does is told by its endpoint's docstring, its scopes by the route; neither is repeated here.
"""

from service.reference.operation import Operation
from service.reference.operations import deliveries, jobs, machines, operators, streams, webhooks

TAGS = {
    "Jobs": "Submit inpaint jobs, follow them to their end, find them again.",
    "Operations": "How it goes, and what operators do.",
    "Webhooks": "Where Apiframe delivers its news. Callers have no use for these.",
    "Service": "For machines that watch the service, and for people who read about it.",
}

OPERATIONS: dict[str, Operation] = {
    **jobs.OPERATIONS,
    **streams.OPERATIONS,
    **operators.OPERATIONS,
    **deliveries.OPERATIONS,
    **webhooks.OPERATIONS,
    **machines.OPERATIONS,
}
