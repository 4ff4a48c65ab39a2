"""Mail goes at least once; a repetition is recognisable, a refusal is never silent."""

from __future__ import annotations

from email import message_from_bytes

from gateway.core.lifecycle import MailState
from gateway.core.model import FaxEvent, MailDelivery
from gateway.core.reasons import AmbiguousError, PermanentError, Reason, TemporaryError
from gateway.store import mail_deliveries
from tests.fakes import OPERATOR, SENDER, Gateway

LATER = TemporaryError(Reason.MAIL_TEMPORARY, "451 try later")
NO_REPLY = AmbiguousError(Reason.MAIL_TEMPORARY, "no reply after the end of the mail")


async def mails_about(gateway: Gateway, subject_id: str) -> list[MailDelivery]:
    return await gateway.database.read(mail_deliveries.about, subject_id)


async def test_a_mail_that_is_put_off_goes_later_and_only_once(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, LATER, times=3)
    await gateway.accept()
    await gateway.pass_time(hours=1)
    assert len(gateway.next_hop.to(SENDER)) == 1


async def test_a_mail_whose_reply_got_lost_goes_again_as_the_same_mail(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, NO_REPLY)
    receipt = await gateway.accept()
    await gateway.pass_time(seconds=30)
    [waiting] = await mails_about(gateway, receipt.job_ids[0])
    await gateway.pass_time(minutes=10)
    [mail] = gateway.next_hop.to(SENDER)
    message = message_from_bytes(mail.content)
    assert message["X-FaxGateway-Copy"] == "1"
    assert message["Message-ID"].startswith(f"<{waiting.id}.")


async def test_after_five_lost_replies_a_person_looks(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, NO_REPLY, times=9)
    receipt = await gateway.accept()
    await gateway.pass_time(days=1)
    [held] = [mail for mail in await mails_about(gateway, receipt.job_ids[0]) if mail.address == SENDER]
    assert held.state is MailState.HELD
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_a_notice_that_its_sender_refuses_is_told_to_the_operator_once(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, PermanentError(Reason.MAIL_REFUSED, "550"))
    await gateway.accept()
    await gateway.pass_time(minutes=5)
    assert gateway.next_hop.to(SENDER) == []
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_an_alert_that_cannot_be_delivered_makes_no_second_alert(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, PermanentError(Reason.MAIL_REFUSED, "550"))
    gateway.next_hop.will_answer(OPERATOR, PermanentError(Reason.MAIL_REFUSED, "550"))
    await gateway.accept()
    await gateway.pass_time(days=6)
    assert gateway.next_hop.mails == []


async def test_a_mail_that_nobody_takes_for_five_days_has_failed(gateway: Gateway) -> None:
    gateway.next_hop.will_answer(SENDER, LATER, times=100_000)
    receipt = await gateway.accept()
    await gateway.pass_time(days=6)
    failed = [mail for mail in await mails_about(gateway, receipt.job_ids[0]) if mail.address == SENDER]
    assert [mail.state for mail in failed] == [MailState.FAILED]
    assert len(gateway.next_hop.to(OPERATOR)) == 1


async def test_notices_have_a_null_sender_and_received_faxes_one_that_bounces_reach(gateway: Gateway) -> None:
    gateway.provider.has_received()
    await gateway.accept()
    await gateway.fax_to_email.accept("sinch", FaxEvent("in-1", inbound=True))
    await gateway.pass_time(minutes=1)
    assert {mail.to: mail.mail_from for mail in gateway.next_hop.mails} == {
        SENDER: "",
        "a@clinic.example": "postmaster@fax.example",
        "b@clinic.example": "postmaster@fax.example",
    }
