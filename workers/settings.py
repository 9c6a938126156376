"""arq's door: `arq workers.settings.WorkerSettings`. Made when it is first asked for, so importing reads nothing."""

from typing import Any

from tracker.settings import load_or_exit
from workers.main import worker_options


def __getattr__(name: str) -> Any:
    if name != "WorkerSettings":
        raise AttributeError(name)
    return type("WorkerSettings", (), worker_options(load_or_exit()))
