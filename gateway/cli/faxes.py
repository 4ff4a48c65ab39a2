"""``faxgw faxes list``, ``faxgw faxes show`` and ``faxgw trace``: they only read."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples
from gateway.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.core.model import MailDelivery
    from gateway.store.reports import FaxDetails, InboundDetails, TimelineEntry


class Direction(StrEnum):
    """Which way a fax goes."""

    OUT = "out"
    IN = "in"


_OUR_ID: Final = re.compile(r"[EFRMK]-[0-9A-Z]{8}(-[0-9]+)?", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[1-9][0-9]{6,14}")


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    group = typer.Typer(
        name="faxes", help="Look at faxes of both directions.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(
        "list",
        epilog=examples(
            "faxgw faxes list",
            "faxgw faxes list --direction out --state failed --limit 20",
            "faxgw faxes list --json",
        ),
    )(list_faxes)
    group.command("show", epilog=examples("faxgw faxes show F-7K3M9QX2", "faxgw faxes show R-4T9WZ2KC --json"))(
        show_fax
    )
    app.add_typer(group)
    app.command(
        epilog=examples(
            "faxgw trace F-7K3M9QX2                     a fax, a received fax, a mail or a message by its id",
            "faxgw trace +12025550143                   all faxes to or from a number",
            "faxgw trace '<4711@clinic.example>'        all faxes of an e-mail, by its Message-ID",
            "faxgw trace 01JC8MKEXAMPLE                 a fax by the id that the provider gave it",
        )
    )(trace)


def list_faxes(
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    state: Annotated[str | None, typer.Option(help="Only those in this state (see docs/states.md).")] = None,
    direction: Annotated[Direction | None, typer.Option(help="Only this direction.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    json: AsJson = False,
) -> None:
    """List faxes, the newest first."""
    from gateway.cli.reading import look  # noqa: PLC0415 - `faxgw --help` does not pay for the store
    from gateway.store import reports  # noqa: PLC0415 - as above

    way = direction.value if direction else None
    found = look(
        config,
        lambda store: store.database.read(reports.list_faxes, state=state, direction=way, limit=limit),
    )
    if json:
        print_json(found)
        return
    columns = ("id", "direction", "state", "number", "pages", "reason", "created", "due", "ended")
    print_table(
        columns,
        ((f.id, f.direction, f.state, f.number, f.pages, f.reason, f.created_at, f.due_at, f.ended_at) for f in found),
    )


def show_fax(
    fax: Annotated[str, typer.Argument(metavar="ID", help="F-... for a fax out, R-... for a received one.")],
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    json: AsJson = False,
) -> None:
    """Show everything about one fax: state, calls, what became of each part of its e-mail, mails about it.

    Exit codes: 0, 1 there is no such fax.
    """
    from gateway.cli.reading import look  # noqa: PLC0415 - `faxgw --help` does not pay for the store
    from gateway.store import reports  # noqa: PLC0415 - as above

    details = look(config, lambda store: store.database.read(reports.show_fax, fax.upper()))
    if details is None:
        typer.echo(f"faxgw: there is no fax {fax}", err=True)
        raise typer.Exit(1)
    if json:
        print_json(details)
    elif isinstance(details, reports.FaxDetails):
        _print_outgoing(details)
    else:
        _print_received(details)


def _print_outgoing(details: FaxDetails) -> None:
    job = details.job
    print_facts(
        {
            "fax": job.id,
            "state": job.state.value,
            "reason": job.reason,
            "detail": job.detail or None,
            "number": job.number,
            "pages": job.pages,
            "pages sent": job.pages_sent,
            "calls": job.calls,
            "from": details.message.mail_from,
            "message": details.message.id,
            "message-id": details.message.message_id,
            "account": job.account,
            "accepted": job.created_at,
            "due": job.due_at,
            "deadline": job.deadline,
            "ended": job.ended_at,
        }
    )
    if details.attempts:
        typer.echo("\nAttempts")
        columns = ("reference", "state", "intent", "provider id", "reason", "pages", "price")
        rows = (
            (
                a.reference,
                a.state.value,
                a.intent_at,
                a.provider_fax_id,
                a.reason,
                a.pages_sent,
                None if a.price is None else f"{a.price} {a.currency or ''}",
            )
            for a in details.attempts
        )
        print_table(columns, rows)
    if details.ledger:
        typer.echo("\nParts of the e-mail")
        parts = (
            (p.index, p.media_type, p.size, p.fate.value, f"{p.first}-{p.last}" if p.first else None, p.why)
            for p in details.ledger
        )
        print_table(("part", "type", "bytes", "fate", "pages", "why"), parts)
    _print_mails(details.mails)


def _print_received(details: InboundDetails) -> None:
    fax = details.fax
    print_facts(
        {
            "fax": fax.id,
            "state": fax.state.value,
            "reason": fax.reason,
            "detail": fax.detail or None,
            "number": fax.number,
            "caller": fax.caller,
            "pages": fax.pages,
            "account": fax.account,
            "provider id": fax.provider_fax_id,
            "received": fax.received_at,
            "known since": fax.created_at,
            "due": fax.due_at,
            "ended": fax.ended_at,
        }
    )
    _print_mails(details.mails)


def _print_mails(mails: list[MailDelivery]) -> None:
    if mails:
        typer.echo("\nMails")
        columns = ("id", "kind", "state", "to", "reason", "ordered", "ended")
        print_table(
            columns,
            ((m.id, m.kind.value, m.state.value, m.address, m.reason, m.created_at, m.ended_at) for m in mails),
        )


def trace(
    key: Annotated[str, typer.Argument(help="A fax id, a number, a Message-ID or a provider's fax id.")],
    config: ConfigPath = DEFAULT_CONFIG,
    *,
    json: AsJson = False,
) -> None:
    """Tell in one line of time what happened.

    Exit codes: 0, 1 nothing is known about it.
    """
    entries = _timeline(config, _as_stored(key))
    if json:
        print_json(entries)
    else:
        rows = ((e.at, e.subject_id, e.event, e.reason, e.detail) for e in entries)
        print_table(("time", "about", "what happened", "reason", "detail"), rows)
    if not entries:
        typer.echo(f"faxgw: nothing is known about {key}", err=True)
        raise typer.Exit(1)


def _as_stored(key: str) -> str:
    """Writes an id in capitals and a number with its plus sign, as the store has them."""
    if _OUR_ID.fullmatch(key):
        return key.upper()
    return f"+{key}" if _DIGITS.fullmatch(key) else key


def _timeline(config: Path, key: str) -> list[TimelineEntry]:
    from gateway.cli.reading import look  # noqa: PLC0415 - `faxgw --help` does not pay for the store
    from gateway.store import reports  # noqa: PLC0415 - as above

    return look(config, lambda store: store.database.read(reports.timeline, key))
