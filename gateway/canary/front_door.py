"""The leg ``webhook``: the newest event of an account once more, to our own public URL, as the provider would send it.

It tries DNS, certificate, proxy and web port. It changes nothing: its fax is known here, and what is known is absorbed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.core.canary import FAX, CanaryLeg
from gateway.core.canary_verdicts import (
    LOOK_AT_PROVIDER,
    Verdict,
    judge_closed_door,
    judge_door,
    lost,
    nothing_to_try,
    told,
)
from gateway.core.model import FaxReport
from gateway.core.reasons import AmbiguousError, NotSentError, TemporaryError
from gateway.providers.base import FaxProvider, TestsItself, UnknownFaxError
from gateway.providers.http import HttpClient
from gateway.store import canary
from gateway.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor:
    """Knocks at our own door, once a minute until it is opened with a 200 or time is up.

    Attributes:
        store: transactions.
        providers: by the name of their account.
        testable: those of them that can be tried out.
        webhook_url: ours for an account.
        http: verifies certificates and follows no redirect, as providers do.
    """

    store: Database
    providers: Mapping[str, FaxProvider]
    testable: Mapping[str, TestsItself]
    webhook_url: Callable[[str], str]
    http: HttpClient

    async def advance(self, leg: CanaryLeg, *, late: bool) -> Verdict | None:
        """Sends the event, if there is one. Safe to repeat."""
        provider = self.testable.get(leg.account)
        if provider is None:
            return nothing_to_try("the account is not configured any more")
        # An invented fax would rightly be refused, and the event of tonight's test fax must not pass for its callback.
        test_fax = await self._test_fax(leg)
        try:
            report = await self._report(leg.account, test_fax)
        except TemporaryError as error:
            what = f"the provider cannot be asked about its newest fax: {told(error)}"
            return lost(what, LOOK_AT_PROVIDER) if late else None
        if report is None:
            waits = test_fax is not None and test_fax.ended_at is None
            return None if waits and not late else nothing_to_try("no fax of this account is known yet")
        headers, body = provider.event_about(report)
        try:
            answer = await self.http.request("POST", self.webhook_url(leg.account), headers=headers, body=body)
        except (NotSentError, AmbiguousError) as error:
            return judge_closed_door(type(error.__cause__).__name__, late=late)
        return judge_door(answer.status, late=late)

    async def _test_fax(self, leg: CanaryLeg) -> CanaryLeg | None:
        legs = await self.store.read(canary.of_night, leg.night)
        return next((other for other in legs if other.leg == f"{FAX} {leg.account}"), None)

    async def _report(self, account: str, test_fax: CanaryLeg | None) -> FaxReport | None:
        """Asks about the newest fax that the provider still knows: one received, else tonight's test fax."""
        known = [await self.store.read(canary.newest_received, account)]
        if test_fax is not None and test_fax.ended_at is not None:
            known.append(test_fax.facts.get("fax_id"))
        for fax_id in filter(None, known):
            try:
                return await self.providers[account].report(fax_id)
            except UnknownFaxError:
                continue
        return None
