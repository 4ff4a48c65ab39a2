"""A received fax reaches every address it is for, once per address, and is never dropped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest

from gateway.core.lifecycle import InboundState
from gateway.core.model import FaxEvent, InboundFax, Phase
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.store import inbound_faxes, invariants
from tests.fakes import FALLBACK, OPERATOR, START, Gateway

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
