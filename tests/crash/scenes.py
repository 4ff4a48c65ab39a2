"""What happens in front of a running gateway: the ordinary way, and the mishaps of networks, clients and strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from configuration import OURS
from judge import Told, read_mailbox
from world import World, page

from gateway.simulator.sinch import PROJECT
from gateway.simulator.sinch_events import INCOMING, event_of

Scene = Callable[[World], Awaitable[None]]
SENDING: Final = {"method": "POST", "path": "/faxes"}
_STORM: Final = 50


async def both_directions(world: World) -> None:
    """One fax out, one fax in."""
    await asyncio.gather(world.client.deliver(world.post.letter()), world.fax_comes_in())


async def lost_answer(world: World) -> None:
    """The provider accepts a fax; its answer gets lost, and so does the callback that would tell of it."""
    await world.faults({"fault": "drop_response", "times": 1, **SENDING}, {"fault": "lose_callback", "times": 1})
    await world.client.deliver(world.post.letter())


async def lost_request(world: World) -> None:
    """The provider never gets a fax, and the gateway cannot know: it has to prove the absence."""
    await world.faults({"fault": "drop_request", "times": 1, **SENDING})
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
    await world.faults({"fault": "fail", "type": "FAX_ERROR", "code": 139, "pages_sent": 1, "times": 1})
    await world.client.deliver(world.post.letter())
    await world.until(
        "the sender is told",
        lambda: any(mail.told is Told.UNKNOWN for mail in read_mailbox(world.folder / "mails")),
    )
    (fax,) = await world.control("faxes")
    event = json.dumps({"event": "FAX_COMPLETED", "eventTime": fax["completedTime"], "fax": fax})
    await world.until("the webhook is taken", lambda: world.webhook_taken("application/json", event.encode()))


async def killed_after_the_250(world: World) -> None:
    """The gateway loses its power in the very moment in which the client reads the 250."""
    assert (await world.client.deliver(world.post.letter())).startswith("250")
    await world.kill()


async def webhook_storm(world: World) -> None:
    """One received fax is told fifty times at once."""
    await world.faults({"fault": "lose_callback"})
    fax_id = await world.fax_comes_in()
    fax = await world.api(f"/v3/projects/{PROJECT}/faxes/{fax_id}")
    content_type, body = incoming_fax(fax, await world.document(fax_id))
    answers = await asyncio.gather(*(world.webhook(content_type, body) for _ in range(_STORM)))
    assert set(answers) == {200}


async def forged_webhook(world: World) -> None:
    """Somebody who knows the password tells of a fax that the provider does not have; then a true one comes."""
    fax: dict[str, Any] = {
        "id": "01JFORGED00000000000000000",
        "direction": "INBOUND",
        "from": "+13125550199",
        "to": OURS,
    }
    fax |= {"status": "COMPLETED", "numberOfPages": 1, "createTime": "2026-11-02T09:00:00Z"}
    assert await world.webhook(*incoming_fax(fax, page("forged"))) == 200
    await world.fax_comes_in()


def incoming_fax(fax: dict[str, Any], document: bytes) -> tuple[str, bytes]:
    """Writes the webhook of a received fax; answers its content type and body."""
    now = datetime.now(UTC)
    event = event_of(INCOMING, "", "multipart/form-data", fax=fax, document=document, now=now, swapped=False)
    return event.content_type, event.body
