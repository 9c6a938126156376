"""What is done to a running town: its processes are killed and started again, and upstream misbehaves."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from tests.soak.parts import Part, Parts
from tests.soak.plan import Kill, Plan


async def rage(plan: Plan, parts: Parts, upstream: httpx.AsyncClient) -> Counter[str]:
    """Until the plan is through; at the end all processes run and upstream behaves. Returns strikes by fault."""
    struck: Counter[str] = Counter()
    started = time.monotonic()
    await _behave(upstream, plan.mischief(0))
    switch = asyncio.create_task(_switch(plan, upstream, struck))
    for kill in plan.kills():
        await asyncio.sleep(started + kill.at - time.monotonic())
        await _kill(parts, kill)
    await switch
    struck.update(await _strikes(upstream))
    await _behave(upstream, {"secret_form": plan.mischief(1)["secret_form"]})
    return struck


async def _switch(plan: Plan, upstream: httpx.AsyncClient, struck: Counter[str]) -> None:
    await asyncio.sleep(plan.seconds / 2)
    struck.update(await _strikes(upstream))
    await _behave(upstream, plan.mischief(1))


async def _kill(parts: Parts, kill: Kill) -> None:
    victims: list[Part] = [parts.killable[name] for name in kill.victims]
    for victim in victims:
        victim.kill()
    await asyncio.sleep(kill.down)
    for victim in victims:
        victim.start()


async def _behave(upstream: httpx.AsyncClient, mischief: Mapping[str, Any]) -> None:
    (await upstream.put("/sandbox/mischief", json=dict(mischief))).raise_for_status()


async def _strikes(upstream: httpx.AsyncClient) -> dict[str, int]:
    struck: dict[str, int] = (await upstream.get("/sandbox/strikes")).raise_for_status().json()
    return struck
