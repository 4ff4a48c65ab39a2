"""Each night: begin the legs, do what each of them needs, judge them, tell; once a week the figures.

The rows of a night are committed before anything is sent, and what may be sent only once has its intent committed
before it goes (docs/durability.md). So several nodes may run this at once, and each of them may die at any point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway import faxlog
from gateway.canary.front_door import FrontDoor
from gateway.canary.own_fax import OwnFax
from gateway.canary.provider_fax import ProviderFax
from gateway.canary.round_mail import RoundMail, TakesMail
from gateway.core.canary import (
    FAX,
    MAIL,
    OWN_FAX,
    PREFIX,
    WEBHOOK,
    CanaryLeg,
    CanaryPlan,
    Night,
    Sending,
    is_token,
    legs_of,
    night_at,
    week_until,
)
from gateway.core.canary_verdicts import Verdict, lost
from gateway.core.ids import ENTROPY_BYTES, make_id
from gateway.core.model import FaxEvent, Sender
from gateway.core.reasons import DiskError, Reason
from gateway.failpoint import failpoint
from gateway.providers.base import FaxProvider, TestsItself
from gateway.providers.http import HttpClient
from gateway.store import canary, facts, reports, week
from gateway.store.canary import Standing
from gateway.store.database import Database, Tx
from gateway.store.documents import Documents
from gateway.store.outcomes import Outcomes

#: Later ones may need what earlier ones have found out.
_ORDER: Final = (FAX, WEBHOOK, OWN_FAX, MAIL)
#: How far back the standing of a leg is looked for.
_REMEMBERED: Final = timedelta(days=31)
#: Longer names of legs (characters) would fold the subject of a mail.
_SUBJECT_ROOM: Final = 40
_LOOK_AGAIN: Final = timedelta(seconds=15)
_OUR_BUG: Final = "`journalctl -u faxgw` names its place: report it."


class _Kind(Protocol):
    """What is tried by the legs of one kind."""

    async def advance(self, leg: CanaryLeg, *, late: bool) -> Verdict | None:
        """Does what is to be done next; answers how the leg ended, None while it may still come home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Tries every leg each night and tells when one does not come home.

    Attributes:
        store: transactions.
        documents: stored bytes.
        providers: by the name of their account; those that `TestsItself` take part.
        senders: one of them calls, if a fax of our own is wanted.
        plan: what is wanted, and when.
        next_hop: the smarthost.
        http: for our own public URL; whoever made it closes it.
        outcomes: writes mails to the operator.
        domain: of our fax addresses.
        hostname: for Message-IDs.
        callback_url: the webhook URL of an account for one reference.
        webhook_url: the webhook URL of an account.
        has_room: whether a message could be accepted now.
        running_since: when this process began; before that nobody could see a leg come home.
        clock: the time now, aware.
        entropy: so many random bytes.
    """

    store: Database
    documents: Documents
    providers: Mapping[str, FaxProvider]
    senders: Sequence[Sender]
    plan: CanaryPlan
    next_hop: TakesMail
    http: HttpClient
    outcomes: Outcomes
    domain: str
    hostname: str
    callback_url: Callable[[str, str], str]
    webhook_url: Callable[[str], str]
    has_room: Callable[[], bool]
    running_since: datetime
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    # --- what others call ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Begins a night once it is due, goes on with what is open, tells. A chore for every minute; safe to repeat.

        A night before this store's first start is nobody's: a new gateway waits for the next one.
        """
        night = night_at(self.clock(), self.plan)
        if night.begins >= await self.store.write(facts.first_start, self.clock()):
            await self._begin(night.key)
            await self._go_on(await self.store.read(canary.still_open))
            await self._tell_week(night)
        faxlog.canary_stands({leg: (s.leg.well is True, s.last_well) for leg, s in (await self._standings()).items()})

    async def start_now(self) -> list[CanaryLeg]:
        """Tries every leg once more, beside those of the night, because a person asks. Answers them as they are now."""
        night = night_at(self.clock(), self.plan).key
        begun = await self.store.write(self._begin_again, night, [self._new(night, leg) for leg in self._names()])
        return await self.look(begun[0].night) if begun else []

    async def look(self, night: str) -> list[CanaryLeg]:
        """Goes on with the legs of one night and answers them as they are now. Safe to repeat.

        However often a person looks, nobody out there is bothered more often than every quarter of a minute.
        """
        legs = await self.store.read(canary.of_night, night)
        await self._go_on([leg for leg in legs if await self.store.write(self._is_due, leg, self.clock())])
        return _in_order(await self.store.read(canary.of_night, night))

    async def saw_callback(self, account: str, reference: str | None, event: FaxEvent) -> bool:
        """Notes that the callback about a test fax came in through our own web port; durable when it returns.

        Args:
            account: whose webhook it was.
            reference: that the event or its URL carries.
            event: the callback.

        Returns:
            Whether it was about a test fax of the canary: then nobody else waits for it.
        """
        if reference is None or not is_token(reference):
            return False
        now = self.clock()
        seen = await self.store.write(canary.note_callback, account, reference, event.provider_fax_id, now)
        failpoint("c3.after_callback")
        return seen

    async def health(self) -> dict[str, str]:
        """Says of each leg, under ``canary LEG``, "ok" or what was missing and since when."""
        standings = await self._standings()
        return {f"canary {leg}": _word(standings.get(leg)) for leg in self._names()}

    # --- a night ---------------------------------------------------------------------------------------------------

    async def _begin(self, night: str) -> None:
        known = {leg.leg for leg in await self.store.read(canary.of_night, night)}
        missing = [self._new(night, leg) for leg in self._names() if leg not in known]
        if missing:
            await self.store.write(canary.begin, missing)
            failpoint("c1.after_rows")

    @staticmethod
    def _begin_again(tx: Tx, night: str, legs: Sequence[CanaryLeg]) -> list[CanaryLeg]:
        key = f"{night}#{canary.asked_for(tx, night) + 2}"  # the night itself was the first time
        return canary.begin(tx, [replace(leg, night=key) for leg in legs])

    @staticmethod
    def _is_due(tx: Tx, leg: CanaryLeg, now: datetime) -> bool:
        looked = leg.facts.get("looked_at")
        if leg.ended_at is not None or (looked and datetime.fromisoformat(looked) > now - _LOOK_AGAIN):
            return False
        canary.note(tx, leg.token, looked_at=now.isoformat())
        return True

    def _names(self) -> list[str]:
        return legs_of(self.plan, list(self._testable()))

    def _testable(self) -> dict[str, TestsItself]:
        return {name: provider for name, provider in self.providers.items() if isinstance(provider, TestsItself)}

    def _new(self, night: str, leg: str) -> CanaryLeg:
        now = self.clock()
        token = make_id(PREFIX, self.entropy(ENTROPY_BYTES))
        return CanaryLeg(token, night, leg, now, now + self.plan.patience, {"phase": Sending.READY})

    async def _go_on(self, legs: Sequence[CanaryLeg]) -> None:
        kinds = self._kinds()
        for leg in _in_order(legs):
            if leg.ended_at is None:
                await self._advance(kinds[leg.kind], leg)

    async def _advance(self, kind: _Kind, leg: CanaryLeg) -> None:
        late = self.clock() >= max(leg.deadline, self.running_since + self.plan.patience)
        try:
            verdict = await kind.advance(leg, late=late)
        except DiskError:
            raise
        except Exception as error:  # noqa: BLE001 - one leg must not keep the others from being judged, nor itself
            faxlog.bug("canary", leg.token, error)
            verdict = lost(f"an unexpected error of the gateway ({type(error).__name__})", _OUR_BUG) if late else None
        if verdict is not None:
            has_room = self.has_room()
            ended = await self.store.write(self._end, leg, verdict, self.clock(), has_room=has_room)
            failpoint("c5.after_end")
            if ended:
                faxlog.canary_ended(leg.leg, leg.token, verdict.well)

    def _kinds(self) -> dict[str, _Kind]:
        return {
            FAX: ProviderFax(
                store=self.store, providers=self.providers, testable=self._testable(), callback_url=self.callback_url
            ),
            WEBHOOK: FrontDoor(
                store=self.store,
                providers=self.providers,
                testable=self._testable(),
                webhook_url=self.webhook_url,
                http=self.http,
            ),
            OWN_FAX: OwnFax(
                store=self.store,
                documents=self.documents,
                senders=self.senders,
                numbers=self.plan.own_fax,
                domain=self.domain,
                hostname=self.hostname,
                patience=self.plan.patience,
                clock=self.clock,
                entropy=self.entropy,
            ),
            MAIL: RoundMail(
                store=self.store,
                next_hop=self.next_hop,
                domain=self.domain,
                hostname=self.hostname,
                returns=self.plan.mail == "returns",
                clock=self.clock,
            ),
        }

    # --- telling ---------------------------------------------------------------------------------------------------

    def _end(self, tx: Tx, leg: CanaryLeg, verdict: Verdict, now: datetime, *, has_room: bool) -> bool:
        """Writes how a leg ended; with the last one of its night the operator is told of all of them, in one mail."""
        if not canary.end(tx, leg.token, verdict, now):
            return False
        legs = _in_order(canary.of_night(tx, leg.night))
        if all(other.ended_at is not None for other in legs):
            self._tell(tx, [other for other in legs if "told_at" not in other.facts], now, has_room=has_room)
        return True

    def _tell(self, tx: Tx, legs: Sequence[CanaryLeg], now: datetime, *, has_room: bool) -> None:
        for leg in legs:
            canary.note(tx, leg.token, told_at=now.isoformat())
        broken = [leg for leg in legs if leg.well is False]
        mended = [leg for leg in legs if leg.well and canary.was_lost_before(tx, leg)]
        if not broken and not mended:
            return
        sentence = f"Canary {'failed' if broken else 'is well again'}: {_named(broken or mended)}."
        lines = [line for leg in broken for line in (f"{leg.leg}: {leg.detail}.", f"-> {leg.facts['advice']}")]
        lines += [f"{leg.leg}: well again." for leg in mended]
        lines += _causes(tx, broken, has_room=has_room)
        night, last = legs[-1].night, legs[-1].token
        self.outcomes.alert(tx, f"canary:{last}", f"canary-{night}", sentence, now, lines=lines)

    async def _tell_week(self, night: Night) -> None:
        """Orders the weekly mail once the last night of the week has been judged."""
        last = week_until(night, self.plan)
        key = f"week-{last.key}"
        first_start = await self.store.write(facts.first_start, self.clock())
        if last.begins < first_start or await self.store.read(week.was_told, key):
            return
        if any(leg.ended_at is None for leg in await self.store.read(canary.of_night, last.key)):
            return
        free = self.documents.free_bytes()
        figures = await self.store.read(week.count_week, last, self.plan, self._names(), free)
        await self.store.write(self.outcomes.weekly, key, figures.facts(), self.clock())

    async def _standings(self) -> dict[str, Standing]:
        return await self.store.read(canary.standings, self.clock() - _REMEMBERED)


def _in_order(legs: Sequence[CanaryLeg]) -> list[CanaryLeg]:
    return sorted(legs, key=lambda leg: (leg.night, _ORDER.index(leg.kind), leg.leg))


def _named(legs: Sequence[CanaryLeg]) -> str:
    """Names legs as far as a subject has room for them; the lines of the mail name them all."""
    names = ", ".join(leg.leg for leg in legs)
    return names if len(names) <= _SUBJECT_ROOM else f"{len(legs)} legs"


def _word(standing: Standing | None) -> str:
    if standing is None or standing.failing_since is None:
        return "ok"
    return f"{standing.leg.detail} (failing since {standing.failing_since:%Y-%m-%d %H:%M} UTC)"


def _causes(tx: Tx, broken: Sequence[CanaryLeg], *, has_room: bool) -> list[str]:
    """Says what is known to be wrong anyway and may be the reason."""
    if not broken:
        return []
    concerned = {leg.account for leg in broken if leg.account}
    causes = [
        f"The provider account {trouble.name} is paused: {Reason.of(trouble.reason).sentence}"
        for trouble in reports.troubled_accounts(tx)
        if trouble.name in concerned or any(leg.leg == OWN_FAX for leg in broken)
    ]
    return causes if has_room else [*causes, "There is too little room on the disk: nothing is accepted now."]
