"""How soon the end of a fax at InterFAX is noticed with 500 faxes open there, and how often InterFAX is asked for that.

What is measured: the gateway's own queue, stories, provider and web server with their production waits, and the
simulated InterFAX, which refuses a seventh question in a minute. 500 faxes of one to ten pages are handed over one
after the other; a page takes a minute and a call three more, so that all of them are open at once. Delays run from
the end of a fax by the provider's clock to the commit that says so in our store, once with the provider's callbacks
and once without; the ratio is with to without. Time is simulated: what is waited for takes its time, what is computed
takes none.

What is not: the fractions of a second that a network and processors would add.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from fpdf import FPDF

from benchmarks import simulated_time
from benchmarks.report import Aim, Figure, Result, quantile
from benchmarks.simulated_world import now, simulated_world
from benchmarks.world import DOMAIN, SENDER, GaveUpError
from gateway.core.lifecycle import FaxState
from gateway.core.model import Envelope, Recipient
from gateway.email_to_fax import EmailToFax, Rendered
from gateway.log_output import silence
from gateway.store.database import Tx
from gateway.store.schema import fax_job

_FAXES: Final = 500
_POLLS: Final = 6
#: One letter to so many numbers is rendered once.
_LETTER: Final = 50
_PAGES: Final = 10
_LONGEST: Final = timedelta(hours=2)


async def run(folder: Path) -> Result:
    """Measures both ways with all data below ``folder``."""
    silence()
    told = await asyncio.to_thread(measure, folder / "told", faxes=_FAXES, callbacks=True)
    untold = await asyncio.to_thread(measure, folder / "untold", faxes=_FAXES, callbacks=False)
    polls = Aim("value", "below", _POLLS + 1)
    return Result(
        f"polling: {_FAXES} faxes open at InterFAX, with callbacks",
        beside="without",
        figures=[
            Figure("ended to noticed, p50", quantile(told.delays, 0.5), "s", quantile(untold.delays, 0.5)),
            Figure("ended to noticed, p99", quantile(told.delays, 0.99), "s", quantile(untold.delays, 0.99)),
            Figure("ended to noticed, slowest", max(told.delays), "s", max(untold.delays)),
            Figure("polls in the busiest minute", told.busiest, "", untold.busiest, aim=polls),
            Figure("polls in all", told.polls, "", untold.polls),
        ],
        notes=[
            "Seconds of simulated time, much the same on every machine; all waits are those of production.",
            f"Faxes open at once: {told.open_at_once} and {untold.open_at_once}.",
            f"Polls that InterFAX refused: {told.refused} and {untold.refused}.",
        ],
    )


@dataclass(frozen=True, slots=True)
class Noticed:
    """What one round found.

    Attributes:
        delays: from the end of each fax until it was noticed, seconds.
        polls: that InterFAX answered in all.
        refused: that it refused, because there were too many.
        busiest: the most that it answered in any minute.
        open_at_once: the most faxes that were open there at the same time.
    """

    delays: list[float]
    polls: int
    refused: int
    busiest: int
    open_at_once: int


def measure(folder: Path, *, faxes: int, callbacks: bool) -> Noticed:
    """Lets so many faxes run to their ends, with all data below ``folder``; in simulated time, without a loop around.

    Raises:
        GaveUpError: not every fax was delivered.
    """
    folder.mkdir(parents=True)
    return simulated_time.run(_measure(folder, faxes, callbacks=callbacks))


async def _measure(folder: Path, faxes: int, *, callbacks: bool) -> Noticed:
    async with simulated_world(folder, _renderer(), polls_per_minute=_POLLS, callbacks=callbacks) as world:
        for first in range(0, faxes, _LETTER):
            await _hand_in(world.email_to_fax, range(first, min(first + _LETTER, faxes)))
        given_up = now() + _LONGEST
        while len(noticed := await world.store.read(_delivered)) < faxes:
            if now() > given_up:
                raise GaveUpError(f"of {faxes} faxes {len(noticed)} were delivered")
            await asyncio.sleep(10)
        there, polls = world.simulator.faxes(), world.simulator.polls()
    ended = {fax["to"]: datetime.fromisoformat(fax["completedTime"]) for fax in there}
    begun = {fax["to"]: datetime.fromisoformat(fax["time"]) for fax in there}
    if len(there) != faxes:
        raise GaveUpError(f"{faxes} orders became {len(there)} faxes")
    return Noticed(
        delays=[(noticed[number] - ended[number]).total_seconds() for number in noticed],
        polls=polls["answered"],
        refused=polls["refused"],
        busiest=polls["busiest_minute"],
        open_at_once=max(sum(begun[each] <= at < ended[each] for each in begun) for at in begun.values()),
    )


def _delivered(tx: Tx) -> dict[str, datetime]:
    columns = sa.select(fax_job.c.number, fax_job.c.ended_at)
    rows = tx.execute(columns.where(fax_job.c.state == FaxState.DELIVERED.value))
    return {row.number: row.ended_at for row in rows}


async def _hand_in(story: EmailToFax, places: range) -> None:
    numbers = [f"+1202{2100000 + place}" for place in places]
    recipients = tuple(Recipient(f"{number}@{DOMAIN}", number) for number in numbers)
    envelope = Envelope(SENDER, recipients, "127.0.0.1", "client.example")
    intake = story.begin(envelope, lambda message_id, _: f"Received: id {message_id}\r\n".encode())
    await intake.write(f"From: <{SENDER}>\r\nMessage-ID: <{places[0]}@clinic.example>\r\n\r\nHello.\r\n".encode())
    await intake.commit()


def _renderer() -> Any:
    """Makes each document a page longer than the one before, up to ten, and then again."""
    lengths = count()

    async def make_document(_message: Path, _look: str) -> Rendered:
        pages = next(lengths) % _PAGES + 1
        pdf = FPDF()
        for _ in range(pages):
            pdf.add_page()
        return Rendered(bytes(pdf.output()), pages, ())

    return make_document
