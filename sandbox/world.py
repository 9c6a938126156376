"""All that lives between the start and the stop of one sandbox, wired together on one screen."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

import httpx

from sandbox.accounts import Accounts
from sandbox.archive import Archive, Retention
from sandbox.crew import Crew
from sandbox.gallery import Gallery
from sandbox.intake import Intake
from sandbox.journal import Journal
from sandbox.life import Clock, Life
from sandbox.masks import Masks
from sandbox.mischief import Dice, Mischief
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Courier


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class World:
    settings: SandboxSettings
    clock: Clock
    dice: Dice
    journal: Journal
    accounts: Accounts
    archive: Archive
    intake: Intake
    masks: Masks
    gallery: Gallery
    courier: Courier

    def load(self, mischief: Mischief) -> None:
        """Misbehave like this from now on; jobs that already run keep the fate they drew."""
        self.dice.load(mischief)
        if mischief.credits is not None:
            for user in self.accounts.users:
                user.ledger.balance = mischief.credits


@asynccontextmanager
async def living(settings: SandboxSettings, clock: Clock) -> AsyncIterator[World]:
    """A world with its tasks and its HTTP client; both are gone when it ends."""
    dice, journal, crew = Dice(settings.mischief), Journal(settings.logged_lines), Crew()
    archive = Archive(Retention(settings.retention_seconds, dice, clock))
    gallery = Gallery(settings.cached_images)
    async with _client(settings) as http:
        courier = Courier(settings, dice, journal, http, crew)
        life = Life(settings, dice, courier, crew, clock)
        accounts = Accounts(settings, lambda: dice.mischief.key_inactive)
        intake = Intake(archive, life, clock)
        world = World(settings, clock, dice, journal, accounts, archive, intake, Masks(), gallery, courier)
        world.load(settings.mischief)
        try:
            yield world
        finally:
            await crew.stop()
            await gallery.stop()


@cache
def _trusted() -> ssl.SSLContext:
    # made once: reading the certificates takes longer than all else at a start
    return httpx.create_ssl_context(trust_env=False)


def _client(settings: SandboxSettings) -> httpx.AsyncClient:
    # no proxy from the environment, and no bound on connections: one slow receiver holds up only itself
    return httpx.AsyncClient(
        timeout=settings.webhook_timeout,
        trust_env=False,
        verify=_trusted(),
        headers={"User-Agent": "apiframe-sandbox/2"},
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
    )
