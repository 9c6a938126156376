"""What a caller has done at Apiframe before it comes to us: a picture generated, and one of its four upsampled."""

import time
from typing import Any

import httpx

from cli.exits import Exit, Stop

PROMPT = "a lake in the mountains, a hot air balloon, a sailing boat, a cabin on the shore"


class Upstream:
    """Speaks Apiframe's public protocol, as any client would."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30)

    def upsampled(self) -> tuple[str, bytes]:
        """The id of a finished upsample, and its image."""
        grid = self._finished("/v2/images/generate", {"model": "midjourney", "prompt": PROMPT})
        action = {"action": "upsample", "parentJobId": grid["id"], "index": 1}
        upsample = self._finished("/v2/images/midjourney/action", action)
        return upsample["id"], self.image(upsample["result"]["images"][0])

    def image(self, url: str) -> bytes:
        return self._http.get(url).raise_for_status().content

    def _finished(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        job_id = self._http.post(path, json=body).raise_for_status().json()["jobId"]
        while True:
            job: dict[str, Any] = self._http.get(f"/v2/jobs/{job_id}").raise_for_status().json()
            if job["status"] == "COMPLETED":
                return job
            if job["status"] in ("FAILED", "CANCELLED"):
                raise Stop(f"The stand-in for Apiframe says: {job['error']}", Exit.FAILED)
            time.sleep(0.1)
