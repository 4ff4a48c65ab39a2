"""The Received header that we prepend to each message (RFC 5321 4.4)."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime


def received_header(*, helo: str, peer: str, hostname: str, protocol: str, message_id: str, now: datetime) -> bytes:
    """Writes one Received header with its line ends.

    There is no ``for`` clause: it would show one recipient to the others.

    Args:
        helo: the name that the client gave, already checked to be a name.
        peer: the client's IP address.
        hostname: ours.
        protocol: ``SMTP`` or ``ESMTP`` (RFC 3848).
        message_id: our id of the message.
        now: time of reception, with its zone.
    """
    literal = f"IPv6:{peer}" if ":" in peer else peer
    return (
        f"Received: from {helo} ([{literal}])\r\n"
        f"  by {hostname} with {protocol} id {message_id};\r\n"
        f"  {format_datetime(now)}\r\n"
    ).encode("ascii")
