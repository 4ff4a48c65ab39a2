"""The canary's own mails: the one that goes round through the smarthost, and the message that becomes its own fax."""

from __future__ import annotations

from typing import Final

from gateway.mail.compose import Heading, begin, finish, moment, set_text

_ROUND: Final = """\
This mail is the fax gateway's nightly test of its own mail. It went out through the mail server and is counted by the
gateway itself; nobody needs to read or answer it.
"""
_PAGE: Final = """\
Nightly test of the fax gateway

This page was sent from one of our own numbers to another, to see that faxes go out and come in.
Nobody needs to do anything with it. If it stops coming, the gateway tells its operator.
"""


def compose_round_mail(heading: Heading) -> bytes:
    """Builds the mail that goes to the canary's own address."""
    message = begin(heading, "Fax gateway: nightly test", answering=False)
    set_text(message, _ROUND)
    return finish(message)


def compose_fax_message(heading: Heading) -> bytes:
    """Builds the message that becomes one page, whatever is said about the texts of messages: as an attached text."""
    message = begin(heading, "Nightly test of the fax gateway", answering=False)
    page = f"{_PAGE}\n{moment(heading.date)}\n"
    message.add_attachment(page, subtype="plain", filename="test.txt", cte="7bit")
    return finish(message)
