"""A received fax reaches every address it is for, once per address, and is never dropped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.core.lifecycle import InboundState
from gateway.core.model import Carrier, FaxEvent, InboundFax, Phase, Route
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.store import inbound_faxes, invariants
from gateway.store.database import Tx
from gateway.store.schema import journal, mail_delivery, mapping_reading, mapping_seen
from tests.fakes import FALLBACK, OPERATOR, OURS, SERVICE, START, Gateway

EVENT = FaxEvent("in-1", inbound=True)
BOTH = ["a@clinic.example", "b@clinic.example"]
DOWN = TemporaryError(Reason.PROVIDER_DOWN, "503")


async def the_fax(gateway: Gateway, fax_id: str = "in-1") -> InboundFax:
    fax = await gateway.database.read(inbound_faxes.find, "sinch", fax_id)
    assert fax is not None
    return fax


async def told_of(gateway: Gateway, event: FaxEvent = EVENT) -> None:
    await gateway.fax_to_email.accept("sinch", event)
    await gateway.run_until_idle()


def receivers(gateway: Gateway) -> list[str]:
    return sorted(mail.to for mail in gateway.next_hop.mails)


async def settled(gateway: Gateway) -> None:
    assert await gateway.database.read(invariants.find_violations) == []


async def test_a_received_fax_is_mailed_to_each_address_with_its_pages(gateway: Gateway) -> None:
    gateway.provider.has_received()
    await told_of(gateway)
    assert receivers(gateway) == BOTH
    message = message_from_bytes(gateway.next_hop.mails[0].content, policy=policy.default)
    [attached] = message.iter_attachments()
    assert attached.get_content() == b"%PDF two pages"
    assert message["Subject"] == "Fax from +1 312 555 0177, 2 pages"
    fax = await the_fax(gateway)
    assert (fax.state, fax.pages, fax.caller) == (InboundState.DONE, 2, "+13125550177")
    await settled(gateway)


async def test_fifty_webhooks_at_once_are_one_mail_per_address(gateway: Gateway) -> None:
    gateway.provider.has_received()
    event = FaxEvent("in-1", inbound=True, document=b"%PDF from the event")
    await asyncio.gather(*(gateway.fax_to_email.accept("sinch", event) for _ in range(50)))
    await gateway.run_until_idle()
    await told_of(gateway, event)
    assert receivers(gateway) == BOTH
    stored = [name for name, _ in gateway.documents.names() if ".event." in name]
    assert len(stored) == 1


async def test_a_fax_for_a_number_without_route_goes_to_the_fallback(gateway: Gateway) -> None:
    gateway.provider.has_received(number="+12025550199")
    await told_of(gateway)
    assert receivers(gateway) == [FALLBACK]


async def test_a_fax_whose_webhook_never_came_is_found_by_listing(gateway: Gateway) -> None:
    gateway.provider.has_received()
    assert await gateway.fax_to_email.catch_up(timedelta(hours=2)) == 1
    assert await gateway.fax_to_email.catch_up(timedelta(hours=2)) == 0
    await gateway.run_until_idle()
    assert receivers(gateway) == BOTH


async def test_a_newcomers_old_faxes_are_not_mailed_out(gateway: Gateway) -> None:
    gateway.provider.has_received(created_at=START - timedelta(minutes=1))
    assert await gateway.fax_to_email.catch_up(timedelta(days=14)) == 0


async def test_a_failing_provider_does_not_stop_the_catch_up_chore(gateway: Gateway) -> None:
    gateway.provider.cannot_be_asked(DOWN)
    assert await gateway.fax_to_email.catch_up(timedelta(hours=2)) == 0


# --- only what we fetched ourselves is believed


async def test_an_invented_fax_is_not_mailed_and_the_operator_is_told(gateway: Gateway) -> None:
    await told_of(gateway, FaxEvent("invented", inbound=True, document=b"%PDF forged"))
    assert gateway.next_hop.mails == []
    await gateway.pass_time(minutes=30)
    assert (await the_fax(gateway, "invented")).state is InboundState.FAILED
    assert receivers(gateway) == [OPERATOR]


async def test_a_fax_that_the_provider_knows_a_little_later_is_delivered(gateway: Gateway) -> None:
    await told_of(gateway)
    gateway.provider.has_received()
    await gateway.pass_time(minutes=1)
    assert receivers(gateway) == BOTH


@pytest.mark.parametrize("change", [{"service": "another-service"}, {"inbound": False}])
async def test_a_fax_of_somebody_else_is_not_mailed(gateway: Gateway, change: dict[str, object]) -> None:
    gateway.provider.has_received(**change)
    await told_of(gateway)
    assert receivers(gateway) == [OPERATOR]
    assert (await the_fax(gateway)).state is InboundState.FAILED


async def test_a_failed_reception_is_told_to_the_operator(gateway: Gateway) -> None:
    gateway.provider.has_received(phase=Phase.FAILED, reason=Reason.RECEPTION_FAILED)
    await told_of(gateway)
    [alert] = gateway.next_hop.to(OPERATOR)
    assert "A fax from +13125550177 to +12025550100 could not be received" in alert.content.decode()
    await settled(gateway)


async def test_a_fax_still_being_received_is_waited_for(gateway: Gateway) -> None:
    gateway.provider.has_received(phase=Phase.WAITING, reason=None)
    await told_of(gateway)
    assert (await the_fax(gateway)).state is InboundState.RECEIVED
    gateway.provider.has_received()
    await gateway.pass_time(minutes=1)
    assert receivers(gateway) == BOTH


# --- the document


async def test_where_the_provider_keeps_nothing_the_copy_in_the_event_is_delivered(gateway: Gateway) -> None:
    gateway.provider.has_received()
    del gateway.provider.documents["in-1"]
    await told_of(gateway, FaxEvent("in-1", inbound=True, document=b"%PDF from the event"))
    message = message_from_bytes(gateway.next_hop.mails[0].content, policy=policy.default)
    assert next(message.iter_attachments()).get_content() == b"%PDF from the event"


async def test_an_event_that_comes_after_the_sweep_brings_the_document(gateway: Gateway) -> None:
    gateway.provider.has_received()
    del gateway.provider.documents["in-1"]
    await gateway.fax_to_email.catch_up(timedelta(hours=2))
    await gateway.run_until_idle()
    assert gateway.next_hop.mails == []
    await told_of(gateway, FaxEvent("in-1", inbound=True, document=b"%PDF from the event"))
    assert receivers(gateway) == BOTH


async def test_a_document_that_does_not_open_is_fetched_again_and_held_in_the_end(gateway: Gateway) -> None:
    gateway.provider.has_received()
    gateway.renderer.broken = True
    await told_of(gateway)
    assert gateway.next_hop.mails == []
    await gateway.pass_time(days=6)
    assert (await the_fax(gateway)).state is InboundState.HELD
    assert receivers(gateway) == [OPERATOR, OPERATOR]  # when it lasts, and when it is held


async def test_a_document_that_came_while_the_sweep_made_the_row_is_not_lost(gateway: Gateway) -> None:
    gateway.provider.has_received()
    gateway.provider.documents.clear()
    put = gateway.documents.put

    async def sweep_comes_first(*args: Any) -> Any:
        gateway.documents.put = put  # type: ignore[method-assign]
        await gateway.fax_to_email.catch_up(timedelta(hours=2))
        return await put(*args)

    gateway.documents.put = sweep_comes_first  # type: ignore[method-assign]
    await told_of(gateway, FaxEvent("in-1", inbound=True, document=b"%PDF the only copy"))
    assert receivers(gateway) == BOTH


async def test_the_copy_in_the_event_is_delivered_when_the_download_keeps_failing(gateway: Gateway) -> None:
    gateway.provider.has_received()
    fetch = gateway.provider.fetch_document

    async def breaks(_fax_id: str) -> bytes:
        raise DOWN

    gateway.provider.fetch_document = breaks  # type: ignore[method-assign]
    await told_of(gateway, FaxEvent("in-1", inbound=True, document=b"%PDF from the event"))
    assert gateway.next_hop.mails == []
    await gateway.pass_time(minutes=5)
    assert receivers(gateway) == BOTH
    gateway.provider.fetch_document = fetch  # type: ignore[method-assign]


async def test_a_torn_document_is_fetched_again(gateway: Gateway) -> None:
    gateway.provider.has_received()
    gateway.renderer.broken = True
    await told_of(gateway)
    gateway.renderer.broken = False
    await gateway.pass_time(minutes=1)
    assert receivers(gateway) == BOTH


async def test_pages_that_do_not_match_are_fetched_again_then_delivered_and_told(gateway: Gateway) -> None:
    gateway.provider.has_received(pages=5)
    await told_of(gateway)
    assert gateway.next_hop.mails == []
    await gateway.pass_time(minutes=5)
    assert receivers(gateway) == sorted([*BOTH, OPERATOR])


@pytest.mark.parametrize("error", [DOWN, AccountError(Reason.PROVIDER_AUTH, "401")])
async def test_trouble_at_the_provider_only_delays_a_fax(gateway: Gateway, error: Exception) -> None:
    gateway.provider.has_received()
    gateway.provider.cannot_be_asked(error)
    await told_of(gateway)
    await gateway.pass_time(hours=10)
    gateway.provider.cannot_be_asked(None)
    await gateway.pass_time(hours=2)
    assert receivers(gateway) == sorted([*BOTH, OPERATOR])  # the operator hears that it lasts


# --- the mails


async def test_one_bad_address_goes_to_the_fallback_and_harms_no_other(gateway: Gateway) -> None:
    gateway.provider.has_received()
    gateway.next_hop.will_answer(BOTH[0], PermanentError(Reason.MAIL_REFUSED, "550 no such user"))
    await told_of(gateway)
    assert receivers(gateway) == sorted([BOTH[1], FALLBACK, OPERATOR])
    assert (await the_fax(gateway)).state is InboundState.DONE


async def test_a_fax_that_reaches_nobody_is_held_and_told(gateway: Gateway) -> None:
    gateway.provider.has_received()
    for address in (*BOTH, FALLBACK):
        gateway.next_hop.will_answer(address, PermanentError(Reason.MAIL_REFUSED, "550"))
    await told_of(gateway)
    fax = await the_fax(gateway)
    assert (fax.state, fax.reason) == (InboundState.HELD, Reason.REACHED_NOBODY)
    assert set(receivers(gateway)) == {OPERATOR}
    await settled(gateway)


# --- who delivers: we, the provider's own e-mail service, or both


async def the_provider_mails(
    gateway: Gateway,
    *addresses: str,
    permission: str = "receive",
    number: str = OURS,
    since: timedelta = timedelta(hours=-1),
    read: timedelta | None = timedelta(minutes=1),
) -> None:
    """The provider's table has these addresses for the number; it was read before this moment, and soon after it."""
    key = {"account": "sinch", "service": SERVICE, "number": number, "since": gateway.clock() + since}
    rows = [{**key, "address": address, "permission": permission} for address in addresses]
    await gateway.database.write(lambda tx: tx.execute(mapping_seen.insert(), rows))
    await the_table_is_read(gateway, read or since)


async def the_table_is_read(gateway: Gateway, after: timedelta = timedelta(0)) -> None:
    def write(tx: Tx) -> None:
        tx.execute(mapping_reading.delete())
        tx.execute(mapping_reading.insert().values(account="sinch", read_at=gateway.clock() + after))

    await gateway.database.write(write)


def routed_by(gateway: Gateway, carrier: Carrier) -> None:
    gateway.use_routes(Route(OURS, tuple(BOTH), carrier))


@pytest.mark.parametrize("carrier", [Carrier.GATEWAY, Carrier.BOTH])
async def test_what_we_deliver_is_mailed_whatever_the_provider_mails(gateway: Gateway, carrier: Carrier) -> None:
    routed_by(gateway, carrier)
    await the_provider_mails(gateway, *BOTH)
    gateway.provider.has_received()
    await told_of(gateway)
    assert receivers(gateway) == BOTH
    await settled(gateway)


@pytest.mark.parametrize("permission", ["receive", "both"])
async def test_a_fax_that_the_provider_mails_to_everybody_is_done_and_kept(gateway: Gateway, permission: str) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, "A@clinic.example", "b@clinic.example", permission=permission)
    gateway.provider.has_received()
    await told_of(gateway)
    await gateway.pass_time(days=6)
    assert gateway.next_hop.mails == []
    fax = await the_fax(gateway)
    assert (fax.state, fax.pages, fax.due_at) == (InboundState.DONE, 2, None)
    assert fax.document is not None
    assert gateway.documents.path(fax.document).read_bytes() == b"%PDF two pages"
    moves = await gateway.database.read(lambda tx: tx.execute(sa.select(journal).order_by(journal.c.seq)).all())
    assert (moves[-1].old_state, moves[-1].new_state) == ("received", "done")
    assert moves[-1].detail == fax.detail == "the provider delivers it"
    await settled(gateway)


async def test_an_address_that_the_provider_does_not_know_gets_our_mail(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, BOTH[0])
    gateway.provider.has_received()
    await told_of(gateway)
    assert receivers(gateway) == [BOTH[1]]
    assert (await the_fax(gateway)).state is InboundState.DONE


async def test_whether_the_provider_mailed_a_fax_is_known_from_a_reading_after_it(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH, read=None)
    gateway.provider.has_received()
    await told_of(gateway)
    await gateway.pass_time(minutes=30)
    assert (await the_fax(gateway)).state is InboundState.RECEIVED
    await the_table_is_read(gateway)
    await gateway.pass_time(minutes=6)
    assert (await the_fax(gateway)).state is InboundState.DONE
    assert gateway.next_hop.mails == []


async def test_a_fax_that_came_after_somebody_took_the_entry_away_gets_our_mail(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH, read=None)
    gateway.provider.has_received()
    await told_of(gateway)
    await gateway.database.write(lambda tx: tx.execute(mapping_seen.delete()))
    await the_table_is_read(gateway)
    await gateway.pass_time(minutes=6)
    assert receivers(gateway) == BOTH


async def test_a_fax_that_came_before_its_entry_gets_our_mail(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    gateway.provider.has_received()
    await the_provider_mails(gateway, *BOTH, since=timedelta(minutes=20), read=timedelta(minutes=20))
    await gateway.pass_time(minutes=30)
    await told_of(gateway)
    assert receivers(gateway) == BOTH


async def test_without_a_reading_for_hours_everybody_gets_our_mail(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH, since=timedelta(days=-10), read=None)
    gateway.provider.has_received()
    await told_of(gateway)
    await gateway.pass_time(hours=2)
    assert gateway.next_hop.mails == []
    await gateway.pass_time(hours=2)
    assert receivers(gateway) == BOTH


async def test_while_the_table_of_the_provider_was_never_read_everybody_gets_our_mail(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    gateway.provider.has_received()
    await told_of(gateway)
    assert receivers(gateway) == BOTH


async def test_what_the_provider_mails_is_looked_up_when_our_mails_are_queued_not_before(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH)
    gateway.provider.has_received()
    fetch = gateway.provider.fetch_document

    async def entry_is_removed_meanwhile(fax_id: str) -> bytes:
        await gateway.database.write(lambda tx: tx.execute(mapping_seen.delete()))
        return await fetch(fax_id)

    gateway.provider.fetch_document = entry_is_removed_meanwhile  # type: ignore[method-assign]
    await told_of(gateway)
    assert receivers(gateway) == BOTH


@pytest.mark.parametrize("entry", [{"permission": "send"}, {"number": "+12025550199"}])
async def test_an_entry_that_brings_nobody_this_fax_counts_for_nothing(gateway: Gateway, entry: dict[str, str]) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH, **entry)
    gateway.provider.has_received()
    await told_of(gateway)
    assert receivers(gateway) == BOTH


async def test_the_provider_is_left_nothing_of_a_fax_that_no_route_claims(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, FALLBACK, number="+12025550199")
    gateway.provider.has_received(number="+12025550199")
    await told_of(gateway)
    assert receivers(gateway) == [FALLBACK]


async def test_pages_that_do_not_match_are_told_of_a_fax_that_the_provider_delivers_too(gateway: Gateway) -> None:
    routed_by(gateway, Carrier.PROVIDER)
    await the_provider_mails(gateway, *BOTH)
    gateway.provider.has_received(pages=5)
    await told_of(gateway)
    await gateway.pass_time(minutes=5)
    assert receivers(gateway) == [OPERATOR]


async def test_a_fax_left_to_the_provider_is_not_counted_as_one_for_nobody_but_any_other_is(gateway: Gateway) -> None:
    gateway.provider.has_received()
    await told_of(gateway)
    await gateway.database.write(lambda tx: tx.execute(mail_delivery.delete()))
    fax = await the_fax(gateway)
    assert await gateway.database.read(invariants.find_violations) == [f"{fax.id}: routed to nobody"]
