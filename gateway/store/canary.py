"""The legs of the canary: one row per night and leg, so that nothing is tried twice, whoever runs and whatever dies.

Every writer takes the same lock: facts are read, changed and written back, by several nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from gateway.core.canary import FAX, MAIL, CanaryLeg, Sending
from gateway.core.canary_verdicts import Verdict
from gateway.core.model import InboundFax
from gateway.store import inbound_faxes, journal
from gateway.store.database import Tx, serialise
from gateway.store.schema import canary_leg, inbound_fax

_LOCK: Final = "canary"
#: A caller's number may come without its country; so many digits at its end must agree.
_LOCAL_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """How a leg stands: its last judged night, since when it fails, when it was last well."""

    leg: CanaryLeg
    failing_since: datetime | None
    last_well: datetime | None


def begin(tx: Tx, legs: Sequence[CanaryLeg]) -> list[CanaryLeg]:
    """Commits the intent to try these legs; answers those that this night did not have yet. Safe to repeat."""
    serialise(tx, _LOCK)
    known = {(leg.night, leg.leg) for night in {leg.night for leg in legs} for leg in of_night(tx, night)}
    new = [leg for leg in legs if (leg.night, leg.leg) not in known]
    for leg in new:
        names = ("token", "night", "leg", "started_at", "deadline", "facts")
        tx.execute(sa.insert(canary_leg).values({name: getattr(leg, name) for name in names}))
    return new


def get(tx: Tx, token: str) -> CanaryLeg | None:
    """Finds a leg by its token."""
    return next(iter(_legs(tx, canary_leg.c.token == token)), None)


def of_night(tx: Tx, night: str) -> list[CanaryLeg]:
    """Reads the legs of one night, in the order in which they were begun."""
    return _legs(tx, canary_leg.c.night == night)


def still_open(tx: Tx) -> list[CanaryLeg]:
    """Reads the legs that nobody has judged yet."""
    return _legs(tx, canary_leg.c.ended_at.is_(None))


def between(tx: Tx, first: str, last: str) -> list[CanaryLeg]:
    """Reads the legs of the nights from one day to another; not those that a person asked for."""
    nights = sa.and_(canary_leg.c.night >= first, canary_leg.c.night <= last, ~canary_leg.c.night.contains("#"))
    return _legs(tx, nights)


def asked_for(tx: Tx, night: str) -> int:
    """Counts how often a person has asked for the legs of a night again."""
    serialise(tx, _LOCK)
    again = canary_leg.c.night.startswith(f"{night}#", autoescape=True)
    return int(tx.execute(sa.select(sa.func.count(sa.distinct(canary_leg.c.night))).where(again)).scalar_one())


def note(tx: Tx, token: str, /, **facts: str) -> None:
    """Adds what has become known of a leg. Safe to repeat."""
    serialise(tx, _LOCK)
    leg = get(tx, token)
    if leg is not None:
        tx.execute(sa.update(canary_leg).where(canary_leg.c.token == token).values(facts=leg.facts | facts))


def intend(tx: Tx, token: str, /, **facts: str) -> bool:
    """Commits that this leg is sent now; False if it was, or may have been, sent before. Only one caller hears True."""
    serialise(tx, _LOCK)
    leg = get(tx, token)
    if leg is None or leg.ended_at is not None or leg.facts["phase"] != Sending.READY:
        return False
    note(tx, token, phase=Sending.INTENDED, **facts)
    return True


def note_callback(tx: Tx, account: str, token: str, provider_fax_id: str, now: datetime) -> bool:
    """Notes that the callback about a test fax came in; says whether the token is one of this account's test faxes."""
    leg = get(tx, token)
    if leg is None or leg.leg != f"{FAX} {account}":
        return False
    known = leg.facts.get("fax_id", provider_fax_id)
    if "called_at" not in leg.facts and known == provider_fax_id:
        note(tx, token, called_at=now.isoformat(), fax_id=provider_fax_id)
    return True


def note_mails(tx: Tx, tokens: Iterable[str], now: datetime) -> bool:
    """Notes that the mails of these tokens came back; False, and nothing noted, if one of them is none of ours."""
    legs = [get(tx, token) for token in tokens]
    if any(leg is None or leg.leg != MAIL for leg in legs):
        return False
    for leg in legs:
        if leg is not None and "returned_at" not in leg.facts:
            note(tx, leg.token, returned_at=now.isoformat())
    return True


def end(tx: Tx, token: str, verdict: Verdict, now: datetime) -> bool:
    """Writes how a leg ended, once; says whether it was open until now."""
    serialise(tx, _LOCK)
    leg = get(tx, token)
    if leg is None or leg.ended_at is not None:
        return False
    facts = leg.facts | ({"advice": verdict.advice} if verdict.advice else {})
    ended = {"ended_at": now, "well": verdict.well, "detail": verdict.detail, "facts": facts}
    tx.execute(sa.update(canary_leg).where(canary_leg.c.token == token).values(ended))
    word = {True: "well", False: "lost", None: "not tried"}[verdict.well]
    journal.note(tx, now, token, f"canary {word}", detail=f"{leg.leg}: {verdict.detail}" if verdict.detail else leg.leg)
    return True


def was_lost_before(tx: Tx, leg: CanaryLeg) -> bool:
    """Says whether this leg was lost when it was last judged before this time."""
    before = sa.and_(
        canary_leg.c.leg == leg.leg, canary_leg.c.well.is_not(None), canary_leg.c.started_at < leg.started_at
    )
    newest = sa.select(canary_leg.c.well).where(before).order_by(canary_leg.c.started_at.desc()).limit(1)
    return tx.execute(newest).scalar() is False


def standings(tx: Tx, since: datetime) -> dict[str, Standing]:
    """Tells how each leg stands that was judged since then."""
    found: dict[str, Standing] = {}
    for leg in _legs(tx, sa.and_(canary_leg.c.well.is_not(None), canary_leg.c.started_at >= since)):
        former = found.get(leg.leg, Standing(leg, None, None))
        if leg.well:
            found[leg.leg] = Standing(leg, None, leg.started_at)
        else:
            found[leg.leg] = Standing(leg, former.failing_since or leg.started_at, former.last_well)
    return found


def newest_received(tx: Tx, account: str) -> str | None:
    """Finds the provider's id of the newest fax that an account has received."""
    newest = sa.select(inbound_fax.c.provider_fax_id).where(inbound_fax.c.account == account)
    found: str | None = tx.execute(newest.order_by(inbound_fax.c.created_at.desc()).limit(1)).scalar()
    return found


def arrived(tx: Tx, number: str, caller: str, since: datetime) -> InboundFax | None:
    """Finds the newest fax from one number to another that came in since then."""
    query = sa.select(inbound_fax).where(inbound_fax.c.number == number, inbound_fax.c.created_at >= since)
    faxes = map(inbound_faxes.from_row, tx.execute(query.order_by(inbound_fax.c.created_at.desc())).mappings())
    return next((fax for fax in faxes if _same_caller(fax.caller, caller)), None)


def _same_caller(shown: str | None, caller: str) -> bool:
    digits = "".join(filter(str.isdigit, shown or ""))
    return len(digits) >= _LOCAL_DIGITS and caller.endswith(digits)


def _legs(tx: Tx, condition: sa.ColumnElement[bool]) -> list[CanaryLeg]:
    query = sa.select(canary_leg).where(condition).order_by(canary_leg.c.started_at, canary_leg.c.token)
    return [CanaryLeg(**row) for row in tx.execute(query).mappings()]
