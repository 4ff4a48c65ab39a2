"""The leg ``fax``: one page to the provider's free test number, with its callback and its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.core.canary import CanaryLeg, Sending
from gateway.core.canary_verdicts import LOOK_AT_PROVIDER, Verdict, judge_fax, lost, nothing_to_try, told
from gateway.core.model import FaxReport
from gateway.core.reasons import AmbiguousError, GatewayError, NotSentError, TemporaryError
from gateway.failpoint import failpoint
from gateway.providers.base import FaxProvider, TestsItself, UnknownFaxError
from gateway.store import canary
from gateway.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFax:
    """Sends the test fax once, then waits for its two halves.

    Attributes:
        store: transactions.
        providers: by the name of their account.
        testable: those of them that can be tried out.
        callback_url: the webhook URL of an account for one reference.
    """

    store: Database
    providers: Mapping[str, FaxProvider]
    testable: Mapping[str, TestsItself]
    callback_url: Callable[[str, str], str]

    async def advance(self, leg: CanaryLeg, *, late: bool) -> Verdict | None:
        """Does what is to be done next. At most one test fax exists per leg, whatever dies."""
        provider = self.testable.get(leg.account)
        if provider is None:
            return nothing_to_try("the account is not configured any more")
        if not late and await self.store.write(canary.intend, leg.token):
            failpoint("c2.after_intent")
            if refused := await self._send(provider, leg):
                return refused
        facts = dict((await self.store.read(canary.get, leg.token) or leg).facts)
        report = None
        if fax_id := facts.get("fax_id"):
            try:
                report = await self.providers[leg.account].report(fax_id)
            except UnknownFaxError:
                facts["trouble"] = "it does not know it"
            except TemporaryError as error:
                facts["trouble"] = told(error)
        return judge_fax(facts, _proven(report, leg.token, facts), late=late)

    async def _send(self, provider: TestsItself, leg: CanaryLeg) -> Verdict | None:
        try:
            fax_id = await provider.send_test_fax(leg.token, self.callback_url(leg.account, leg.token))
        except NotSentError as error:  # provably: it may be sent in a minute
            await self.store.write(canary.note, leg.token, phase=Sending.READY, trouble=told(error))
        except AmbiguousError as error:  # never again; if it was taken, its callback will tell
            await self.store.write(canary.note, leg.token, trouble=told(error))
        except GatewayError as error:
            return lost(f"the provider refuses the test fax: {told(error)}", LOOK_AT_PROVIDER)
        else:
            failpoint("c3.after_test_fax")
            await self.store.write(canary.note, leg.token, phase=Sending.SENT, fax_id=fax_id)
        return None


def _proven(report: FaxReport | None, token: str, facts: Mapping[str, str]) -> FaxReport | None:
    """Believes a report about a fax id that only a callback told, if the fax carries our token."""
    if report is not None and facts["phase"] != Sending.SENT and token not in report.references:
        return None
    return report
