"""The leg ``mail``: one mail through the smarthost to an address of our own domain that nobody can guess.

It has no envelope sender, so that a site which does not route our domain to us has nobody to send a bounce to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from gateway.core.addresses import canary_address
from gateway.core.canary import CanaryLeg
from gateway.core.canary_verdicts import LET_IT_TAKE, Verdict, judge_mail, lost
from gateway.core.model import NULL_SENDER
from gateway.core.reasons import GatewayError, PermanentError
from gateway.mail.canary_mails import compose_round_mail
from gateway.mail.compose import Heading
from gateway.store import canary
from gateway.store.database import Database

#: One try may take so long; the next one is a minute later.
_SECONDS: Final = 120.0


class TakesMail(Protocol):
    """Takes one mail for one recipient (mail/smarthost.Smarthost)."""

    async def send(self, mail_from: str, recipient: str, data: bytes, envid: str | None = None) -> str:
        """Sends it and answers the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMail:
    """Sends the mail until the smarthost has taken it; what comes back is counted where it comes in (EmailToFax).

    Attributes:
        store: transactions.
        next_hop: the smarthost.
        domain: of our fax addresses.
        hostname: for its Message-ID.
        returns: it counts only when it has come back to our SMTP port.
        clock: the time now, aware.
    """

    store: Database
    next_hop: TakesMail
    domain: str
    hostname: str
    returns: bool
    clock: Callable[[], datetime]

    async def advance(self, leg: CanaryLeg, *, late: bool) -> Verdict | None:
        """Sends it, if nobody has taken it yet. Safe to repeat: a copy counts once."""
        if not late and "taken_at" not in leg.facts:
            try:
                async with asyncio.timeout(_SECONDS):
                    await self.next_hop.send(NULL_SENDER, canary_address(leg.token, self.domain), self._mail(leg))
                await self.store.write(canary.note, leg.token, taken_at=self.clock().isoformat())
            except PermanentError as error:
                return lost(f"the smarthost refuses the mail: {error.detail}", LET_IT_TAKE)
            except (GatewayError, TimeoutError) as error:
                trouble = error.detail if isinstance(error, GatewayError) else "it takes too long to answer"
                await self.store.write(canary.note, leg.token, trouble=trouble)
        facts = (await self.store.read(canary.get, leg.token) or leg).facts
        return judge_mail(facts, returns=self.returns, late=late)

    def _mail(self, leg: CanaryLeg) -> bytes:
        return compose_round_mail(
            Heading(
                from_name="Fax gateway",
                from_address=f"postmaster@{self.domain}",
                to=canary_address(leg.token, self.domain),
                date=leg.started_at,
                message_id=f"<{leg.token}@{self.hostname}>",
            )
        )
