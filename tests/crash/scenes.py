"""What happens in front of a running gateway: the ordinary way, and the mishaps of networks, clients and strangers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from judge import Told, read_mailbox
from world import World, page

Scene = Callable[[World], Awaitable[None]]
_STORM: Final = 50
_LATE: Final = timedelta(seconds=4)


async def both_directions(world: World) -> None:
    """One fax out, one fax in."""
    await asyncio.gather(world.client.deliver(world.post.letter()), world.fax_comes_in())


async def lost_answer(world: World) -> None:
    """The provider accepts a fax; its answer gets lost, and so does the callback that would tell of it."""
    await world.faults(
        {"fault": "drop_response", "times": 1, **world.kind.sending}, {"fault": "lose_callback", "times": 1}
    )
    await world.client.deliver(world.post.letter())


async def late_list(world: World) -> None:
    """An answer and a callback get lost while the lists show nothing of the last seconds, only what was before."""
    await world.client.deliver(world.post.letter())
    await world.until("the provider has the first fax", world.accepted)
    shown_from = datetime.fromisoformat(world.accepted()[0]["time"]) + _LATE
    await world.until("even late lists show it", lambda: datetime.now(UTC) > shown_from)
    await world.faults(
        {"fault": "drop_response", "times": 1, **world.kind.sending},
        {"fault": "lose_callback"},
        {"fault": "list_lag", "seconds": _LATE.total_seconds()},
    )
    await world.client.deliver(world.post.letter())


async def lost_request(world: World) -> None:
    """The provider never gets a fax, and the gateway cannot know: it has to prove the absence."""
    await world.faults({"fault": "drop_request", "times": 1, **world.kind.sending})
    await world.client.deliver(world.post.letter())


async def lost_webhook(world: World) -> None:
    """A fax comes in and nobody says so."""
    await world.faults({"fault": "lose_callback"})
    await world.fax_comes_in()


async def impatient_client(world: World) -> None:
    """A client hangs up before the 250 and hands the same message in again."""
    letter = world.post.letter()
    await world.client.attempt(letter, hang_up=True)
    await world.until("the fax is at the provider", world.accepted)
    await world.client.deliver(letter)


async def unconfirmed_pages(world: World) -> None:
    """All pages go out and none is confirmed; later the provider calls about that fax once more."""
    await world.faults({**world.kind.unconfirmed, "times": 1})
    await world.client.deliver(world.post.letter())
    await world.until(
        "the sender is told",
        lambda: any(mail.told is Told.UNKNOWN for mail in read_mailbox(world.folder / "mails")),
    )
    (fax,) = await world.control("faxes")
    await world.until("the webhook is taken", lambda: world.webhook_taken(world.kind.ended(fax)))


async def killed_after_the_250(world: World) -> None:
    """The gateway loses its power in the very moment in which the client reads the 250."""
    assert (await world.client.deliver(world.post.letter())).startswith("250")
    await world.kill()


async def webhook_storm(world: World) -> None:
    """One received fax is told fifty times at once."""
    await world.faults({"fault": "lose_callback"})
    fax = await world.fax_comes_in()
    webhook = world.kind.received(fax, await world.document(fax))
    answers = await asyncio.gather(*(world.webhook(webhook) for _ in range(_STORM)))
    assert set(answers) == {200}


async def forged_webhook(world: World) -> None:
    """Somebody who knows what webhooks need tells of a fax that the provider does not have; then a true one comes."""
    assert await world.webhook(world.kind.received("292000001", page("forged"))) == 200
    await world.fax_comes_in()


async def lying_callback(world: World) -> None:
    """The line is busy, and the callback of InterFAX tells of a fax that arrived."""
    await world.faults(world.kind.busy, {"fault": "callback_wrong_status"})
    await world.client.deliver(world.post.letter())
