"""Faxes stay with their account: renamed they go on, without it they wait, and nothing comes or goes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.lifecycle import FaxState, InboundState
from gateway.core.model import FaxEvent, FaxJob
from gateway.core.reasons import AmbiguousError, Reason, TemporaryError
from gateway.providers.missing import Accounts, MissingAccount
from gateway.store import fax_jobs, inbound_faxes
from gateway.store.account_names import AccountsInUseError
from tests.fakes import OPERATOR, ROUTES, SENDER, Gateway

LOST = AmbiguousError(Reason.OUTCOME_UNKNOWN, "no answer")
TWO_WEEKS = timedelta(days=14)
EVENT = FaxEvent("in-1", inbound=True)


async def configure(gateway: Gateway, *, keep_open: bool = False, **identities: str) -> None:
    """Another configuration is taken into use: these accounts, each with its identity."""
    gateway.providers.clear()
    for name, identity in identities.items():  # all of them see the same faxes
        gateway.providers[name] = replace(gateway.provider, account=name, identity=identity)
    await gateway.settle_accounts().settle(keep_open=keep_open)


async def job_of(gateway: Gateway, job_id: str) -> FaxJob:
    found = await gateway.database.read(fax_jobs.get_job, job_id)
    assert found is not None
    return found


async def state_of_received(gateway: Gateway, account: str) -> InboundState | None:
    fax = await gateway.database.read(inbound_faxes.find, account, "in-1")
    return None if fax is None else fax.state


async def test_a_renamed_account_mails_nothing_again(gateway: Gateway) -> None:
    gateway.provider.has_received("in-1")
    await gateway.fax_to_email.accept("sinch", EVENT)
    await gateway.run_until_idle()
    before = len(gateway.next_hop.mails)
    await configure(gateway, keep_open=True, main="fake sinch")
    assert await gateway.fax_to_email.catch_up(TWO_WEEKS) == 0
    await gateway.fax_to_email.accept("main", EVENT)
    await gateway.run_until_idle()
    assert len(gateway.next_hop.mails) == before == len(ROUTES[0].addresses)


async def test_who_began_before_a_renaming_stores_nothing_under_the_former_name(gateway: Gateway) -> None:
    """A catch-up that was listing while its account was renamed, and a webhook that was being read."""
    former = Accounts(gateway.providers)
    gateway.provider.has_received("in-1")
    await gateway.fax_to_email.catch_up(TWO_WEEKS)
    await configure(gateway, main="fake sinch")
    gateway.providers.clear()
    gateway.providers.update(former)
    gateway.provider.has_received("in-2")
    assert await gateway.fax_to_email.catch_up(TWO_WEEKS) == 0
    with pytest.raises(TemporaryError, match="another one now"):  # answered 503: it comes again
        await gateway.fax_to_email.accept("sinch", FaxEvent("in-2", inbound=True, document=b"%PDF-"))
    assert [name for name, _ in gateway.documents.names() if "event" in name] == []
    assert await state_of_received(gateway, "main") is InboundState.RECEIVED


async def test_a_received_fax_waits_for_its_account_and_goes_on_when_it_is_back(gateway: Gateway) -> None:
    gateway.provider.has_received("in-1")
    await gateway.fax_to_email.accept("sinch", EVENT)
    await configure(gateway, other="fake other")
    await gateway.pass_time(hours=30)
    fax = await gateway.database.read(inbound_faxes.find, "sinch", "in-1")
    assert fax is not None
    assert (fax.state, fax.reason) == (InboundState.RECEIVED, Reason.ACCOUNT_MISSING)
    assert fax.detail == "account sinch is not in the configuration"
    await configure(gateway, sinch="fake sinch")
    await gateway.pass_time(hours=1)
    assert await state_of_received(gateway, "sinch") is InboundState.DONE


async def test_an_outgoing_fax_waits_for_its_account_and_goes_out_once_when_it_is_back(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    await configure(gateway, other="fake other")
    await gateway.pass_time(hours=3)
    job = await job_of(gateway, receipt.job_ids[0])
    assert (job.state, job.reason, job.detail) == (
        FaxState.READY,
        Reason.ACCOUNT_MISSING,
        "account sinch is not in the configuration",
    )
    await configure(gateway, sinch="fake sinch")
    await gateway.pass_time(minutes=6)
    assert (await job_of(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1


async def test_an_outgoing_fax_whose_account_never_comes_back_fails_with_a_notice(gateway: Gateway) -> None:
    receipt = await gateway.accept()
    await configure(gateway, other="fake other")
    await gateway.pass_time(hours=25)
    assert (await job_of(gateway, receipt.job_ids[0])).state is FaxState.FAILED
    [notice] = gateway.next_hop.to(SENDER)
    assert Reason.ACCOUNT_MISSING.sentence.encode() in notice.content


@pytest.mark.parametrize("how", ["submitted", "answer lost"])
async def test_a_fax_at_an_account_that_never_comes_back_becomes_unknown_and_stays_calm(
    gateway: Gateway, how: str
) -> None:
    gateway.provider.will_hang()
    if how == "answer lost":
        gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    await configure(gateway, other="fake other")
    await gateway.pass_time(hours=30)
    job = await job_of(gateway, receipt.job_ids[0])
    assert (job.state, job.due_at) == (FaxState.UNKNOWN, None)
    assert len(gateway.provider.sent) == 1
    assert len(gateway.next_hop.to(SENDER)) == 1


async def test_absence_at_another_account_of_the_same_name_proves_nothing(gateway: Gateway) -> None:
    """The answer was lost, and the name means another project now, whose list does not show the fax."""
    gateway.provider.will_lose_the_answer(LOST)
    receipt = await gateway.accept()
    await gateway.run_until_idle()
    gateway.provider.sent[0].visible = False
    with pytest.raises(AccountsInUseError):
        await configure(gateway, keep_open=True, sinch="fake project 2")
    await configure(gateway, sinch="fake project 2")
    await gateway.pass_time(hours=2)
    assert len(gateway.provider.sent) == 1
    gateway.provider.sent[0].visible = True
    await configure(gateway, sinch="fake project 2", first="fake sinch")
    await gateway.pass_time(minutes=30)
    assert (await job_of(gateway, receipt.job_ids[0])).state is FaxState.DELIVERED
    assert len(gateway.provider.sent) == 1


async def test_the_operator_is_told_once_a_day_and_health_as_long_as_something_waits(gateway: Gateway) -> None:
    await gateway.accept()
    assert await gateway.settle_accounts().health() == {}
    await configure(gateway, other="fake other")
    for _ in range(3):
        await gateway.settle_accounts().look()
    await gateway.run_until_idle()
    [mail] = gateway.next_hop.to(OPERATOR)
    assert b"sinch is not in the configuration" in mail.content
    [(what, sentence)] = (await gateway.settle_accounts().health()).items()
    assert (what, sentence) == ("account sinch", "is not in the configuration; faxes wait for it: 1 ready")
    await gateway.pass_time(hours=25)
    assert await gateway.settle_accounts().health() == {}


async def test_a_message_that_came_in_across_a_renaming_follows(gateway: Gateway) -> None:
    await configure(gateway, main="fake sinch")
    receipt = await gateway.accept()  # by rules of before, which say sinch
    await gateway.run_until_idle()
    await gateway.settle_accounts().look()
    await gateway.pass_time(minutes=6)
    job = await job_of(gateway, receipt.job_ids[0])
    assert (job.account, job.state) == ("main", FaxState.DELIVERED)
    assert gateway.next_hop.to(OPERATOR) == []


async def test_a_missing_account_says_later_to_everything_and_counts_as_none() -> None:
    accounts = Accounts()
    missing = accounts["gone"]
    assert isinstance(missing, MissingAccount)
    assert (len(accounts), "gone" in accounts, accounts.get("gone")) == (0, False, None)
    with pytest.raises(TemporaryError, match="account gone is not in the configuration"):
        await missing.report("1")
    with pytest.raises(TemporaryError):
        await missing.fetch_document("1")
