"""Whatever two accounts answer: no fax twice, not too many calls, nothing stuck, no account paused for ever."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.account_choice import AccountRule
from gateway.core.lifecycle import FaxState
from gateway.core.model import FaxEvent, FaxJob, FaxRequest, Phase
from gateway.core.reasons import AccountError, AmbiguousError, GatewayError, NotSentError, PermanentError, Reason
from gateway.store import fax_jobs, invariants, reports
from tests.fakes import FakeProvider, Gateway

_RULES = (AccountRule(("sinch", "interfax")),)
_ANSWERS: dict[str, GatewayError] = {
    "down": NotSentError(Reason.PROVIDER_DOWN, "refused"),
    "later": NotSentError(Reason.PROVIDER_DOWN, "HTTP 503", timedelta(minutes=20)),
    "401": AccountError(Reason.PROVIDER_AUTH, "HTTP 401"),
    "402": AccountError(Reason.OUT_OF_CREDIT, "HTTP 402"),
    "theirs": PermanentError(Reason.OTHER, "HTTP 400"),
    "ours": PermanentError(Reason.BAD_NUMBER, "HTTP 400"),
    "lost": AmbiguousError(Reason.OUTCOME_UNKNOWN, "no answer"),
}
#: What an order is answered with, and whether its fax exists all the same.
_ORDERS = st.sampled_from([*((each, False) for each in _ANSWERS), ("lost", True), ("401", True), ("down", True)])
_ENDS = st.sampled_from(
    [Reason.DELIVERED, Reason.BUSY, Reason.CONGESTION, Reason.LINE_DROPPED, Reason.OTHER, Reason.OUT_OF_CREDIT]
)
_HISTORIES = st.lists(st.tuples(_ORDERS, _ENDS), max_size=8)


class Told(FakeProvider):
    """A provider whose webhook comes with each fax, also with one that its answer denies."""

    gateway: Gateway

    async def submit(self, fax: FaxRequest) -> str:
        before = len(self.sent)
        try:
            return await super().submit(fax)
        finally:
            for new in self.sent[before:]:
                event = FaxEvent(new.id, inbound=False, reference=new.request.reference)
                await self.gateway.email_to_fax.wake(self.account, event)


async def _live(directory: Path, histories: dict[str, list[tuple[tuple[str, bool], Reason]]]) -> None:
    gateway = Gateway(directory, accounts=tuple(histories), account_rules=_RULES)
    for name, history in histories.items():
        provider = Told(gateway.clock, name)
        provider.gateway = gateway
        gateway.providers[name] = provider
        for (answer, exists), end in history:
            provider._answers.append(_ANSWERS[answer])
            provider._losses.append(exists)
            if exists:
                provider.will_end(end)
        for _, end in history[::2]:
            provider.will_end(end)
    await gateway.start()
    try:
        await _judge(gateway)
    finally:
        gateway.close()


async def _judge(gateway: Gateway) -> None:
    [job_id] = (await gateway.accept()).job_ids
    await gateway.pass_time(hours=26)
    job = await gateway.database.read(fax_jobs.get_job, job_id)
    assert job is not None
    _at_most_once(gateway, job)
    assert job.state in (FaxState.DELIVERED, FaxState.FAILED, FaxState.UNKNOWN)
    assert await gateway.database.read(invariants.find_violations) == []
    for provider in _providers(gateway):
        provider._answers.clear()
        provider._losses.clear()
        provider._outcomes.clear()
    await gateway.fax_to_email.catch_up(timedelta(hours=2))
    for number in range(2):
        await gateway.accept(body=b"afterwards %d\r\n" % number)
        await gateway.pass_time(minutes=30)
    paused = await gateway.database.read(reports.troubled_accounts)
    assert [each.name for each in paused if each.reason != Reason.OUT_OF_CREDIT.code] == []


def _providers(gateway: Gateway) -> list[Told]:
    return [provider for provider in gateway.providers.values() if isinstance(provider, Told)]


def _at_most_once(gateway: Gateway, job: FaxJob) -> None:
    sent = [fax for provider in _providers(gateway) for fax in provider.sent]
    arrived = [fax for fax in sent if fax.report.reason is Reason.DELIVERED or fax.report.phase is Phase.WAITING]
    called = [fax for fax in sent if fax.report.reason is not Reason.OUT_OF_CREDIT]
    assert len(arrived) <= 1
    assert len(called) <= gateway.timing.max_calls
    assert not arrived or job.state in (FaxState.DELIVERED, FaxState.UNKNOWN)


@settings(max_examples=40, deadline=None)
@given(sinch=_HISTORIES, interfax=_HISTORIES)
async def test_whatever_two_accounts_answer(
    sinch: list[tuple[tuple[str, bool], Reason]], interfax: list[tuple[tuple[str, bool], Reason]]
) -> None:
    with TemporaryDirectory() as directory:
        await _live(Path(directory), {"sinch": sinch, "interfax": interfax})
