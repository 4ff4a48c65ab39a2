"""The refusal of one SMTP command: reply code, enhanced status, one sentence for the sender."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """Says that a command is refused, and how the client is told (RFC 5321 4.2, RFC 3463).

    ``code`` and ``status`` agree in their first digit; ``text`` is one line of printable ASCII.
    """

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(f"{code} {status} {text}")
        self.code = code
        self.status = status
        self.text = text

    @property
    def reply(self) -> str:
        """Gives the reply line without its line end: ``550 5.7.1 text``."""
        return str(self)
