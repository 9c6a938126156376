"""How it goes."""

from service.reference.schemas.words import COUNT, Parts
from service.stats import Stats

ANSWERED = (Stats,)
PARTS: Parts = {
    "Stats": {
        "at": {"description": "When it was so."},
        "jobs": {"description": "How many there are, by status."},
        "inFlight": {"description": "Submitted by us, and not yet ended by Apiframe.", **COUNT},
        "maxInFlight": {"description": "How many may be in flight, over all owners.", **COUNT},
        "oldestInFlightAt": {"description": "Since when; null where none is, or the key does not see everybody's."},
        "queueDepth": {"description": "Pending, and waiting for a slot.", **COUNT},
        "queueDepthByOwner": {"description": "Owners for whom any waits."},
        "webhooksPerMinute": {"description": "By outcome, in the last whole minute."},
        "webhooksByMinute": {"description": "The last hour, oldest first; the last minute has only begun."},
        "lostWebhooks": {"description": "Of the last hour."},
        "timeToComplete": {"description": "Of the last 24 h."},
        "creditsSpent": {"description": "As Apiframe told of each job's cost; days are UTC."},
        "paused": {"description": "Why nothing is submitted until somebody, or the account, resumes; null otherwise."},
        "held": {"description": "Why nothing is submitted for some seconds; null otherwise."},
    },
    "MinuteOfWebhooks": {
        "at": {"description": "When the minute begins."},
        "outcomes": {"description": "Webhooks by outcome."},
    },
    "LostWebhooks": {
        "lastHour": {"description": "Ends that a lookup found though a webhook was due.", **COUNT},
        "due": {"description": "Ends whose webhook was due.", **COUNT},
        "rate": {"description": "Their ratio; null where none was due.", "minimum": 0, "maximum": 1},
    },
    "TimeToComplete": {
        "jobs": {"description": "How many were completed.", **COUNT},
        **{name: {"description": "Seconds from creation; null if there are none."} for name in ("p50", "p95", "p99")},
    },
    "CreditsSpent": {
        "today": {"description": "Since midnight."},
        "last30Days": {"description": "Today included."},
        "byDay": {"description": "The last 30 days, oldest first."},
    },
    "DayOfCredits": {
        "day": {"description": "UTC."},
        "credits": {"description": "Spent, less what was given back."},
    },
}
