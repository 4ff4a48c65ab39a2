"""One gateway in a process of its own, for tests that let it die: ``python -m tests.canary_child FOLDER MINUTE``.

What the provider and the smarthost took lies in files beside the store, as it would outlive us out there.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.core.model import FaxEvent
from tests.canary_world import CanaryWorld, TryableProvider
from tests.fakes import OURS, FakeNextHop, SentMail

THEIRS = "+12025550199"


class LastingProvider(TryableProvider):
    """Writes down each test fax before it answers; calls back about all of them, as often as it is restarted."""

    ledger: Path

    async def send_test_fax(self, reference: str, callback_url: str) -> str:
        with self.ledger.open("a") as file:
            file.write(f"{reference}\n")
        return await super().send_test_fax(reference, callback_url)

    async def remember(self) -> None:
        """Takes up what an earlier process was given."""
        tokens = self.ledger.read_text().split() if self.ledger.exists() else []
        for token in tokens:
            await super().send_test_fax(token, f"https://fax.example/webhooks/{self.account}/s?ref={token}")


class LastingNextHop(FakeNextHop):
    """Writes down what it took, and has it still after we died."""

    ledger: Path

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        with self.ledger.open("a") as file:
            file.write(f"{recipient}\n")
        return await super().send(mail_from, recipient, data, envid)

    def remember(self) -> None:
        """Takes up what an earlier process handed over."""
        taken = self.ledger.read_text().split() if self.ledger.exists() else []
        self.mails += [SentMail("", address, b"Subject: test\r\n\r\n") for address in taken]


async def play(folder: Path, minute: int) -> None:
    """Lives from a minute after 08:30 on 3 November, half past three in New York, for forty minutes."""
    world = CanaryWorld(folder)
    world.wants(own_fax=(OURS, THEIRS), mail="returns")
    world.mail_is_routed_here = True
    world.provider = world.tryable = provider = LastingProvider(world.clock)
    world.providers["sinch"] = provider
    provider.ledger = folder / "provider.ledger"
    smarthost = LastingNextHop()
    smarthost.ledger = folder / "smarthost.ledger"
    world.next_hop = smarthost
    await world.start()
    await world.sleep_until(3, 8, 30)
    world.clock.advance(minutes=minute)
    world.canary = world.node()
    await provider.remember()
    smarthost.remember()
    await world.minutes(10)
    if world.provider.sent and "in-own" not in world.provider.inbound:
        world.provider.has_received("in-own", number=THEIRS, caller=OURS)
        await world.fax_to_email.accept("sinch", FaxEvent("in-own", inbound=True))
    await world.minutes(40)
    await world.stop()


if __name__ == "__main__":
    asyncio.run(play(Path(sys.argv[1]), int(sys.argv[2])))
