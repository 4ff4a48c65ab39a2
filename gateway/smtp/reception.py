"""The way of one message's content from the client into its intake."""

from __future__ import annotations

from gateway.core.refusal import Refusal
from gateway.smtp.connection import HangUp
from gateway.smtp.content import ContentReader, check_line_ends
from gateway.smtp.desk import Intake
from gateway.smtp.header_rules import HeaderGate


async def receive(content: ContentReader, intake: Intake, *, for_fax: bool, max_size: int) -> None:
    """Stores a message block by block.

    After a refusal or a fault the rest is read to its dot and thrown away: a reply before the dot would be
    taken for the reply to something else.

    Args:
        content: at its beginning.
        intake: where it is stored; neither committed nor discarded here.
        for_fax: see ``HeaderGate``.
        max_size: bytes; a message twice as large is not read to its end.

    Raises:
        Refusal: 552 5.3.4 too big, or by ``check_line_ends`` or ``check_header``.
        HangUp: 552 5.3.4, when it is far too big.
        DiskFullError, DiskError: by the intake.
        asyncio.IncompleteReadError: the client went away before the dot.
    """
    gate = HeaderGate(for_fax=for_fax)
    size = 0
    trouble: Exception | None = None
    while not content.ended:
        block = await content.read()
        size += len(block)
        if size > 2 * max_size:
            raise HangUp(552, "5.3.4", f"limit is {max_size}")
        if trouble is not None:
            continue
        try:
            _check(block, gate, size, max_size)
            await intake.write(block)
        except Exception as error:  # noqa: BLE001 - the dot must be reached before any reply
            trouble = error
    if trouble is not None:
        raise trouble
    gate.finish()


def _check(block: bytes, gate: HeaderGate, size: int, max_size: int) -> None:
    if size > max_size:
        raise Refusal(552, "5.3.4", f"limit is {max_size}")
    check_line_ends(block)
    gate.feed(block)
