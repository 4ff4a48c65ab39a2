"""``faxgw simulate``: a provider and a mail server on this machine, to try things out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import examples


class Encoding(StrEnum):
    """How a simulated webhook is encoded."""

    FORM = "form"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file, as a group."""
    group = typer.Typer(
        name="simulate",
        help="Simulate what the gateway talks to. See docs/simulator.md.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command(
        epilog=examples(
            "faxgw simulate sinch --listen 127.0.0.1:9099",
            "faxgw simulate sinch --speed 60 --webhook http://faxgw:PASSWORD@127.0.0.1:8025/webhooks/sinch/SECRET",
        )
    )(sinch)
    group.command(epilog=examples("faxgw simulate mailbox --dir ./mails --listen 127.0.0.1:2626"))(mailbox)
    app.add_typer(group)


def _host_and_port(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit()):
        raise typer.BadParameter(f"expected HOST:PORT, got {listen!r} (for example 127.0.0.1:9099)")
    return listen


Listen = Annotated[
    str,
    typer.Option(metavar="HOST:PORT", callback=_host_and_port, help="Where to listen; port 0 picks a free one."),
]


def sinch(
    listen: Listen = "127.0.0.1:0",
    *,
    project: Annotated[str | None, typer.Option(help="Id of the project; one of its own if not given.")] = None,
    key_id: Annotated[str | None, typer.Option(help="Access key; one of its own if not given.")] = None,
    key_secret: Annotated[str | None, typer.Option(help="Its secret; one of its own if not given.")] = None,
    number: Annotated[
        list[str] | None, typer.Option(help="A number of the account; may be repeated. Two of its own if not given.")
    ] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Told of received faxes.")] = None,
    webhook_encoding: Annotated[Encoding, typer.Option(help="Encoding of these webhooks.")] = Encoding.FORM,
    storage: Annotated[bool, typer.Option(help="Keep documents, or have them in webhooks only.")] = True,
    speed: Annotated[float, typer.Option(min=0.001, help="How many times quicker than in truth.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of all chances; the same seed, the same faults.")] = 0,
    ledger: Annotated[Path | None, typer.Option(metavar="PATH", help="A file that gets a line for each fax.")] = None,
) -> None:
    """Serve the fax API of Sinch until Ctrl-C; the first line printed is its address."""
    import asyncio  # noqa: PLC0415 - no other command pays for it

    from gateway.simulator import serve_sinch  # noqa: PLC0415 - as above

    account = {"project": project, "key_id": key_id, "key_secret": key_secret, "numbers": number}
    asyncio.run(
        serve_sinch(
            listen,
            **{name: value for name, value in account.items() if value},
            webhook=webhook,
            webhook_encoding=webhook_encoding.value,
            storage=storage,
            speed=speed,
            seed=seed,
            ledger=ledger,
        )
    )


def mailbox(
    directory: Annotated[Path, typer.Option("--dir", help="Where caught mails are written.")],
    listen: Listen = "127.0.0.1:0",
) -> None:
    """Catch all mail until Ctrl-C; the first line printed is its address."""
    import asyncio  # noqa: PLC0415 - no other command pays for it

    from gateway.simulator import serve_mailbox  # noqa: PLC0415 - as above

    asyncio.run(serve_mailbox(listen, directory))
