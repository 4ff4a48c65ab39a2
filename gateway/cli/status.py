"""``faxgw status`` and ``faxgw verify``: they only read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import TYPE_CHECKING, Any, Final

import typer

from gateway.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, examples
from gateway.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.store.opening import Store
    from gateway.store.reports import AccountFigures

#: Figures of the accounts are of so many days, up to now.
_DAYS: Final = 30


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command(epilog=examples("faxgw status", "faxgw status --json"))(status)
    app.command(epilog=examples("faxgw verify", "faxgw verify --json"))(verify)


def status(config: ConfigPath = DEFAULT_CONFIG, *, json: AsJson = False) -> None:
    """Count what is in which state.

    And the oldest fax that waits, the provider accounts in trouble, and what each account did and cost in 30 days.
    """
    from gateway.cli.reading import look  # noqa: PLC0415 - `faxgw --help` does not pay for the store

    found = look(config, _state_of)
    if json:
        print_json(found)
        return
    print_facts({"oldest waiting": found["oldest_waiting"] or "none", "accounts in trouble": len(found["accounts"])})
    if found["queues"]:
        typer.echo()
        rows = ((queue, state, n) for queue, states in found["queues"].items() for state, n in states.items())
        print_table(("queue", "state", "rows"), rows)
    if found["accounts"]:
        typer.echo()
        paused = ((a.name, a.reason, a.paused_since, a.paused_until, a.detail) for a in found["accounts"])
        print_table(("account", "reason", "paused since", "until", "detail"), paused)
    if found["last_30_days"]:
        typer.echo(f"\nlast {_DAYS} days:")
        print_table(
            ("account", "sent", "failed", "unknown", "pages", "cost", "received"),
            starmap(_figures, found["last_30_days"].items()),
        )


def _figures(account: str, did: AccountFigures) -> tuple[object, ...]:
    """Writes one account as a row: calls that reached a machine or were refused, and what they cost."""
    cost = ", ".join(f"{amount} {currency}".strip() for currency, amount in sorted(did.cost.items()))
    failed = did.calls.get("failed", 0) + did.calls.get("refused", 0)
    return (account, did.calls.get("delivered", 0), failed, did.calls.get("unknown", 0), did.pages, cost, did.received)


async def _state_of(store: Store) -> dict[str, Any]:
    from gateway.store import reports  # noqa: PLC0415 - `faxgw --help` does not pay for the store

    queues: dict[str, dict[str, int]] = {}
    for (queue, state), rows in sorted((await store.database.read(reports.count_rows)).items()):
        queues.setdefault(queue, {})[state] = rows
    return {
        "oldest_waiting": await store.database.read(reports.oldest_waiting),
        "queues": queues,
        "accounts": await store.database.read(reports.troubled_accounts),
        "last_30_days": await store.database.read(reports.account_figures, datetime.now(UTC) - timedelta(days=_DAYS)),
    }


def verify(config: ConfigPath = DEFAULT_CONFIG, *, json: AsJson = False) -> None:
    """Check what must always be true of the store.

    And that rows and files agree. Changes nothing.

    Exit codes: 0 all is well, 1 something is broken (each printed on one line), 74 the store cannot be read.
    """
    from gateway.cli.reading import look  # noqa: PLC0415 - `faxgw --help` does not pay for the store

    broken = look(config, _violations)
    if json:
        print_json({"violations": broken})
    else:
        for sentence in broken:
            typer.echo(sentence)
        typer.echo(f"{len(broken)} broken" if broken else "all is well", err=bool(broken))
    raise typer.Exit(1 if broken else 0)


async def _violations(store: Store) -> list[str]:
    from gateway.store import invariants  # noqa: PLC0415 - `faxgw --help` does not pay for the store

    broken = await store.database.read(invariants.find_violations)
    # Rows first: a file that comes in between is young, and young files may be without a row.
    known = await store.database.read(invariants.known_documents)
    stored = dict(store.documents.names())
    return broken + invariants.compare_documents(known, stored, datetime.now(UTC))
