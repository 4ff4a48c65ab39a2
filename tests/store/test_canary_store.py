"""One row per night and leg on both databases, however many nodes write at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.core.canary import CanaryLeg
from gateway.core.canary_verdicts import WELL, lost
from gateway.store import canary
from gateway.store.database import Database, Tx

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
NIGHT = "2026-11-22"


def leg(token: str = "C-00000001", name: str = "fax sinch", night: str = NIGHT, at: datetime = NOW) -> CanaryLeg:
    return CanaryLeg(token, night, name, at, at + timedelta(minutes=30), {"phase": "ready"})


async def test_of_many_nodes_that_begin_a_night_one_does(database: Database) -> None:
    rivals = [[leg(f"C-0000000{node}"), leg(f"C-1000000{node}", "mail")] for node in range(6)]
    begun = await asyncio.gather(*(database.write(canary.begin, legs) for legs in rivals))
    assert [len(legs) for legs in begun if legs] == [2]
    assert {row.leg for row in await database.read(canary.of_night, NIGHT)} == {"fax sinch", "mail"}


async def test_of_many_nodes_that_would_send_one_may(database: Database) -> None:
    await database.write(canary.begin, [leg()])
    answers = await asyncio.gather(*(database.write(canary.intend, "C-00000001") for _ in range(8)))
    assert sorted(answers) == [False] * 7 + [True]


async def test_what_several_nodes_find_out_at_once_is_all_kept(database: Database) -> None:
    await database.write(canary.begin, [leg()])
    noted = (database.write(canary.note, "C-00000001", **{f"fact{number}": "x"}) for number in range(10))
    await asyncio.gather(*noted)
    found = await database.read(canary.get, "C-00000001")
    assert found is not None
    assert set(found.facts) == {"phase", *(f"fact{number}" for number in range(10))}


async def test_a_leg_ends_once_and_never_changes_its_verdict(database: Database) -> None:
    await database.write(canary.begin, [leg()])
    verdicts = [WELL, lost("no callback", "look")] * 3
    ended = await asyncio.gather(*(database.write(canary.end, "C-00000001", each, NOW) for each in verdicts))
    assert sum(ended) == 1
    first = verdicts[ended.index(True)]
    found = await database.read(canary.get, "C-00000001")
    assert found is not None
    assert (found.well, found.detail, found.ended_at) == (first.well, first.detail, NOW)
    assert not await database.write(canary.intend, "C-00000001")


async def test_what_a_person_asked_for_is_counted_per_night_and_is_no_night_of_the_week(database: Database) -> None:
    for number, night in enumerate([NIGHT, f"{NIGHT}#2", f"{NIGHT}#3", "2026-11-23"]):
        await database.write(canary.begin, [leg(f"C-0000000{number}", night=night)])
    assert await database.write(canary.asked_for, NIGHT) == 2
    assert await database.write(canary.asked_for, "2026-11-23") == 0
    week = await database.read(canary.between, "2026-11-17", "2026-11-23")
    assert [row.night for row in week] == [NIGHT, "2026-11-23"]


async def test_how_a_leg_stands_follows_from_its_judged_nights(database: Database) -> None:
    well = [True, False, None, False]
    for day, verdict in enumerate(well):
        at = NOW + timedelta(days=day)
        await database.write(canary.begin, [leg(f"C-0000000{day}", night=f"2026-11-{22 + day}", at=at)])
        ended = replace(WELL, well=verdict, detail="" if verdict else f"why {day}")
        await database.write(canary.end, f"C-0000000{day}", ended, at)
    found = (await database.read(canary.standings, NOW))["fax sinch"]
    assert (found.leg.detail, found.failing_since, found.last_well) == ("why 3", NOW + timedelta(days=1), NOW)
    await database.write(canary.begin, [leg("C-00000009", night="2026-11-26", at=NOW + timedelta(days=4))])
    open_leg = await database.read(canary.get, "C-00000009")
    assert open_leg is not None
    assert await database.read(canary.was_lost_before, open_leg)
    assert (await database.read(canary.standings, NOW))["fax sinch"].leg.detail == "why 3", "an open one says nothing"


async def test_only_a_mails_own_token_counts_and_all_of_them_or_none(database: Database) -> None:
    await database.write(canary.begin, [leg(), leg("C-00000002", "mail")])

    def returned(tx: Tx, token: str) -> bool:
        found = canary.get(tx, token)
        return found is not None and "returned_at" in found.facts

    for tokens in (["C-00000001"], ["C-00000002", "C-ZZZZZZZZ"]):
        assert not await database.write(canary.note_mails, tokens, NOW)
    assert not await database.read(returned, "C-00000002")
    assert await database.write(canary.note_mails, ["C-00000002"], NOW)
    assert await database.read(returned, "C-00000002")
