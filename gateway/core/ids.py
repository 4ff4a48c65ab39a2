"""Short speakable ids: `F-7K3M9QX2` a fax out, `R-` a fax received, `M-` a mail of ours, `E-` an accepted e-mail."""

from __future__ import annotations

from typing import Final

#: Crockford's alphabet: no I, L, O, U, so that an id survives a telephone call.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ENTROPY_BYTES: Final = 5

OUTBOUND, INBOUND, MAIL, MESSAGE = "F", "R", "M", "E"


def make_id(prefix: str, entropy: bytes) -> str:
    """Spells 40 random bits as an id of eight letters and digits after the prefix."""
    number = int.from_bytes(entropy[:ENTROPY_BYTES], "big")
    return f"{prefix}-" + "".join(ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def make_reference(job_id: str, attempt: int) -> str:
    """Names one attempt of a job; the provider gets it as label (letters, digits and `-` only)."""
    return f"{job_id}-{attempt}"
