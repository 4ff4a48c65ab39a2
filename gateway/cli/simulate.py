"""``faxgw simulate``: a provider and a mail server on this machine, to try things out."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import examples, make_folder


class Encoding(StrEnum):
    """How a simulated webhook is encoded."""

    FORM = "form"
    JSON = "json"


class Images(StrEnum):
    """What simulated received faxes are handed out as."""

    PDF = "pdf"
    TIFF = "tiff"


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
    group.command(
        epilog=examples(
            "faxgw simulate interfax --listen 127.0.0.1:9098",
            "faxgw simulate interfax --speed 60 --callback-url http://127.0.0.1:8025/webhooks/interfax/SECRET",
        )
    )(interfax)
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


Number = Annotated[
    list[str] | None, typer.Option(help="A number of the account; may be repeated. Two of its own if not given.")
]
Speed = Annotated[float, typer.Option(min=0.001, help="How many times quicker than in truth.")]
Seed = Annotated[int, typer.Option(help="Of all chances; the same seed, the same faults.")]
Ledger = Annotated[Path | None, typer.Option(metavar="PATH", help="A file that gets a line for each fax.")]


def sinch(
    listen: Listen = "127.0.0.1:0",
    *,
    project: Annotated[str | None, typer.Option(help="Id of the project; one of its own if not given.")] = None,
    key_id: Annotated[str | None, typer.Option(help="Access key; one of its own if not given.")] = None,
    key_secret: Annotated[str | None, typer.Option(help="Its secret; one of its own if not given.")] = None,
    number: Number = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Told of received faxes.")] = None,
    webhook_encoding: Annotated[Encoding, typer.Option(help="Encoding of these webhooks.")] = Encoding.FORM,
    storage: Annotated[bool, typer.Option(help="Keep documents, or have them in webhooks only.")] = True,
    speed: Speed = 1.0,
    seed: Seed = 0,
    ledger: Ledger = None,
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


def interfax(
    listen: Listen = "127.0.0.1:0",
    *,
    username: Annotated[str | None, typer.Option(help="User of the account; one of its own if not given.")] = None,
    password: Annotated[str | None, typer.Option(help="The password; one of its own if not given.")] = None,
    number: Number = None,
    callback_url: Annotated[str | None, typer.Option(metavar="URL", help="Told of finished faxes.")] = None,
    inbound_callback_url: Annotated[str | None, typer.Option(metavar="URL", help="Told of received faxes.")] = None,
    balance: Annotated[float, typer.Option(min=0, help="The credit at the start.")] = 10_000.0,
    polls_per_minute: Annotated[int, typer.Option(min=0, help="Queries allowed in a minute; 0 for no limit.")] = 6,
    lock_after: Annotated[int, typer.Option(min=1, help="Bad logins in a row that block the user.")] = 5,
    inbound_images: Annotated[Images, typer.Option(help="What received faxes are handed out as.")] = Images.PDF,
    pci: Annotated[bool, typer.Option("--pci", help="Use the field names of the PCI host.")] = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    ledger: Ledger = None,
) -> None:
    """Serve the REST API of InterFAX until Ctrl-C; the first line printed is its address."""
    import asyncio  # noqa: PLC0415 - no other command pays for it

    from gateway.simulator import serve_interfax  # noqa: PLC0415 - as above

    account = {"username": username, "password": password, "numbers": number}
    asyncio.run(
        serve_interfax(
            listen,
            **{name: value for name, value in account.items() if value},
            callback_url=callback_url,
            inbound_callback_url=inbound_callback_url,
            balance=Decimal(str(balance)),
            polls_per_minute=polls_per_minute,
            lock_after=lock_after,
            inbound_images=inbound_images.value,
            pci=pci,
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

    make_folder(directory)
    asyncio.run(serve_mailbox(listen, directory))
