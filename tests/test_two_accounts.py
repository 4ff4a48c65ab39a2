"""Two provider accounts: the rules choose, the other one stands in after a definite failure, never from a doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.account_choice import AccountRule
from gateway.core.lifecycle import FaxState
from gateway.core.model import FaxEvent, FaxJob
from gateway.core.reasons import (
    AccountError,
    AmbiguousError,
    GatewayError,
    NotSentError,
    PermanentError,
    Reason,
    TemporaryError,
)
from gateway.store import fax_jobs, invariants, provider_accounts, reports
from tests.fakes import NUMBER, OPERATOR, SENDER, FakeProvider, Gateway

ABROAD = "+12125550199"
DOWN = NotSentError(Reason.PROVIDER_DOWN, "connection refused")
LOST = AmbiguousError(Reason.OUTCOME_UNKNOWN, "no answer")
REFUSED = AccountError(Reason.PROVIDER_AUTH, "HTTP 401")
RULES = (AccountRule(("interfax", "sinch"), prefix="+1212"), AccountRule(("sinch", "interfax")))


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(tmp_path, accounts=("sinch", "interfax"), account_rules=RULES)
    await gateway.start()
    yield gateway
    assert await gateway.database.read(invariants.find_violations) == []
    gateway.close()


async def fax_to(gateway: Gateway, number: str = NUMBER, **wait: float) -> FaxJob:
    receipt = await gateway.accept(number)
    await gateway.pass_time(**(wait or {"minutes": 20}))
    found = await gateway.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert found is not None
    return found


def both(gateway: Gateway) -> tuple[FakeProvider, FakeProvider]:
    return provider(gateway, "sinch"), provider(gateway, "interfax")


def provider(gateway: Gateway, account: str) -> FakeProvider:
    found = gateway.providers[account]
    assert isinstance(found, FakeProvider)
    return found


def notices(gateway: Gateway, address: str = SENDER) -> int:
    return len(gateway.next_hop.to(address))


async def test_the_number_chooses_the_account(two: Gateway) -> None:
    sinch, interfax = both(two)
    await fax_to(two, ABROAD)
    assert (len(sinch.sent), len(interfax.sent)) == (0, 1)
    await fax_to(two)
    assert (len(sinch.sent), len(interfax.sent)) == (1, 1)
    assert interfax.sent[0].request.callback_url is not None
    assert "/interfax/" in interfax.sent[0].request.callback_url


async def test_an_account_out_of_reach_is_replaced_and_the_operator_told(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_refuse(DOWN, times=100)
    done = await fax_to(two)
    assert (done.state, done.account, done.calls) == (FaxState.DELIVERED, "interfax", 1)
    assert (len(sinch.sent), len(interfax.sent)) == (0, 1)
    assert interfax.sent[0].request.reference == f"{done.id}-2"
    assert notices(two) == 1
    assert b"go through interfax" in two.next_hop.to(OPERATOR)[0].content


async def test_trouble_of_an_account_moves_all_that_wait_for_it_and_it_is_probed_later(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_refuse(REFUSED, times=10)  # so many are submitted at once
    receipt = await two.accept(*(f"+12025550{number}" for number in range(110, 122)))
    await two.pass_time(seconds=50)  # the pause is a minute
    jobs = [await two.database.read(fax_jobs.get_job, job_id) for job_id in receipt.job_ids]
    assert [job.state for job in jobs if job] == [FaxState.DELIVERED] * 12
    assert (len(sinch.sent), len(interfax.sent)) == (0, 12)
    assert len(sinch.calls) == 10
    await two.pass_time(minutes=30)
    done = await fax_to(two)  # the pause is over: this one finds out that it works again
    assert done.account == "sinch"
    assert await two.database.read(reports.troubled_accounts) == []


async def test_a_refusal_of_the_providers_own_is_no_failure_while_another_account_is_left(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_refuse(PermanentError(Reason.OTHER, "HTTP 400 nonsense"))
    done = await fax_to(two)
    assert (done.state, done.account, len(interfax.sent)) == (FaxState.DELIVERED, "interfax", 1)
    sinch.will_refuse(PermanentError(Reason.OTHER, "HTTP 400 nonsense"))
    interfax.will_refuse(PermanentError(Reason.OTHER, "so do we"))
    assert (await fax_to(two)).state is FaxState.FAILED
    assert notices(two) == 2


async def test_a_fault_of_the_network_is_called_again_through_the_other_account_after_its_pause(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_end(Reason.CONGESTION)
    receipt = await two.accept()
    await two.pass_time(minutes=4)
    assert (len(sinch.sent), len(interfax.sent)) == (1, 0)
    await two.pass_time(minutes=5)
    assert (len(sinch.sent), len(interfax.sent)) == (1, 1)
    job = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert job is not None
    assert (job.state, job.calls) == (FaxState.DELIVERED, 2)


async def test_a_busy_line_is_called_by_the_same_account_four_times_in_all(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_end(Reason.BUSY, times=9)
    assert (await fax_to(two, hours=2)).state is FaxState.FAILED
    assert (len(sinch.sent), len(interfax.sent)) == (4, 0)


async def test_calls_are_counted_over_both_accounts(two: Gateway) -> None:
    sinch, interfax = both(two)
    for each in (sinch, interfax):
        each.will_end(Reason.CONGESTION, times=9)
    assert (await fax_to(two, hours=2)).state is FaxState.FAILED
    assert (len(sinch.sent), len(interfax.sent)) == (2, 2)


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_lost_answer_is_never_answered_by_another_account(two: Gateway, *, accepted: bool) -> None:
    sinch, interfax = both(two)
    sinch.will_lose_the_answer(LOST, accepted=accepted)
    sinch.will_refuse(DOWN, times=100)
    sinch.fresh = False
    done = await fax_to(two, hours=26)
    assert done.state is (FaxState.DELIVERED if accepted else FaxState.UNKNOWN)
    assert interfax.sent == []


async def test_even_after_proven_absence_the_account_stays(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_lose_the_answer(LOST, accepted=False)
    sinch.will_refuse(DOWN, times=5)
    done = await fax_to(two, hours=2)
    assert (done.state, done.account, interfax.sent) == (FaxState.DELIVERED, "sinch", [])


async def test_a_resend_after_proven_absence_waits_for_its_paused_account(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_lose_the_answer(LOST, accepted=False)
    sinch.will_refuse(REFUSED, times=2)
    done = await fax_to(two, hours=2)
    assert (done.state, done.account, interfax.sent) == (FaxState.DELIVERED, "sinch", [])


async def test_each_account_has_its_own_figures(two: Gateway) -> None:
    sinch, _ = both(two)
    sinch.will_end(Reason.CONGESTION)
    await fax_to(two)
    sinch.has_received()
    await two.fax_to_email.accept("interfax", FaxEvent("in-9", inbound=True))
    figures = await two.database.read(reports.account_figures, two.clock() - timedelta(days=1))
    assert figures["sinch"].calls == {"failed": 1}
    assert (figures["interfax"].calls, figures["interfax"].pages) == ({"delivered": 1}, 1)
    assert figures["interfax"].received == 1


# --- an answer that was wrong: a webhook says that the fax arrived after all


async def one_step(gateway: Gateway, state: FaxState) -> None:
    """Does what is due in one state, once."""
    for step in gateway.steps:
        if step.state is state:
            for row in await gateway.claim(step):
                await step.run(row)


async def announced(gateway: Gateway, account: str) -> None:
    """The webhook about the newest fax of an account comes in."""
    fax = provider(gateway, account).sent[-1]
    event = FaxEvent(fax.id, inbound=False, reference=fax.request.reference)
    await gateway.email_to_fax.wake(account, event)


@pytest.mark.parametrize("answer", [REFUSED, DOWN, PermanentError(Reason.OTHER, "HTTP 400")], ids=str)
async def test_a_fax_that_arrived_against_its_answer_is_looked_for_and_not_sent_elsewhere(
    two: Gateway, answer: GatewayError
) -> None:
    sinch, interfax = both(two)
    if answer is DOWN:
        sinch.will_refuse(DOWN, times=2)
    sinch.will_lose_the_answer(answer)
    sinch._losses[:0] = [False] * (len(sinch._answers) - 1)
    receipt = await two.accept()
    await one_step(two, FaxState.QUEUED)
    while not sinch.sent:
        await one_step(two, FaxState.READY)
        two.clock.advance(minutes=1)
    waiting = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert waiting is not None
    assert (waiting.state, waiting.account) == (FaxState.READY, "interfax")
    await announced(two, "sinch")
    await two.pass_time(minutes=20)
    done = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert done is not None
    assert (done.state, done.account, done.other_accounts) == (FaxState.DELIVERED, "sinch", ())
    assert (len(sinch.sent), len(interfax.sent), done.calls) == (1, 0, 1)


async def test_a_false_hint_keeps_the_job_with_its_account_and_sends_it_once(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_refuse(REFUSED)
    receipt = await two.accept()
    for state in (FaxState.QUEUED, FaxState.READY):
        await one_step(two, state)
    nonsense = FaxEvent("nonsense", inbound=False, reference=f"{receipt.job_ids[0]}-1")
    await two.email_to_fax.wake("sinch", nonsense)
    await two.pass_time(hours=3)
    done = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert done is not None
    assert (done.state, len(sinch.sent), len(interfax.sent)) == (FaxState.DELIVERED, 1, 0)


async def test_a_hint_is_looked_at_even_when_the_life_of_the_fax_is_over(two: Gateway) -> None:
    sinch, interfax = both(two)
    interfax.will_refuse(REFUSED, times=100_000)
    sinch.will_lose_the_answer(REFUSED)
    receipt = await two.accept()
    for state in (FaxState.QUEUED, FaxState.READY):
        await one_step(two, state)
    await announced(two, "sinch")
    two.clock.advance(hours=25)
    await two.pass_time(hours=1)
    done = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert done is not None
    assert done.state is FaxState.DELIVERED


async def test_a_hint_that_comes_after_the_other_account_was_asked_is_told_to_the_operator(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_lose_the_answer(REFUSED)
    done = await fax_to(two)
    assert (done.account, len(interfax.sent)) == ("interfax", 1)
    for _ in range(2):
        await announced(two, "sinch")
    await two.pass_time(minutes=1)
    told = [mail.content for mail in two.next_hop.to(OPERATOR) if b"did not take" in mail.content]
    assert len(told) == 1
    assert b"may arrive twice" in told[0]


# --- all accounts in trouble


async def test_when_both_are_out_of_reach_the_waits_grow_and_the_operator_is_told_so(two: Gateway) -> None:
    sinch, interfax = both(two)
    for each in (sinch, interfax):
        each.will_refuse(DOWN, times=100_000)
    receipt = await two.accept()
    await two.pass_time(hours=6)
    calls = sinch.calls + interfax.calls
    assert 70 <= len(calls) <= 80  # every five minutes in the end
    assert abs(len(sinch.calls) - len(interfax.calls)) <= 1
    assert len(await two.database.read(fax_jobs.attempts_of, receipt.job_ids[0])) == 2
    [stuck] = await two.database.read(reports.stuck_since)
    assert stuck.startswith("provider ")
    told = [b" ".join(mail.content.split()) for mail in two.next_hop.to(OPERATOR)]
    assert [b"None of the provider accounts interfax, sinch can be reached" in mail for mail in told] == [False, True]
    interfax._answers.clear()
    await two.pass_time(minutes=10)
    assert len(interfax.sent) == 1


async def test_a_wish_to_be_left_alone_is_kept_when_no_account_can_be_reached(two: Gateway) -> None:
    sinch, interfax = both(two)
    wish = NotSentError(Reason.PROVIDER_DOWN, "HTTP 503", retry_after=timedelta(minutes=50))
    sinch.will_refuse(DOWN, times=100)
    interfax.will_refuse(DOWN, times=2)
    interfax.will_refuse(wish)
    await fax_to(two, minutes=45)
    assert (len(sinch.calls), len(interfax.calls)) == (3, 3)
    await two.pass_time(minutes=20)
    assert len(sinch.calls) > 3


async def test_a_paused_stand_in_is_found_to_work_again_without_a_fax(two: Gateway) -> None:
    sinch, interfax = both(two)
    sinch.will_refuse(DOWN, times=3)
    interfax.will_refuse(REFUSED)
    await fax_to(two)
    [trouble] = await two.database.read(reports.troubled_accounts)
    assert (trouble.name, trouble.told) == ("interfax", "paused: provider_auth")
    interfax.cannot_be_asked(TemporaryError(Reason.PROVIDER_DOWN, "no"))
    await two.fax_to_email.catch_up(timedelta(hours=2))
    assert len(await two.database.read(reports.troubled_accounts)) == 1
    interfax.cannot_be_asked(None)
    await two.fax_to_email.catch_up(timedelta(hours=2))
    assert await two.database.read(reports.troubled_accounts) == []


async def test_a_pause_that_is_not_over_ends_by_no_list_and_one_for_want_of_credit_by_none(two: Gateway) -> None:
    pauses = (timedelta(minutes=1),)
    pause, now = provider_accounts.pause, two.clock()
    await two.database.write(pause, "interfax", Reason.PROVIDER_AUTH, "401", now, pauses)
    await two.database.write(pause, "sinch", Reason.OUT_OF_CREDIT, "402", now, pauses)
    await two.fax_to_email.catch_up(timedelta(hours=2))
    assert len(await two.database.read(reports.troubled_accounts)) == 2
    two.clock.advance(minutes=2)
    await two.fax_to_email.catch_up(timedelta(hours=2))
    [trouble] = await two.database.read(reports.troubled_accounts)
    assert trouble.told == "paused: out_of_credit, until a fax through it proves that there is credit again"


async def test_jobs_that_wait_for_a_paused_account_follow_when_a_stand_in_works_again(two: Gateway) -> None:
    _, interfax = both(two)
    day, minute = (timedelta(days=1),), (timedelta(minutes=1),)
    await two.database.write(provider_accounts.pause, "sinch", Reason.PROVIDER_AUTH, "401", two.clock(), day)
    await two.database.write(provider_accounts.pause, "interfax", Reason.PROVIDER_AUTH, "401", two.clock(), minute)
    await two.accept()
    await two.pass_time(minutes=5)
    assert interfax.sent == []
    await two.fax_to_email.catch_up(timedelta(hours=2))
    await two.run_until_idle()
    assert len(interfax.sent) == 1


async def test_credit_is_proven_by_a_long_call_too(two: Gateway) -> None:
    sinch, _ = both(two)
    pauses = (timedelta(minutes=1),)
    await two.database.write(provider_accounts.pause, "interfax", Reason.PROVIDER_AUTH, "401", two.clock(), pauses)
    await two.database.write(provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", two.clock(), pauses)
    for number in range(10):
        sinch.will_hang()
        await two.accept(f"+120255501{number:02}", body=b"letter %d\r\n" % number)
    await two.pass_time(minutes=8)  # another one finds out meanwhile, the first call goes on
    assert 1 <= len(sinch.sent) < 10
    sinch.finish(sinch.sent[0], Reason.DELIVERED)
    await two.pass_time(minutes=6)
    assert "sinch" not in [trouble.name for trouble in await two.database.read(reports.troubled_accounts)]


async def test_an_account_that_is_not_configured_any_more_is_no_stand_in(two: Gateway) -> None:
    sinch, _ = both(two)
    receipt = await two.accept()
    del two.providers["interfax"]
    sinch.will_refuse(REFUSED)
    sinch.will_refuse(DOWN, times=4)
    await two.pass_time(minutes=20)
    done = await two.database.read(fax_jobs.get_job, receipt.job_ids[0])
    assert done is not None
    assert (done.state, done.account) == (FaxState.DELIVERED, "sinch")
