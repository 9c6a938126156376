"""Every key in Redis: its name, its type, how long it lives, and what it is for.

A key is `inpaint:{0}:NAME` or `inpaint:{0}:NAME:PART`. The braces are a Redis Cluster hash tag: all keys of a
partition lie in one slot, so one script may touch them all. There is one partition today. The scripts get the prefix
as KEYS[1] and use the names below. Beside keys, Redis holds a function of ours, `inpaint_apply_…` (library.py), one for
each version that runs.
"""

from dataclasses import dataclass

VERSION = 2
"""Of all that is below. It grows, with a migration (tracker/store/layouts.py), when an older process could not read, or
would spoil, what a newer one writes; a key or a field more is no reason."""


@dataclass(frozen=True)
class Key:
    """`part` is what follows the name, None where the key stands alone. `lifetime` is a TTL, or the reason for none."""

    name: str
    part: str | None
    type: str
    lifetime: str
    purpose: str


_INDEX = "entries go with the job, by retirement"

LAYOUT = (
    Key("job", "job id", "string", "none: it goes by retirement, RETENTION_DAYS after its end",
        "the record, a MessagePack map: the job's own fields, those of its bookkeeping, and its history"),
    Key("history", "job id", "list", "none: the migration to layout 2 takes it into the record",
        "of layout 1: one JSON entry for each piece of news"),
    Key("mask", "job id", "string", "SUBMIT_WITHIN_SECONDS + 1 h, deleted once upstream has accepted or refused it",
        "the mask as it is sent upstream, a PNG"),
    Key("idempotency", "digest", "string", "24 h", "a caller's Idempotency-Key: job id, body digest"),
    Key("alias", "job id", "string", "24 h", "an id that a backend was told for what was a replay: the first job's id"),
    Key("upstream", None, "hash", _INDEX, "upstream's job id to ours; the proof that one of our jobs holds it"),
    Key("jobs", None, "zset by id", _INDEX, "all jobs; ids are UUIDv7, so their order is that of creation"),
    Key("status", "status", "zset by id", _INDEX, "jobs of a status"),
    Key("owner", "owner", "zset by id", _INDEX, "jobs of an owner"),
    Key("parent", "upstream job id", "zset by id", _INDEX, "jobs made from one upsample"),
    Key("label", "name=value", "zset by id", _INDEX, "jobs with a label"),
    Key("queue", "owner", "zset by ms", "entries go when the job is claimed or leaves PENDING",
        "an owner's pending jobs without a slot, and when each may next be tried: creation, or end of a backoff"),
    Key("turns", None, "zset by turn", "an entry goes when the owner's queue is empty",
        "owners whose jobs wait for a slot, in the order in which they get one"),
    Key("maskbytes", None, "string", "none: the sum over what is held", "bytes of all masks that are held"),
    Key("claimed", None, "zset by ms", "entries go when the job leaves PENDING or is put off",
        "pending jobs with a slot, and when each may next be tried: end of a lease, or of a backoff in doubt"),
    Key("inflight", None, "zset by ms", "entries go when the job is final", "jobs of ours holding a slot, since when"),
    Key("outbox", None, "zset by ms", "entries go when it is done", "follow-up work and when it is due: `lookup:JOB`"),
    Key("finished", None, "zset by ms", "entries go by retirement", "final jobs, since when: what retention reads"),
    Key("hold", None, "string", "as long as submission waits", "why no worker submits just now"),
    Key("pause", None, "string", "none: until somebody, or better news, resumes", "why nothing is submitted, as JSON"),
    Key("probe", None, "string", "until the next may be made", "a worker has asked whether the account is well again"),
    Key("quiet", None, "string", "as long as Apiframe asked for", "nobody looks anything up just now"),
    Key("polls", None, "string", "10 s", "lookups taken in these ten seconds, by all workers"),
    Key("counts", "owner", "hash", "fields go with the jobs",
        "an owner's jobs by status, and the slots they hold; everybody's under `*`, here and below"),
    Key("minute", "minute:owner", "hash", "4,000 s",
        "in a minute: webhooks by outcome, ends by status, and ends whose webhook was due, by how they became known"),
    Key("hour", "hour:owner", "hash", "25 h", "in an hour, jobs completed, by how long they took"),
    Key("day", "day:owner", "hash", "32 days", "in a day, credits spent"),
    Key("instance", None, "string", "none: one for good", "a random id by which this installation is known"),
    Key("layout", None, "hash", "none: one for good", "the layout's version, which every script looks at before "
        "it does anything; while a migration runs, how far it is"),
    Key("migrating", None, "string", "15 s", "a worker is at the migration"),
    Key("signedout", "session id", "string", "as long as the session would have lasted",
        "a session that was signed out before its time"),
    Key("feed", None, "stream", "capped at about 100,000 entries", "one entry for each visible change of a job"),
    Key("deliveries", None, "zset by id", "capped at 10,000 lines, RETENTION_DAYS after the last",
        "the log of genuine deliveries: an id by the time of arrival, and a packed list"),
    Key("refusals", None, "zset by id", "capped at 2,000 lines, RETENTION_DAYS after the last",
        "the same of deliveries that were refused unread"),
    Key("quarantine", None, "stream", "capped at about 1,000 entries, RETENTION_DAYS after the last",
        "genuine deliveries that could not be read, whole"),
    Key("audit", None, "zset by id", "capped at 10,000 entries, RETENTION_DAYS after the last",
        "what operators did: an id by the time of the action, and JSON"),
)  # fmt: skip


def prefix(partition: int = 0) -> str:
    return f"inpaint:{{{partition}}}:"


_NAMES = {key.name: key for key in LAYOUT}


def name(key: str, part: str | None = None, *, partition: int = 0) -> str:
    """The full name of a key of `LAYOUT`; raises KeyError for any other."""
    layout = _NAMES[key]
    if (part is None) is not (layout.part is None):
        raise KeyError(f"{key} {'needs' if layout.part else 'takes no'} part")
    return prefix(partition) + (key if part is None else f"{key}:{part}")
