"""An accepted message becomes exactly one fax per number, or its sender is told why not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from itertools import pairwise

import pytest
import sqlalchemy as sa

from gateway.core.lifecycle import FaxState
from gateway.core.model import AttemptState, Envelope, FaxEvent, FaxJob, Recipient
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.core.refusal import Refusal
from gateway.mail.intake import Receipt
from gateway.store import fax_jobs, invariants, reports
from gateway.store.documents import LostDocumentError
from gateway.worker import Worker
from tests.fakes import NUMBER, OPERATOR, OURS, SENDER, START, Gateway

LOST = AmbiguousError(Reason.OUTCOME_UNKNOWN, "no answer")
DOWN = NotSentError(Reason.PROVIDER_DOWN, "connection refused")


async def job(gateway: Gateway, job_id: str) -> FaxJob:
    found = await gateway.database.read(fax_jobs.get_job, job_id)
    assert found is not None
    return found


async def sent_one(gateway: Gateway, *numbers: str, notify: str | None = None) -> FaxJob:
    receipt = await gateway.accept(*numbers, notify=notify)
    await gateway.pass_time(seconds=20)
    return await job(gateway, receipt.job_ids[0])


def dsn_to(gateway: Gateway, address: str = SENDER) -> dict[str, str]:
    """Reads the fields about the recipient from the only report to an address."""
    [mail] = gateway.next_hop.to(address)
    message = message_from_bytes(mail.content, policy=policy.default)
    assert message.get_content_type() == "multipart/report"
    status = list(message.iter_parts())[1]
    return dict(status.get_payload()[1].items())


async def settled(gateway: Gateway) -> None:
    assert await gateway.database.read(invariants.find_violations) == []


# --- the straight road


async def test_a_message_becomes_one_fax_and_its_sender_gets_one_receipt(gateway: Gateway) -> None:
    done = await sent_one(gateway)
    assert (done.state, done.calls, done.pages_sent) == (FaxState.DELIVERED, 1, 1)
    [fax] = gateway.provider.sent
    assert (fax.request.number, fax.request.caller_id) == (NUMBER, OURS)
    assert fax.request.reference == f"{done.id}-1"
    assert fax.request.callback_url == f"https://fax.example/webhooks/sinch/s?ref={done.id}-1"
    [receipt] = gateway.next_hop.mails
    assert (receipt.to, receipt.mail_from) == (SENDER, "")
    await settled(gateway)


async def test_each_page_carries_identity_and_number_of_its_sender(gateway: Gateway) -> None:
    await sent_one(gateway)
    [fax] = gateway.provider.sent
    assert (fax.request.header_text, fax.request.header_time_zone) == ("Clinic +1 202-555-0100", "UTC")


async def test_a_message_to_several_numbers_is_rendered_once_and_sent_to_each(gateway: Gateway) -> None:
    receipt = await gateway.accept("+12025550143", "+12025550144", "+12025550145")
    await gateway.pass_time(seconds=20)
    assert gateway.renderer.rendered == 1
    assert sorted(fax.request.number for fax in gateway.provider.sent) == [
        "+12025550143",
        "+12025550144",
        "+12025550145",
    ]
    assert len(receipt.job_ids) == 3
    await settled(gateway)


async def test_the_same_number_twice_is_one_fax(gateway: Gateway) -> None:
    recipients = tuple(
        Recipient(address, NUMBER) for address in ("+12025550143@fax.example", "FAX=+12025550143@fax.example")
    )
    envelope = Envelope(SENDER, recipients, "127.0.0.1", "x")
    intake = gateway.email_to_fax.begin(envelope, lambda _id, _now: b"")
    await intake.write(b"\r\nHello\r\n")
    assert len((await intake.commit()).job_ids) == 1


async def test_the_stored_file_alone_tells_envelope_and_ids(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    message = await gateway.database.read(fax_jobs.get_message, receipt.message_id)
    content = await gateway.documents.read(message.document)
    envelope, _, rest = content.partition(b"\n")
    assert receipt.job_ids[0].encode() in envelope
    assert b"ana@clinic.example" in envelope
    assert rest.startswith(b"Received: id " + receipt.message_id.encode())


async def test_two_faxes_to_one_number_are_called_one_after_the_other(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    await gateway.accept(body=b"first\r\n")
    await gateway.accept(body=b"second\r\n")
    await gateway.run_until_idle()
    assert len(gateway.provider.sent) == 1
    gateway.provider.finish(gateway.provider.sent[0], Reason.DELIVERED)
    await gateway.pass_time(seconds=60)
    assert len(gateway.provider.sent) == 2
    await settled(gateway)


# --- accepting


async def test_a_repetition_whose_250_was_lost_is_recognised(gateway: Gateway) -> None:
    envelope = Envelope(SENDER, (Recipient("x@fax.example", NUMBER),), "127.0.0.1", "x")
    receipts = []
    for hop in (b"one", b"two"):
        intake = gateway.email_to_fax.begin(envelope, lambda message_id, _: f"Received: {message_id}\r\n".encode())
        await intake.write(b"Received: by " + hop + b"\r\nMessage-ID: <a@b>\r\n\r\nHello\r\n")
        receipts.append(await intake.commit())
    assert receipts[1].repeated
    assert receipts[1].job_ids == receipts[0].job_ids
    await gateway.run_until_idle()
    assert len(gateway.provider.sent) == 1
    names = [name for name, _ in gateway.documents.names() if ".message." in name]
    assert len(names) == 1


async def test_the_same_message_again_after_a_confirmed_250_is_a_new_order(gateway: Gateway) -> None:
    first, second = await gateway.accept(), await gateway.accept()
    assert first.job_ids != second.job_ids
    assert not second.repeated


async def commit_mail(gateway: Gateway, address: str, number: str, *, confirmed: str | None = None) -> Receipt:
    envelope = Envelope(SENDER, (Recipient(address, number),), "127.0.0.1", "x")
    intake = gateway.email_to_fax.begin(envelope, lambda _id, _now: b"")
    await intake.write(b"Message-ID: <a@b>\r\n\r\nHello\r\n")
    return await intake.commit(confirmed)


async def test_the_next_message_confirms_the_one_before_it_and_may_be_equal_to_it(gateway: Gateway) -> None:
    first = await commit_mail(gateway, "x@fax.example", NUMBER)
    second = await commit_mail(gateway, "x@fax.example", NUMBER, confirmed=first.message_id)
    assert not second.repeated
    assert second.job_ids != first.job_ids
    third = await commit_mail(gateway, "x@fax.example", NUMBER)  # the 250 of the second may have got lost
    assert third.repeated
    assert third.job_ids == second.job_ids


async def test_a_message_that_is_not_kept_confirms_nothing(gateway: Gateway) -> None:
    first = await commit_mail(gateway, "x@fax.example", NUMBER)
    no_clock = replace(gateway.email_to_fax, clock=lambda: gateway.clock().replace(tzinfo=None))
    envelope = Envelope(SENDER, (Recipient("x@fax.example", NUMBER),), "127.0.0.1", "x")
    intake = no_clock.begin(envelope, lambda _id, _now: b"")
    with pytest.raises(sa.exc.StatementError):  # a time without a zone cannot be stored
        await intake.commit(first.message_id)
    assert (await commit_mail(gateway, "x@fax.example", NUMBER)).repeated


async def test_a_mail_to_the_canary_confirms_what_came_before_it(gateway: Gateway) -> None:
    first = await commit_mail(gateway, "x@fax.example", NUMBER)
    with pytest.raises(Refusal, match="no such address"):
        await commit_mail(gateway, "canary+C-23456789@fax.example", "", confirmed=first.message_id)
    assert not (await commit_mail(gateway, "x@fax.example", NUMBER)).repeated


@pytest.mark.parametrize("change", ["body", "sender", "number", "message-id"])
async def test_another_message_is_never_taken_for_a_repetition(gateway: Gateway, change: str) -> None:
    async def commit(*, changed: bool) -> bool:
        sender = "leo@clinic.example" if changed and change == "sender" else SENDER
        number = "+12025550199" if changed and change == "number" else NUMBER
        message_id = b"<b@b>" if changed and change == "message-id" else b"<a@b>"
        body = b"Bye\r\n" if changed and change == "body" else b"Hello\r\n"
        intake = gateway.email_to_fax.begin(
            Envelope(sender, (Recipient("x@fax.example", number),), "127.0.0.1", "x"), lambda _id, _now: b""
        )
        await intake.write(b"Message-ID: " + message_id + b"\r\n\r\n" + body)
        return (await intake.commit()).repeated

    assert not await commit(changed=False)
    assert not await commit(changed=True)


async def test_a_message_that_was_not_committed_leaves_nothing(gateway: Gateway) -> None:
    envelope = Envelope(SENDER, (Recipient("x@fax.example", NUMBER),), "127.0.0.1", "x")
    intake = gateway.email_to_fax.begin(envelope, lambda _id, _now: b"")
    await intake.write(b"x" * 1_000_000)
    await intake.discard()
    assert list(gateway.documents.names()) == []
    await gateway.run_until_idle()
    assert gateway.provider.sent == []


def test_too_large_a_message_is_refused_before_its_data(gateway: Gateway) -> None:
    with pytest.raises(Refusal, match=r"552 5\.3\.4 limit is 1000"):
        gateway.email_to_fax.room_for(1001)
    gateway.email_to_fax.room_for(1000)


async def test_mail_to_postmaster_reaches_the_operator(gateway: Gateway) -> None:
    recipients = (Recipient("postmaster@fax.example", ""),)
    intake = gateway.email_to_fax.begin(Envelope("x@y.example", recipients, "127.0.0.1", "x"), lambda _id, _now: b"")
    await intake.write(b"Subject: hello\r\n\r\nHello\r\n")
    receipt = await intake.commit()
    assert receipt.job_ids == ()
    await gateway.run_until_idle()
    assert [mail.content for mail in gateway.next_hop.to(OPERATOR)] == [b"Subject: hello\r\n\r\nHello\r\n"]


# --- rendering


async def test_what_cannot_be_faxed_is_told_before_anything_is_dialled(gateway: Gateway) -> None:
    gateway.renderer.will_fail(PermanentError(Reason.UNSUPPORTED_TYPE, "part 2 (application/zip)"))
    failed = await sent_one(gateway, "+12025550143", "+12025550144")
    assert (failed.state, failed.reason) == (FaxState.FAILED, Reason.UNSUPPORTED_TYPE)
    assert gateway.provider.calls == []
    assert len(gateway.next_hop.to(SENDER)) == 2
    await settled(gateway)


async def test_a_passing_fault_of_the_renderer_is_tried_again(gateway: Gateway) -> None:
    gateway.renderer.will_fail(TemporaryError(Reason.RENDER_TEMPORARY, "the renderer ended"), times=2)
    await gateway.accept()
    await gateway.pass_time(minutes=10)
    assert len(gateway.provider.sent) == 1


# --- calling again


async def test_a_busy_line_is_called_four_times_with_pauses_and_then_told(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.BUSY, times=9)
    receipt = await gateway.accept()
    await gateway.pass_time(hours=2)
    failed = await job(gateway, receipt.job_ids[0])
    assert (failed.state, failed.reason, failed.calls) == (FaxState.FAILED, Reason.BUSY, 4)
    created = [fax.report.created_at for fax in gateway.provider.sent]
    assert all(later - earlier >= timedelta(minutes=3) for earlier, later in pairwise(created))
    fields = dsn_to(gateway)
    assert (fields["Action"], fields["Status"]) == ("failed", "4.4.1")
    assert fields["Final-Recipient"] == "rfc822;+12025550143@fax.example"
    assert fields["Diagnostic-Code"] == "x-fax; busy (sinch raw busy)"
    assert [fax.request.reference[-2:] for fax in gateway.provider.sent] == ["-1", "-2", "-3", "-4"]
    await settled(gateway)


async def test_busy_once_then_delivered_is_a_delivery_with_two_calls(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.BUSY)
    receipt = await gateway.accept()
    await gateway.pass_time(minutes=5)
    done = await job(gateway, receipt.job_ids[0])
    assert (done.state, done.calls) == (FaxState.DELIVERED, 2)
    assert len(gateway.next_hop.to(SENDER)) == 1


async def test_pages_that_arrived_are_never_sent_again(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.LINE_DROPPED, pages_sent=2, pages=5)
    receipt = await gateway.accept()
    await gateway.pass_time(hours=24)
    failed = await job(gateway, receipt.job_ids[0])
    assert (failed.state, failed.reason) == (FaxState.FAILED, Reason.PARTIAL)
    assert len(gateway.provider.sent) == 1
    assert dsn_to(gateway)["X-FaxGateway-Pages"] == "2/1"


async def test_all_pages_without_confirmation_is_told_as_unknown(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.LINE_DROPPED, pages_sent=5, pages=5)
    receipt = await gateway.accept()
    await gateway.pass_time(hours=24)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.UNKNOWN
    assert len(gateway.provider.sent) == 1
    assert dsn_to(gateway)["Status"] == "4.5.0"
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_a_refusal_of_the_request_is_told_at_once(gateway: Gateway) -> None:
    gateway.provider.will_refuse(PermanentError(Reason.BAD_NUMBER, "422 to"))
    failed = await sent_one(gateway)
    assert (failed.state, failed.calls) == (FaxState.FAILED, 0)
    assert dsn_to(gateway)["Status"] == "5.1.3"


# --- the provider cannot be reached


async def test_what_provably_was_not_sent_is_sent_again_under_the_same_reference(gateway: Gateway) -> None:
    gateway.provider.will_refuse(DOWN, times=3)
    receipt = await gateway.accept()
    await gateway.pass_time(minutes=10)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    submits = [call for call in gateway.provider.calls if call.startswith("submit")]
    assert submits == [f"submit {receipt.job_ids[0]}-1"] * 4


async def test_a_provider_that_is_down_for_a_day_ends_in_a_report(gateway: Gateway) -> None:
    gateway.provider.will_refuse(DOWN, times=10_000)
    receipt = await gateway.accept()
    await gateway.pass_time(hours=25)
    failed = await job(gateway, receipt.job_ids[0])
    assert (failed.state, failed.reason) == (FaxState.FAILED, Reason.PROVIDER_DOWN)
    assert dsn_to(gateway)["Status"] == "4.3.2"


async def test_a_refused_account_keeps_its_jobs_tells_the_operator_once_and_resumes(gateway: Gateway) -> None:
    gateway.provider.will_refuse(AccountError(Reason.OUT_OF_CREDIT, "402"), times=3)
    for number in range(3):
        await gateway.accept(f"+1202555010{number}")
    await gateway.run_until_idle()
    await gateway.pass_time(hours=2)
    assert len(gateway.provider.sent) == 3
    told = [mail.content.decode() for mail in gateway.next_hop.to(OPERATOR)]
    assert len(told) == 2
    assert "does not work" in told[0]
    assert "works again" in told[1]
    assert len(gateway.next_hop.to(SENDER)) == 3
    await settled(gateway)


# --- lost answers


async def test_a_lost_answer_is_found_and_never_sent_twice(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.pass_time(minutes=1)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1
    await settled(gateway)


async def test_a_lost_answer_that_the_list_shows_late_is_waited_for(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST)
    gateway.provider.fresh = False
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    gateway.provider.sent[0].visible = False
    await gateway.pass_time(minutes=12)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING
    gateway.provider.sent[0].visible = True
    await gateway.pass_time(minutes=20)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1


async def test_a_request_that_never_arrived_is_sent_once_more_after_two_proofs(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST, accepted=False)
    receipt = await gateway.accept()
    await gateway.pass_time(minutes=14)
    assert gateway.provider.sent == []
    await gateway.pass_time(minutes=20)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert [fax.request.reference for fax in gateway.provider.sent] == [f"{receipt.job_ids[0]}-1"]


async def test_a_second_lost_answer_is_searched_for_but_never_sent_a_third_time(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST, accepted=False)
    gateway.provider.will_lose_the_answer(LOST, accepted=False)
    receipt = await gateway.accept()
    await gateway.pass_time(hours=24)
    unknown = await job(gateway, receipt.job_ids[0])
    assert unknown.state is FaxState.UNKNOWN
    assert len([call for call in gateway.provider.calls if call.startswith("submit")]) == 2
    assert dsn_to(gateway)["Status"] == "4.5.0"
    await settled(gateway)


async def test_without_proof_a_marker_is_sent_and_the_fax_stays_unknown_in_the_end(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST, accepted=False)
    gateway.provider.fresh = False
    receipt = await gateway.accept()
    await gateway.pass_time(hours=3)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.UNKNOWN
    assert len(gateway.provider.markers) == 1
    assert gateway.provider.sent == []


async def test_an_outage_during_the_search_only_delays_it(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    gateway.provider.cannot_be_asked(TemporaryError(Reason.PROVIDER_DOWN, "503"))
    await gateway.pass_time(hours=6)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING
    gateway.provider.cannot_be_asked(None)
    await gateway.pass_time(minutes=10)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED


async def test_an_event_ends_the_search_at_once(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    event = FaxEvent("out-1", inbound=False, reference=f"{receipt.job_ids[0]}-1")
    await gateway.email_to_fax.wake("sinch", event)
    await gateway.run_until_idle()
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED


# --- events


async def test_an_event_makes_a_waiting_fax_be_asked_for(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    waiting = await sent_one(gateway)
    assert waiting.state is FaxState.SUBMITTED
    gateway.provider.finish(gateway.provider.sent[0], Reason.DELIVERED)
    await gateway.run_until_idle()
    assert (await job(gateway, waiting.id)).state is FaxState.SUBMITTED
    await gateway.email_to_fax.wake("sinch", FaxEvent("out-1", inbound=False))
    await gateway.run_until_idle()
    assert (await job(gateway, waiting.id)).state is FaxState.DELIVERED


async def test_a_forged_event_changes_nothing(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    waiting = await sent_one(gateway)
    for event in (
        FaxEvent("nonsense", inbound=False),
        FaxEvent("nonsense", inbound=False, reference="F-00000000-1"),
        FaxEvent("nonsense", inbound=False, reference=f"{waiting.id}-1"),
    ):
        await gateway.email_to_fax.wake("sinch", event)
    await gateway.email_to_fax.wake("other", FaxEvent("out-1", inbound=False))
    await gateway.run_until_idle()
    assert (await job(gateway, waiting.id)).state is FaxState.SUBMITTED


async def test_an_event_for_an_ended_fax_is_absorbed(gateway: Gateway) -> None:
    done = await sent_one(gateway)
    gateway.provider.finish(gateway.provider.sent[0], Reason.BUSY)
    await gateway.email_to_fax.wake("sinch", FaxEvent("out-1", inbound=False))
    await gateway.run_until_idle()
    assert (await job(gateway, done.id)).state is FaxState.DELIVERED
    assert len(gateway.next_hop.mails) == 1


async def test_late_proof_settles_an_unknown_fax_with_one_follow_up(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    receipt = await gateway.accept()
    await gateway.pass_time(hours=25)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.UNKNOWN
    gateway.provider.finish(gateway.provider.sent[0], Reason.DELIVERED)
    await gateway.email_to_fax.wake("sinch", FaxEvent("out-1", inbound=False))
    await gateway.run_until_idle()
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    subjects = [message_from_bytes(mail.content)["Subject"] for mail in gateway.next_hop.to(SENDER)]
    assert len(subjects) == 2
    await settled(gateway)


# --- crashes


async def test_a_crash_after_the_intent_is_searched_for_not_repeated(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    for step in gateway.steps[:1]:
        for row in await gateway.claim(step):
            await step.run(row)
    [row] = await gateway.claim(gateway.steps[1])
    task = asyncio.create_task(gateway.steps[1].run(row))
    gateway.provider.will_lose_the_answer(asyncio.CancelledError())  # type: ignore[arg-type]
    await asyncio.gather(task, return_exceptions=True)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING
    await gateway.pass_time(minutes=30)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1


async def test_what_the_provider_answered_is_kept_even_if_somebody_else_moved_the_job(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    await gateway.steps[0].run((await gateway.claim(gateway.steps[0]))[0])
    [row] = await gateway.claim(gateway.steps[1])
    stolen = {**row, "version": row["version"]}
    original = gateway.provider.submit

    async def stolen_meanwhile(fax: object) -> str:
        fax_id = await original(fax)  # type: ignore[arg-type]
        gateway.clock.advance(minutes=10)
        await gateway.claim(gateway.steps[2])  # the lease has ended and another worker searches for it
        return fax_id

    gateway.provider.submit = stolen_meanwhile  # type: ignore[method-assign]
    await gateway.steps[1].run(stolen)
    [attempt] = await gateway.database.read(fax_jobs.attempts_of, receipt.job_ids[0])
    assert (attempt.state, attempt.provider_fax_id) == (AttemptState.ACCEPTED, "out-1")
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING


async def test_a_document_that_is_damaged_on_disk_is_never_faxed(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    await gateway.steps[0].run((await gateway.claim(gateway.steps[0]))[0])
    ready = await job(gateway, receipt.job_ids[0])
    assert ready.document is not None
    gateway.documents.path(ready.document).write_bytes(b"%PDF another page")
    [row] = await gateway.claim(gateway.steps[1])
    with pytest.raises(LostDocumentError):
        await gateway.steps[1].run(row)
    assert gateway.provider.sent == []


# --- who is told


@pytest.mark.parametrize("notify", ["NEVER", "FAILURE"])
async def test_a_sender_who_wants_no_receipt_gets_none(gateway: Gateway, notify: str) -> None:
    await sent_one(gateway, notify=notify)
    assert gateway.next_hop.mails == []


async def test_a_sender_who_asks_for_success_gets_a_report(gateway: Gateway) -> None:
    await sent_one(gateway, notify="SUCCESS,FAILURE")
    fields = dsn_to(gateway)
    assert (fields["Action"], fields["Status"]) == ("delivered", "2.1.5")


async def test_a_failure_that_its_sender_does_not_want_to_know_is_told_to_the_operator(gateway: Gateway) -> None:
    gateway.provider.will_refuse(PermanentError(Reason.BAD_NUMBER, "422"))
    await sent_one(gateway, notify="NEVER")
    assert gateway.next_hop.to(SENDER) == []
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_a_follow_up_goes_only_to_a_sender_who_wants_to_be_told(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    await gateway.accept(notify="NEVER")
    await gateway.pass_time(hours=25)
    gateway.provider.finish(gateway.provider.sent[0], Reason.DELIVERED)
    await gateway.email_to_fax.wake("sinch", FaxEvent("out-1", inbound=False))
    await gateway.run_until_idle()
    assert gateway.next_hop.to(SENDER) == []
    assert len(gateway.next_hop.to(OPERATOR)) == 2


# --- late events, wrong moments


async def test_an_event_after_proven_absence_stops_the_second_submission(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    gateway.provider.sent[0].visible = False
    recover = gateway.steps[2]
    while (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING:
        gateway.clock.advance(seconds=30)
        for row in await gateway.claim(recover):
            await recover.run(row)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.READY
    gateway.provider.sent[0].visible = True
    event = FaxEvent("out-1", inbound=False, reference=f"{receipt.job_ids[0]}-1")
    await gateway.email_to_fax.wake("sinch", event)
    await gateway.pass_time(minutes=1)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1


async def test_events_that_come_too_early_use_up_no_searches(gateway: Gateway) -> None:
    gateway.provider.will_lose_the_answer(LOST, accepted=False)
    gateway.provider.fresh = False
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    for _ in range(30):
        event = FaxEvent("nonsense", inbound=False, reference=f"{receipt.job_ids[0]}-1")
        await gateway.email_to_fax.wake("sinch", event)
        await gateway.run_until_idle()
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.SUBMITTING


async def test_late_proof_is_asked_for_without_an_event(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    receipt = await gateway.accept()
    await gateway.pass_time(hours=24, seconds=1)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.UNKNOWN
    gateway.provider.finish(gateway.provider.sent[0], Reason.DELIVERED)
    await gateway.pass_time(hours=1)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED


# --- an account in trouble


async def test_jobs_of_a_paused_account_end_in_time_and_do_not_hold_up_those_after_them(gateway: Gateway) -> None:
    gateway.provider.will_refuse(AccountError(Reason.PROVIDER_AUTH, "401"), times=100_000)
    jobs = [(await gateway.accept(f"+120255520{number:02}")).job_ids[0] for number in range(6)]
    await gateway.pass_time(hours=24, minutes=1)
    assert {(await job(gateway, each)).state for each in jobs} == {FaxState.FAILED}
    assert len(gateway.next_hop.to(SENDER)) == 6
    gateway.provider._answers.clear()
    new = (await gateway.accept("+12025559999")).job_ids[0]
    await gateway.pass_time(minutes=10)
    assert (await job(gateway, new)).state is FaxState.DELIVERED


async def test_a_key_revoked_during_a_call_ends_as_unknown_and_frees_the_number(gateway: Gateway) -> None:
    gateway.provider.will_hang()
    first = await gateway.accept()
    await gateway.run_until_idle()
    gateway.provider.cannot_be_asked(AccountError(Reason.PROVIDER_AUTH, "401"))
    await gateway.pass_time(hours=25)
    assert (await job(gateway, first.job_ids[0])).state is FaxState.UNKNOWN
    assert len(gateway.next_hop.to(SENDER)) == 1


async def test_credit_that_stays_gone_makes_one_alert_and_few_submissions(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.OUT_OF_CREDIT, times=10_000)
    await gateway.accept()
    await gateway.pass_time(hours=3)
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_asking_for_late_proof_with_a_refused_key_waits_between_its_questions(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.LINE_DROPPED, pages_sent=5, pages=5)
    await gateway.accept()
    await gateway.pass_time(minutes=1)
    gateway.provider.cannot_be_asked(AccountError(Reason.PROVIDER_AUTH, "401"))
    await gateway.email_to_fax.wake("sinch", FaxEvent("out-1", inbound=False))
    gateway.provider.calls.clear()
    await gateway.run_until_idle()
    assert len(gateway.provider.calls) == 1


# --- manners


async def test_a_busy_number_rests_between_the_calls_of_different_faxes(gateway: Gateway) -> None:
    gateway.provider.will_end(Reason.BUSY, times=3)
    for number in range(3):
        await gateway.accept(body=b"letter %d\r\n" % number)
    await gateway.pass_time(hours=1)
    created = [fax.report.created_at for fax in gateway.provider.sent]
    first_three = created[:4]
    assert all(later - earlier >= timedelta(minutes=3) for earlier, later in pairwise(first_three))
    assert len(created) == 6


# --- privacy


async def test_the_text_of_an_error_of_ours_reaches_nobody(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    gateway.renderer.will_fail(RuntimeError("patient Zygomorphic"), times=100)
    worker = Worker(
        store=gateway.database,
        outcomes=gateway.outcomes,
        steps=gateway.steps[:1],
        chores=[],
        name="test",
        bug_delays=(timedelta(milliseconds=1),),
        clock=gateway.clock,
    )
    for _ in range(2):
        for row in await gateway.claim(gateway.steps[0]):
            await worker._run(gateway.steps[0], row)
        gateway.clock.advance(seconds=1)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.HELD
    await gateway.pass_time(hours=25)
    assert (await job(gateway, receipt.job_ids[0])).state is FaxState.FAILED
    everything = b"".join(mail.content for mail in gateway.next_hop.mails)
    assert len(gateway.next_hop.mails) == 2
    assert b"Zygomorphic" not in everything


# --- what the operator sees


async def test_a_provider_that_stays_away_shows_on_the_health_page_and_is_told_once_an_hour(gateway: Gateway) -> None:
    gateway.provider.will_refuse(DOWN, times=10_000)
    await gateway.accept("+12025550143")
    await gateway.accept("+12025550144")
    assert await gateway.database.read(reports.stuck_since) == {}
    await gateway.pass_time(minutes=30)
    assert await gateway.database.read(reports.stuck_since) == {"provider sinch": (2, START)}
    assert len(gateway.next_hop.to(OPERATOR)) == 1
    gateway.provider._answers.clear()
    await gateway.pass_time(minutes=10)
    assert await gateway.database.read(reports.stuck_since) == {}


async def test_a_refusal_that_no_sender_can_mend_is_told_to_the_operator_once_a_day(gateway: Gateway) -> None:
    gateway.provider.will_refuse(PermanentError(Reason.OTHER, "422 from is no number of this account"), times=3)
    for number in range(3):
        await gateway.accept(f"+1202555014{number}")
    await gateway.pass_time(minutes=5)
    assert len(gateway.next_hop.to(SENDER)) == 3
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_a_fax_that_was_never_called_says_that_no_page_was_sent(gateway: Gateway) -> None:
    gateway.provider.will_refuse(PermanentError(Reason.BAD_NUMBER, "422 to"))
    await sent_one(gateway)
    assert dsn_to(gateway)["X-FaxGateway-Pages"] == "0/1"
