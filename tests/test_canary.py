"""Each night each leg is tried once; one that does not come home is told, and shown until the next one does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from gateway.core.lifecycle import FaxState
from gateway.core.model import FaxEvent, Phase
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    DiskError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.faxlog import registry
from gateway.store import invariants, provider_accounts
from gateway.store.schema import fax_job, inbound_fax
from gateway.store.schema import journal as journal_table
from tests.canary_world import FIRST, CanaryWorld
from tests.fakes import OURS

FAX, WEBHOOK, MAIL, OWN = "fax sinch", "webhook sinch", "mail", "own fax"
THEIRS = "+12025550199"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CanaryWorld]:
    world = CanaryWorld(tmp_path)
    await world.start()
    yield world
    assert await world.database.read(invariants.find_violations) == []
    await world.stop()


def canary_mails(world: CanaryWorld) -> list[str]:
    return [mail.to for mail in world.next_hop.mails if mail.to.startswith("canary+")]


# --- a night


async def test_a_night_in_which_all_is_well_is_silent(world: CanaryWorld) -> None:
    legs = await world.night()
    assert {name: leg.well for name, leg in legs.items()} == {FAX: True, WEBHOOK: True, MAIL: True}
    assert world.told() == []
    assert await world.canary.health() == {f"canary {name}": "ok" for name in (FAX, WEBHOOK, MAIL)}
    assert len(world.tryable.tests) == len(canary_mails(world)) == len(world.door.knocks) == 1


async def test_each_night_has_its_own_legs_and_each_leg_one_of_them(world: CanaryWorld) -> None:
    for day in (3, 4, 5):
        await world.night(day)
        await world.minutes(60, step=20)
    assert len(world.tryable.tests) == len(set(world.tryable.tests)) == 3
    assert len(set(canary_mails(world))) == len(canary_mails(world)) == 3


async def test_a_night_before_the_first_start_is_nobodys(world: CanaryWorld) -> None:
    await world.minutes(60)
    assert world.tryable.tests == []
    await world.sleep_until(3, 8, 29)
    await world.minutes(0)
    assert world.tryable.tests == []
    await world.minutes(1, step=1)
    assert len(world.tryable.tests) == 1


async def test_a_night_that_was_slept_through_is_made_up_for_in_the_morning(world: CanaryWorld) -> None:
    await world.sleep_until(3, 14, 0)
    await world.minutes(0)
    assert len(world.tryable.tests) == 1


async def test_nothing_is_tried_that_is_not_wanted(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="off")
    assert await world.night() == {}
    assert await world.canary.health() == {}
    assert world.next_hop.mails == []


async def test_a_leg_that_is_wanted_later_in_the_day_is_tried_then(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="returns")
    assert set(await world.night()) == {MAIL}
    world.wants(fax=True)
    world.tryable.calls_back = False
    await world.minutes(40, step=20)
    assert {leg.leg: leg.well for leg in await world.legs(FIRST)} == {MAIL: False, FAX: False}
    failed = [mail["Subject"].rpartition(" failed: ")[2] for mail in world.told()]
    assert failed == ["mail.", "fax sinch."], "and what was told is not told again"


# --- the test fax and its two halves


async def test_a_fax_without_its_callback_is_lost_and_says_so(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    legs = await world.night()
    assert legs[FAX].well is False
    assert legs[FAX].detail == "no callback came in, though the test fax was delivered"
    [mail] = world.told()
    assert mail["Subject"] == "Fax gateway: Canary failed: fax sinch."
    assert "public_url" in mail.get_content()


async def test_a_callback_without_a_delivered_report_is_not_enough(world: CanaryWorld) -> None:
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    [fax] = world.tryable.sent
    fax.report = replace(fax.report, phase=Phase.WAITING)
    await world.deliver_callbacks()
    await world.minutes(40)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert (leg.well, leg.detail) == (False, "the callback came in, and the test fax is still under way")


async def test_the_callback_is_durable_and_may_overtake_the_answer(world: CanaryWorld) -> None:
    """A crash after the submission loses the answer; the callback's fax id finds the fax, and it is not sent again."""
    world.tryable.lost_answer = AmbiguousError(Reason.OUTCOME_UNKNOWN, "connection reset")
    legs = await world.night()
    assert legs[FAX].well is True
    assert legs[FAX].facts["fax_id"] == "test-1"
    assert len(world.tryable.tests) == 1


async def test_a_lost_answer_without_a_callback_is_lost_and_never_sent_again(world: CanaryWorld) -> None:
    world.tryable.lost_answer = AmbiguousError(Reason.OUTCOME_UNKNOWN, "connection reset")
    world.tryable.calls_back = False
    legs = await world.night()
    assert legs[FAX].well is False
    assert "connection reset" in legs[FAX].detail
    assert len(world.tryable.tests) == 1


async def test_a_death_after_the_intent_sends_nothing_again(world: CanaryWorld) -> None:
    """The process dies while it hands the fax over; what comes back finds the row and does not send it again."""

    def die(_token: str) -> None:
        raise KeyboardInterrupt

    world.tryable.on_test = die
    await world.sleep_until(3, 8, 30)
    with pytest.raises(KeyboardInterrupt):
        await world.canary.run()
    world.canary = world.node()
    await world.minutes(40)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is False
    assert len(world.tryable.tests) == 1


async def test_a_fax_that_was_provably_not_sent_is_tried_again_within_its_time(world: CanaryWorld) -> None:
    down = NotSentError(Reason.PROVIDER_DOWN, "connection refused")

    def refuse_twice(_token: str) -> None:
        if len(world.tryable.tests) <= 2:
            raise down

    world.tryable.on_test = refuse_twice
    assert (await world.night())[FAX].well is True
    assert len(set(world.tryable.tests)) == 1, "under the same reference"


async def test_a_provider_that_is_away_all_the_time_is_told(world: CanaryWorld) -> None:
    def refuse(_token: str) -> None:
        raise NotSentError(Reason.PROVIDER_DOWN, "connection refused")

    world.tryable.on_test = refuse
    leg = (await world.night())[FAX]
    sentence = "the test fax could not be sent: The fax service could not be reached (connection refused)"
    assert (leg.well, leg.detail) == (False, sentence)


@pytest.mark.parametrize(
    "error", [AccountError(Reason.PROVIDER_AUTH, "401"), PermanentError(Reason.OTHER, "no such number")]
)
async def test_a_refusal_ends_the_leg_at_once(world: CanaryWorld, error: Exception) -> None:
    def refuse(_token: str) -> None:
        raise error

    world.tryable.on_test = refuse
    legs = await world.night()
    assert legs[FAX].ended_at == legs[FAX].started_at
    assert legs[FAX].well is False
    assert "refuses the test fax" in legs[FAX].detail


async def test_a_report_of_failure_ends_the_leg(world: CanaryWorld) -> None:
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    world.tryable.finish(world.tryable.sent[0], Reason.BUSY)
    await world.minutes(5)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is False
    assert leg.detail == "the provider could not deliver its own test fax: The line was busy"


async def test_a_provider_that_cannot_be_asked_leaves_the_fax_unproven(world: CanaryWorld) -> None:
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    world.tryable.cannot_be_asked(TemporaryError(Reason.PROVIDER_DOWN, "503"))
    await world.minutes(40)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is False
    assert leg.detail == (
        "the callback came in, and the provider does not say how the test fax went: "
        "The fax service could not be reached (503)"
    )


async def test_a_callback_counts_only_with_a_token_of_this_account_and_its_own_fax(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    [token] = world.tryable.tests
    saw = world.canary.saw_callback
    assert not await saw("sinch", None, FaxEvent("test-1", inbound=False))
    assert not await saw("sinch", "F-00000001-1", FaxEvent("test-1", inbound=False))
    assert not await saw("sinch", "C-ZZZZZZZZ", FaxEvent("test-1", inbound=False))
    assert not await saw("other", token, FaxEvent("test-1", inbound=False))
    assert await saw("sinch", token, FaxEvent("another-fax", inbound=False))
    await world.minutes(10)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.ended_at is None
    assert await saw("sinch", token, FaxEvent("test-1", inbound=False))
    await world.minutes(10)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is True


async def test_a_hint_of_a_fax_without_our_token_proves_nothing(world: CanaryWorld) -> None:
    """After a lost answer only the callback names the fax; a fax of somebody else must not pass for ours."""
    world.tryable.lost_answer = AmbiguousError(Reason.OUTCOME_UNKNOWN, "reset")
    world.tryable.calls_back = False
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    [fax] = world.tryable.sent
    fax.report = replace(fax.report, references=frozenset())
    await world.canary.saw_callback("sinch", world.tryable.tests[0], FaxEvent(fax.id, inbound=False))
    await world.minutes(40)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is False


# --- our own front door


async def test_the_newest_received_fax_goes_once_more_to_the_front_door_and_is_absorbed(world: CanaryWorld) -> None:
    await receive(world, "in-1")
    world.clock.advance(minutes=1)
    await receive(world, "in-2")
    mails = len(world.next_hop.mails)
    assert (await world.night())[WEBHOOK].well is True
    assert [knock["id"] for knock in world.door.knocks] == ["in-2"]
    assert len(world.next_hop.mails) == mails + 1, "only the canary's own mail"
    assert await count(world, inbound_fax) == 2


async def receive(world: CanaryWorld, fax_id: str, **changes: object) -> None:
    world.provider.has_received(fax_id, **changes)
    await world.fax_to_email.accept("sinch", FaxEvent(fax_id, inbound=True))
    await world.run_until_idle()


async def count(world: CanaryWorld, table: sa.Table) -> int:
    return int(await world.database.read(lambda tx: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar()))


async def test_a_fax_that_the_provider_has_forgotten_gives_way_to_the_test_fax(world: CanaryWorld) -> None:
    await receive(world, "in-1")
    del world.provider.inbound["in-1"]
    assert (await world.night())[WEBHOOK].well is True
    assert [knock["id"] for knock in world.door.knocks] == ["test-1"]


async def test_the_event_of_the_test_fax_never_passes_for_its_callback(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    legs = await world.night()
    assert legs[FAX].well is False
    assert legs[WEBHOOK].well is True, "it is tried once the test fax has been judged"


async def test_without_any_fax_there_is_nothing_to_try_and_nothing_to_tell(world: CanaryWorld) -> None:
    world.wants(fax=False)
    legs = await world.night()
    assert (legs[WEBHOOK].well, legs[WEBHOOK].detail) == (None, "no fax of this account is known yet")
    assert world.told() == []
    assert (await world.canary.health())[f"canary {WEBHOOK}"] == "ok"


@pytest.mark.parametrize(
    ("status", "detail", "advice"),
    [
        (301, "our public URL redirects (301)", "public_url"),
        (401, "our public URL answers 401", "Authorization"),
        (404, "our public URL answers 404", "/webhooks/"),
        (418, "our public URL answers 418", "nothing but 200"),
        (502, "our public URL answers 502", "[web] listen"),
    ],
)
async def test_what_a_wrong_answer_of_the_front_door_means(
    world: CanaryWorld, status: int, detail: str, advice: str
) -> None:
    world.door.status = status
    leg = (await world.night())[WEBHOOK]
    assert (leg.well, leg.detail) == (False, detail)
    assert advice in leg.facts["advice"]
    assert len(world.door.knocks) == (1 if status < 500 else len(world.door.knocks)), "only 5xx may pass by itself"


async def test_a_front_door_that_opens_in_time_is_well(world: CanaryWorld) -> None:
    world.door.status = 503
    await world.sleep_until(3, 8, 30)
    await world.minutes(10)
    world.door.status = None
    await world.minutes(10)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == WEBHOOK]
    assert leg.well is True


async def test_a_front_door_behind_which_nobody_is(world: CanaryWorld) -> None:
    await world.door.close()
    leg = (await world.night())[WEBHOOK]
    assert (leg.well, leg.detail) == (False, "our public URL cannot be reached: nobody answers there")
    assert "s?" not in leg.detail
    assert "/webhooks/sinch" not in world.told()[0].get_content(), "the secret part of the URL is told to nobody"


async def test_a_certificate_that_nobody_vouches_for_is_told_as_such(world: CanaryWorld) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    await world.door.close()
    world.door.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/webhooks/sinch/s"
    leg = (await world.night())[WEBHOOK]
    assert (leg.well, leg.detail) == (False, "our public URL cannot be reached: its certificate is not valid")
    server.close()
    await server.wait_closed()


# --- the mail


async def test_a_mail_that_the_smarthost_took_is_well_where_that_counts(world: CanaryWorld) -> None:
    legs = await world.night()
    assert legs[MAIL].well is True
    [mail] = [mail for mail in world.next_hop.mails if mail.to.startswith("canary+")]
    assert mail.mail_from == "", "nobody gets a bounce"
    assert mail.to == f"canary+{legs[MAIL].token}@fax.example"


async def test_a_mail_counts_when_it_has_come_back_where_that_is_wanted(world: CanaryWorld) -> None:
    world.wants(mail="returns")
    legs = await world.night()
    assert legs[MAIL].well is False
    assert legs[MAIL].detail == "the smarthost took the mail, but it did not come back"
    assert len(canary_mails(world)) == 1, "what was taken is not sent again"
    world.mail_is_routed_here = True
    legs = await world.night(4)
    assert legs[MAIL].well is True
    assert await count(world, fax_job) == 0
    assert [mail["Subject"] for mail in world.told()] == [
        "Fax gateway: Canary failed: mail.",
        "Fax gateway: Canary is well again: mail.",
    ]


async def test_a_smarthost_that_puts_the_mail_off_is_tried_again(world: CanaryWorld) -> None:
    await world.sleep_until(3, 8, 30)
    world.wants(fax=False, webhook=False)
    refusing = Refusing([TemporaryError(Reason.MAIL_TEMPORARY, "451 greylisted")] * 2)
    world.canary = world.node(next_hop=refusing)
    await world.minutes(15)
    [leg] = await world.legs(FIRST)
    assert (leg.well, len(refusing.taken)) == (True, 1)


async def test_a_smarthost_that_never_takes_it_is_told_with_its_own_words(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False)
    world.canary = world.node(
        next_hop=Refusing([TemporaryError(Reason.MAIL_TEMPORARY, "451 4.3.0 queue is full")] * 99)
    )
    leg = (await world.night())[MAIL]
    assert (leg.well, leg.detail) == (False, "the smarthost does not take mail: 451 4.3.0 queue is full")


async def test_a_smarthost_that_refuses_it_ends_the_leg_at_once(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False)
    world.canary = world.node(next_hop=Refusing([PermanentError(Reason.MAIL_REFUSED, "550 relaying denied")]))
    leg = (await world.night())[MAIL]
    assert (leg.well, leg.detail) == (False, "the smarthost refuses the mail: 550 relaying denied")
    assert leg.ended_at == leg.started_at


class Refusing:
    """A smarthost with a list of errors; then it takes mail."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        self.taken: list[str] = []

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(recipient)
        return "250 ok"


# --- a fax from one number of ours to another


async def own_fax_night(world: CanaryWorld, *, arrives: bool = True, caller: str = OURS) -> None:
    """Lets the fax go out; it comes in again, if it arrives."""
    world.wants(fax=False, webhook=False, mail="off", own_fax=(OURS, THEIRS))
    await world.sleep_until(3, 8, 30)
    await world.minutes(2, step=1)
    if arrives:
        await receive(world, "in-own", number=THEIRS, caller=caller)
    await world.minutes(40)


async def test_an_own_fax_goes_out_comes_in_and_is_mailed(world: CanaryWorld) -> None:
    await own_fax_night(world)
    [leg] = await world.legs(FIRST)
    assert leg.well is True
    [fax] = world.provider.sent
    assert (fax.request.caller_id, fax.request.number) == (OURS, THEIRS)
    assert fax.request.header_text == "Clinic +1 202-555-0100", "as the sender who has this number"
    assert [mail.to for mail in world.next_hop.mails] == ["front@clinic.example"], "the fax itself, and no notice"


async def test_a_caller_shown_without_its_country_is_known_again(world: CanaryWorld) -> None:
    await own_fax_night(world, caller=OURS.removeprefix("+1"))
    [leg] = await world.legs(FIRST)
    assert leg.well is True


@pytest.mark.parametrize(("arrives", "caller"), [(False, OURS), (True, "+13125550177"), (True, "100")])
async def test_an_own_fax_that_does_not_come_in_is_told(world: CanaryWorld, arrives: bool, caller: str) -> None:
    await own_fax_night(world, arrives=arrives, caller=caller)
    [leg] = await world.legs(FIRST)
    assert (leg.well, leg.detail) == (False, "the fax was delivered, but it did not come in")


async def test_an_own_fax_that_cannot_be_sent_ends_with_its_reason(world: CanaryWorld) -> None:
    world.provider.will_end(Reason.NUMBER_DEAD)
    await own_fax_night(world, arrives=False)
    [leg] = await world.legs(FIRST)
    assert leg.well is False
    assert leg.detail.startswith("the fax could not be sent: ")
    [job] = await jobs(world)
    assert job["state"] == FaxState.FAILED.value
    assert f"faxgw trace {job['id']}" in leg.facts["advice"]


async def test_a_mail_of_the_own_fax_that_is_still_queued_is_not_well(world: CanaryWorld) -> None:
    world.next_hop.will_answer("front@clinic.example", TemporaryError(Reason.MAIL_TEMPORARY, "451"), times=99)
    await own_fax_night(world)
    [leg] = await world.legs(FIRST)
    assert (leg.well, leg.detail) == (False, "it came in, but is still routed")


async def test_an_own_fax_is_ordered_once_by_however_many_nodes(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="off", own_fax=(OURS, THEIRS))
    await world.sleep_until(3, 8, 30)
    one, other = world.node(), world.node()
    await one.run()
    [leg] = await world.legs(FIRST)
    again = replace(leg, facts={"phase": "ready"})
    await other._kinds()[OWN].advance(again, late=False)  # a node that has read the row before
    assert await count(world, fax_job) == 1
    assert len(list(world.documents.names())) == 1


async def jobs(world: CanaryWorld) -> list[dict[str, object]]:
    return await world.database.read(lambda tx: [dict(row) for row in tx.execute(sa.select(fax_job)).mappings()])


# --- several nodes


async def test_two_nodes_try_each_leg_once(world: CanaryWorld) -> None:
    one, other = world.node(), world.node()
    await world.sleep_until(3, 8, 30)
    await one.run()
    await other.run()
    [fax] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    await other._kinds()["fax"].advance(replace(fax, facts={"phase": "ready"}), late=False)
    assert len(world.tryable.tests) == 1
    assert len(await world.legs(FIRST)) == 3


# --- telling


async def test_all_that_is_broken_in_a_night_is_one_mail(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    world.wants(mail="returns")
    await world.night()
    [mail] = world.told()
    assert mail["Subject"] == "Fax gateway: Canary failed: fax sinch, mail."
    lines = [line for line in mail.get_content().splitlines() if line.startswith("  ")]
    assert [line for line in lines if "sinch:" in line or "mail:" in line] == [
        "  fax sinch: no callback came in, though the test fax was delivered.",
        "  mail: the smarthost took the mail, but it did not come back.",
    ]
    assert len(lines) == 4, "each with what to do"


async def test_health_stays_red_until_a_night_in_which_the_leg_is_well(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    await world.night(3)
    await world.night(4)
    health = await world.canary.health()
    sentence = "no callback came in, though the test fax was delivered (failing since 2026-11-03 08:30 UTC)"
    assert health == {f"canary {FAX}": sentence, f"canary {WEBHOOK}": "ok", f"canary {MAIL}": "ok"}
    world.tryable.calls_back = True
    await world.sleep_until(5, 8, 29)
    await world.canary.run()
    assert (await world.canary.health())[f"canary {FAX}"] == sentence
    await world.night(5)
    assert (await world.canary.health())[f"canary {FAX}"] == "ok"
    assert [mail["Subject"].partition("Canary ")[2] for mail in world.told()] == [
        "failed: fax sinch.",
        "failed: fax sinch.",
        "is well again: fax sinch.",
    ]
    await world.night(6)
    assert len(world.told()) == 3, "all clear is told once"


async def test_what_is_known_to_be_wrong_anyway_is_told_as_the_cause(world: CanaryWorld) -> None:
    pauses = (timedelta(days=1),)
    await world.database.write(provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", world.clock(), pauses)
    world.room = False
    world.tryable.calls_back = False
    await world.night()
    text = world.told()[0].get_content()
    assert "The provider account sinch is paused: The fax service account has no credit." in text
    assert "too little room on the disk" in text


async def test_a_leg_that_is_broken_for_another_reason_names_no_cause(world: CanaryWorld) -> None:
    await world.database.write(
        provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", world.clock(), (timedelta(days=1),)
    )
    world.wants(fax=False, webhook=False, mail="returns")
    await world.night()
    assert "paused" not in world.told()[0].get_content()


async def test_what_could_not_be_seen_because_we_were_down_is_waited_for(world: CanaryWorld) -> None:
    """The process dies just after the fax went out and comes back hours later; then the callback comes as well."""
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    pending, world.tryable.pending = world.tryable.pending, []
    await world.sleep_until(3, 12, 0)
    world.canary = world.node()
    await world.minutes(10)
    world.tryable.pending = pending
    await world.minutes(10)
    [leg] = [leg for leg in await world.legs(FIRST) if leg.leg == FAX]
    assert leg.well is True
    assert world.told() == []


async def test_a_bug_in_one_leg_keeps_no_other_from_being_judged_and_is_told(world: CanaryWorld) -> None:
    def bug(_token: str) -> None:
        raise ZeroDivisionError("with something secret in it")

    world.tryable.on_test = bug
    legs = await world.night()
    assert legs[MAIL].well is True
    assert legs[FAX].well is False
    assert "secret" not in world.told()[0].get_content()


async def test_a_disk_error_ends_the_process_and_is_no_matter_of_the_canary(world: CanaryWorld) -> None:
    def fail(_token: str) -> None:
        raise DiskError("write failed")

    world.tryable.on_test = fail
    await world.sleep_until(3, 8, 30)
    with pytest.raises(DiskError):
        await world.canary.run()


async def test_legs_of_an_account_that_is_gone_are_closed_without_a_word(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    world.canary = world.node(providers={})
    await world.minutes(40)
    assert {leg.leg: leg.well for leg in await world.legs(FIRST)} == {FAX: None, WEBHOOK: None, MAIL: True}
    assert world.told() == []
    assert await world.canary.health() == {"canary mail": "ok"}


async def test_the_journal_and_the_metrics_know_each_leg(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    await world.night()
    events = await world.database.read(
        lambda tx: [tuple(row) for row in tx.execute(sa.select(journal_table.c.event, journal_table.c.detail))]
    )
    assert ("canary lost", "fax sinch: no callback came in, though the test fax was delivered") in events
    assert ("canary well", "mail") in events
    assert registry.get_sample_value("faxgw_canary_well", {"leg": FAX}) == 0
    assert registry.get_sample_value("faxgw_canary_well", {"leg": MAIL}) == 1
    last = registry.get_sample_value("faxgw_canary_last_well_seconds", {"leg": MAIL})
    assert last == world.clock.now.replace(hour=8, minute=30).timestamp()


# --- because a person asks


async def test_a_person_may_try_all_legs_at_any_time(world: CanaryWorld) -> None:
    await world.night()
    begun = await world.canary.start_now()
    assert [leg.leg for leg in begun] == [FAX, WEBHOOK, MAIL]
    assert {leg.night for leg in begun} == {f"{FIRST}#2"}
    await world.deliver_callbacks()
    world.clock.advance(seconds=15)
    assert [leg.well for leg in await world.canary.look(f"{FIRST}#2")] == [True, True, True]
    assert len(world.tryable.tests) == 2
    assert (await world.canary.start_now())[0].night == f"{FIRST}#3"


async def test_looking_often_bothers_nobody_out_there(world: CanaryWorld) -> None:
    await receive(world, "in-1")
    world.door.status = 503
    world.canary = world.node(next_hop=Refusing([TemporaryError(Reason.MAIL_TEMPORARY, "451")] * 99))
    [first, *_] = await world.canary.start_now()
    for _ in range(20):
        await world.canary.look(first.night)
        world.clock.advance(seconds=2)
    assert len(world.door.knocks) == 3


async def test_a_trial_that_goes_well_turns_health_green_again(world: CanaryWorld) -> None:
    world.tryable.calls_back = False
    await world.night()
    world.tryable.calls_back = True
    begun = await world.canary.start_now()
    await world.minutes(5)
    assert all(leg.well for leg in await world.legs(begun[0].night))
    assert set((await world.canary.health()).values()) == {"ok"}
    assert world.told()[-1]["Subject"] == "Fax gateway: Canary is well again: fax sinch."


async def test_a_person_may_ask_before_the_first_night(world: CanaryWorld) -> None:
    [fax, *_] = await world.canary.start_now()
    assert fax.night == "2026-11-02#2"
    await world.minutes(5)
    assert len(world.tryable.tests) == 1, "the night itself is still nobody's"


async def test_with_nothing_wanted_there_is_nothing_to_ask_for(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="off")
    assert await world.canary.start_now() == []
