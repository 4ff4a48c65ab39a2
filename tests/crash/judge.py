"""Reads what three parties wrote down and says which promises were broken; knows nothing of the gateway's own tables.

The parties: the client (what it was told), the provider (what it accepted, and how each call ended), the mail peer
(what the mailboxes got). Mails are told apart by standard headers and the gateway's documented ones.

    python judge.py client.jsonl provider.jsonl faxes.json MAILBOX_DIRECTORY
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

#: A page to these numbers of the providers goes to nobody: the gateway may send one to prove that a list is fresh.
TEST_NUMBERS: Final = frozenset({"+19898989898", "+99999990"})
_UNKNOWN_STATUS: Final = "4.5.0"


class Told(StrEnum):
    """What a mail tells about a fax."""

    SUCCESS = "delivered"
    FAILURE = "failed"
    UNKNOWN = "may have been sent"
    FOLLOW_UP = "known after all"
    FAX = "a received fax"


@dataclass(frozen=True, slots=True)
class Order:
    """One recipient of one message that the client tried to hand over.

    Attributes:
        message: its Message-ID.
        address: the RCPT address; its local part is the number in E.164, which no other order has.
        promised: a 250 was read.
        refused: a 5xx was read.
    """

    message: str
    address: str
    promised: bool = True
    refused: bool = False

    @property
    def number(self) -> str:
        """The number to be called."""
        return self.address.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Fax:
    """One fax that the provider accepted. Times are its own, as text that sorts; ``ended`` is "" while it is open."""

    id: str
    number: str
    labels: tuple[str, ...]
    created: str
    status: str
    ended: str = ""

    @property
    def failed(self) -> bool:
        """Whether it certainly did not arrive."""
        return self.status == "FAILURE"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One fax that somebody sent to us: its document, and who must get it."""

    id: str
    sha256: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that a mailbox got.

    Attributes:
        to: envelope recipient.
        message_id: its own.
        told: what it is about.
        answers: Message-ID of the client's message, of a notice.
        recipient: RCPT address that a DSN names.
        fax: the gateway's name for the fax, sent or received.
        sha256: of the attached pages, of a received fax.
    """

    to: str
    message_id: str
    told: Told
    answers: str = ""
    recipient: str = ""
    fax: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the ledgers say. ``broken`` is empty if every promise was kept; the counts tell how much was seen."""

    broken: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Writes it for people."""
        seen = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return "\n".join([seen, *(f"BROKEN: {sentence}" for sentence in self.broken)])


def judge(orders: Sequence[Order], faxes: Sequence[Fax], inbound: Sequence[Inbound], mails: Sequence[Mail]) -> Verdict:
    """Checks the promises of delivery (reliability.md sections 4 and 8). Pure."""
    notices = [mail for mail in mails if mail.told is not Told.FAX]
    brought = [mail for mail in mails if mail.told is Told.FAX]
    broken = [
        *_calls(faxes),
        *_orders(orders, faxes, notices),
        *_strays(orders, faxes, notices),
        *_inbound(inbound, brought),
    ]
    outcome = Counter(mail.told for mail in {(mail.fax, mail.told): mail for mail in notices}.values())
    counts = {
        "messages promised": len({order.message for order in orders if order.promised}),
        "recipients promised": sum(order.promised for order in orders),
        "faxes accepted": sum(fax.number not in TEST_NUMBERS for fax in faxes),
        **{f"told {told}": outcome[told] for told in (Told.SUCCESS, Told.FAILURE, Told.UNKNOWN)},
        "faxes received": len(inbound),
        "mails with a fax": len(brought),
        "copies of mails": len(mails) - len({(mail.to, mail.message_id) for mail in mails}),
    }
    return Verdict(tuple(broken), counts)


# --- e-mail to fax: at most one that could arrive, exactly one outcome told ------------------------------------------


def _calls(faxes: Iterable[Fax]) -> Iterator[str]:
    """Per label one fax; per number one call at a time, and none after one that did not fail."""
    labels = Counter(label for fax in faxes for label in fax.labels)
    yield from (f"label {label} has {count} faxes" for label, count in labels.items() if count > 1)
    for number, calls in _grouped(faxes, lambda fax: fax.number).items():
        if number in TEST_NUMBERS:
            continue
        calls.sort(key=lambda fax: fax.created)
        if sum(not fax.failed for fax in calls) > 1:
            yield f"{number}: sent twice ({', '.join(fax.id for fax in calls if not fax.failed)})"
        for earlier, later in pairwise(calls):
            if not earlier.ended or later.created < earlier.ended:
                yield f"{number}: called again while fax {earlier.id} was still open"


def _orders(orders: Iterable[Order], faxes: Iterable[Fax], notices: Iterable[Mail]) -> Iterator[str]:
    by_number = _grouped(faxes, lambda fax: fax.number)
    by_recipient = _grouped(notices, lambda mail: mail.recipient)
    by_message = _grouped((mail for mail in notices if not mail.recipient), lambda mail: mail.answers)
    alone = Counter(order.message for order in orders)
    for order in orders:
        told = by_recipient.get(order.address, [])
        if alone[order.message] == 1:  # a receipt without fields names only the message
            told = told + by_message.get(order.message, [])
        yield from _order(order, by_number.get(order.number, []), told)


def _order(order: Order, calls: Sequence[Fax], told: Sequence[Mail]) -> Iterator[str]:
    first = {mail.told for mail in told if mail.told is not Told.FOLLOW_UP}
    if order.refused and (calls or told):
        yield f"{order.number}: refused at the door, and yet {len(calls)} faxes and {len(told)} mails"
    if not order.promised and not calls and not told:
        return
    if not first:
        yield f"{order.number}: lost: {len(calls)} faxes at the provider, and nobody was told how it ended"
    if len(first) > 1:
        yield f"{order.number}: told {' and '.join(sorted(first))}"
    for kind, copies in _grouped(told, lambda mail: mail.told).items():
        if len({mail.message_id for mail in copies}) > 1:
            yield f"{order.number}: told {kind} in {len(copies)} mails that are not copies of one"
    arrived = any(fax.status == "COMPLETED" for fax in calls)
    if Told.SUCCESS in first and not arrived:
        yield f"{order.number}: told delivered, and no fax of it arrived"
    if Told.FAILURE in first and not all(fax.failed for fax in calls):
        yield f"{order.number}: told failed, and a fax of it arrived or may still"


def _strays(orders: Sequence[Order], faxes: Iterable[Fax], notices: Iterable[Mail]) -> Iterator[str]:
    """Nothing happens that nobody ordered."""
    numbers, addresses, messages = (
        {getattr(order, name) for order in orders} for name in ("number", "address", "message")
    )
    yield from (
        f"{fax.number}: fax {fax.id} that nobody ordered"
        for fax in faxes
        if fax.number not in numbers and fax.number not in TEST_NUMBERS
    )
    yield from (
        f"{mail.to}: told {mail.told} about {mail.fax}, which nobody ordered"
        for mail in notices
        if mail.recipient not in addresses and mail.answers not in messages
    )


# --- fax to e-mail: at least once to everybody it is for, to nobody else ---------------------------------------------


def _inbound(inbound: Sequence[Inbound], mails: Iterable[Mail]) -> Iterator[str]:
    by_document = _grouped(mails, lambda mail: mail.sha256)
    for fax in inbound:
        yield from _received(fax, by_document.pop(fax.sha256, []))
    for strangers in by_document.values():
        for mail in strangers:
            yield f"{mail.to}: got {mail.fax}, a fax that nobody sent"


def _received(fax: Inbound, mails: Sequence[Mail]) -> Iterator[str]:
    by_address = _grouped(mails, lambda mail: mail.to)
    yield from (f"received fax {fax.id} never reached {to}" for to in fax.addresses if to not in by_address)
    if len({mail.fax for mail in mails}) > 1:
        yield f"received fax {fax.id} was taken in twice"
    for to, copies in by_address.items():
        if to not in fax.addresses:
            yield f"received fax {fax.id} went to {to}, for whom it is not"
        if len({mail.message_id for mail in copies}) > 1:
            yield f"{to}: received fax {fax.id} in {len(copies)} mails that are not copies of one"


def _grouped(things: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return groups


# --- reading the ledgers ---------------------------------------------------------------------------------------------


def read_client(lines: Iterable[Mapping[str, Any]]) -> tuple[list[Order], list[Inbound]]:
    """Reads the client's ledger: messages with their last reply (null: none was read), faxes sent to us."""
    orders: dict[tuple[str, str], Order] = {}
    inbound: list[Inbound] = []
    for line in lines:
        if "inbound" in line:
            inbound.append(Inbound(line["inbound"], line["sha256"], tuple(line["addresses"])))
            continue
        reply = line["reply"] or ""
        for address in line["rcpts"]:
            known = orders.get((line["msg"], address), Order(line["msg"], address, promised=False))
            orders[line["msg"], address] = Order(
                line["msg"], address, known.promised or reply.startswith("250"), reply.startswith("5")
            )
    return list(orders.values()), inbound


def read_provider(lines: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[Fax]:
    """Reads the provider's ledger of accepted faxes and what it says now about each of them."""
    known = {fax["id"]: fax for fax in now}
    faxes = []
    for line in lines:
        state = known.get(line["id"], {})
        labels = tuple(line["labels"].values())
        status, ended = state.get("status", "IN_PROGRESS"), state.get("completedTime", "")
        faxes.append(Fax(line["id"], line["to"], labels, line["time"], status, ended))
    return faxes


def read_mailbox(directory: Path) -> list[Mail]:
    """Reads the mails about faxes out of a mailbox; alerts to the operator are none of its business."""
    mails = []
    for line in read_lines(directory / "ledger.jsonl"):
        found = _read_mail(directory / line["file"])
        mails += [Mail(to, line["message_id"], **found) for to in line["to"] if found]
    return mails


@lru_cache(maxsize=100_000)
def _read_mail(path: Path) -> dict[str, Any]:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if "X-FaxGateway-Fax" in message:
        pages = b"".join(part.get_content() for part in message.iter_attachments())
        digest = hashlib.sha256(pages).hexdigest()
        return {"told": Told.FAX, "fax": message["X-FaxGateway-Fax"], "sha256": digest}
    if "X-FaxGateway-Job" not in message:
        return {}
    found = {"fax": message["X-FaxGateway-Job"], "answers": message["In-Reply-To"] or ""}
    if message.get_content_type() == "multipart/report":
        return found | _read_report(message)
    follow_up = "An earlier mail" in message.get_content()
    return found | {"told": Told.FOLLOW_UP if follow_up else Told.SUCCESS}


def _read_report(message: EmailMessage) -> dict[str, Any]:
    """Reads the fields of RFC 3464 2.3 about the one recipient of a report."""
    status = next(part for part in message.walk() if part.get_content_type() == "message/delivery-status")
    blocks = status.get_payload()
    assert isinstance(blocks, list)
    fields = blocks[1]
    assert isinstance(fields, Message)
    told = Told.SUCCESS if fields["Action"] == "delivered" else Told.FAILURE
    if told is Told.FAILURE and fields["Status"] == _UNKNOWN_STATUS:
        told = Told.UNKNOWN
    return {"told": told, "recipient": str(fields["Final-Recipient"]).partition(";")[2].strip()}


def read_lines(path: Path) -> list[Any]:
    """Reads a file of JSON lines; one that is just being written is left for the next time."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def judge_ledgers(client: Path, provider: Path, now: Sequence[Mapping[str, Any]], mailbox: Path) -> Verdict:
    """Reads all ledgers and judges them."""
    orders, inbound = read_client(read_lines(client))
    return judge(orders, read_provider(read_lines(provider), now), inbound, read_mailbox(mailbox))


def main(arguments: Sequence[str]) -> int:
    """Judges the ledgers named on the command line; 0 if every promise was kept."""
    client, provider, now, mailbox = map(Path, arguments)
    verdict = judge_ledgers(client, provider, json.loads(now.read_text(encoding="utf-8")), mailbox)
    sys.stdout.write(f"{verdict}\n")
    return 1 if verdict.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
