"""What one SMTP client, and all of them together, may take of the gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmtpLimits:
    """Limits of the SMTP side. Times in seconds, sizes in bytes.

    Attributes:
        max_message_size: advertised as SIZE.
        max_connections: in all; more are turned away with 421.
        max_connections_per_client: from one IP address.
        max_recipients: per message (RFC 5321 4.5.3.1.8 asks for 100).
        max_errors: refused commands per connection; not RCPT: one message may have many bad numbers.
        max_commands: commands per connection between two accepted messages.
        command_seconds: for each command to arrive (RFC 5321 4.5.3.2.7 asks for 5 minutes).
        crowded_command_seconds: the same while more than 4 of 5 connections are in use.
        data_idle_seconds: longest silence inside a message.
        data_seconds: for a whole message, plus its size at ``data_rate``.
        data_rate: bytes per second at which a message must come in the long run.
    """

    max_message_size: int = 30 * 1024 * 1024
    max_connections: int = 200
    max_connections_per_client: int = 50
    max_recipients: int = 100
    max_errors: int = 20
    max_commands: int = 1000
    command_seconds: float = 300
    crowded_command_seconds: float = 30
    data_idle_seconds: float = 180
    data_seconds: float = 600
    data_rate: int = 20_000
