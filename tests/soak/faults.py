"""What is done to a running town: its processes are killed or frozen and go on, and upstream misbehaves."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from tests.soak.parts import Parts
from tests.soak.plan import Plan, Struck


async def rage(plan: Plan, parts: Parts, upstream: httpx.AsyncClient) -> Counter[str]:
    """Until the plan is through; at the end all processes run and upstream behaves. Returns strikes by fault."""
    struck: Counter[str] = Counter()
    started = time.monotonic()
    await _behave(upstream, plan.mischief(0))
    switch = asyncio.create_task(_switch(plan, upstream, struck))
    for blow in plan.blows():
        await asyncio.sleep(started + blow.at - time.monotonic())
        await _strike(parts, blow)
    await switch
    struck.update(await _strikes(upstream))
    await _behave(upstream, {"secret_form": plan.mischief(1)["secret_form"]})
    return struck


async def _switch(plan: Plan, upstream: httpx.AsyncClient, struck: Counter[str]) -> None:
    await asyncio.sleep(plan.seconds / 2)
    struck.update(await _strikes(upstream))
    await _behave(upstream, plan.mischief(1))


async def _strike(parts: Parts, struck: Struck) -> None:
    victims = [parts.killable[name] for name in struck.blow.victims]
    for victim in victims:
        victim.suffer(struck.blow.how)
    await asyncio.sleep(struck.down)
    for victim in victims:
        victim.recover(struck.blow.how)


async def _behave(upstream: httpx.AsyncClient, mischief: Mapping[str, Any]) -> None:
    (await upstream.put("/sandbox/mischief", json=dict(mischief))).raise_for_status()


async def _strikes(upstream: httpx.AsyncClient) -> dict[str, int]:
    struck: dict[str, int] = (await upstream.get("/sandbox/strikes")).raise_for_status().json()
    return struck
