"""Reads a published DKIM key, and says whether receivers can use it (RFC 6376 3.6.1, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from gateway.doctor.findings import Finding, ok, warning, wrong

_ED25519_BYTES: Final = 32
#: Below the first receivers ignore a key, below the second they may some day (RFC 8301 3.2).
_LEAST_BITS: Final = 1024
_GOOD_BITS: Final = 2048
_INTEGER, _BIT_STRING, _SEQUENCE = 0x02, 0x03, 0x30


def judge_key(name: str, texts: Sequence[str]) -> Finding:
    """Judges what is published under a selector.

    Args:
        name: where it is published.
        texts: the TXT records there, at least one.
    """
    if len(texts) > 1:
        return wrong(f"{name} has {len(texts)} records: receivers may take the wrong one", "Leave one of them there.")
    tags = read_tags(texts[0])
    if tags is None or tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return wrong(f"what is published at {name} is no DKIM key", "Publish it again as the smarthost gives it.")
    if not tags["p"]:
        return wrong(f"the key at {name} is revoked (p= is empty)", "Publish the key that the smarthost signs with.")
    bits = _strength(tags["p"], tags.get("k", "rsa"))
    if bits is None:
        return wrong(f"the key at {name} is damaged", "Publish it again as the smarthost gives it, in one piece.")
    if bits < _LEAST_BITS:
        return wrong(f"the key at {name} has only {bits} bits: receivers ignore it", f"Make one of {_GOOD_BITS} bits.")
    if bits < _GOOD_BITS:
        return warning(f"the key at {name} has only {bits} bits", "Make a longer one at the next change of keys.")
    return ok(f"the smarthost's key is published at {name}")


def read_tags(text: str) -> dict[str, str] | None:
    """Reads ``name=value; ...`` (RFC 6376 3.2), blanks taken out of values; None if it is no such list."""
    tags: dict[str, str] = {}
    for tag in text.strip().removesuffix(";").split(";"):
        name, equals, value = tag.partition("=")
        if not equals or name.strip() in tags:
            return None
        tags[name.strip()] = "".join(value.split())
    return tags


def _strength(text: str, kind: str) -> int | None:
    """Tells how many bits an RSA key has, or one of Ed25519 is worth; None if it is no key."""
    try:
        key = base64.b64decode(text, validate=True)
        if kind == "rsa":
            return _modulus(key).bit_length()
    except (binascii.Error, ValueError):
        return None
    return _GOOD_BITS if kind == "ed25519" and len(key) == _ED25519_BYTES else None


def _modulus(key: bytes) -> int:
    """Finds the modulus in a SubjectPublicKeyInfo, or in a bare RSAPublicKey, which some publish (RFC 8017 A.1.1)."""
    inside = _content_of(_SEQUENCE, key)
    tag, _, after_algorithm = _read_der(inside)
    if tag == _SEQUENCE:
        inside = _content_of(_SEQUENCE, _content_of(_BIT_STRING, after_algorithm)[1:])
    return int.from_bytes(_content_of(_INTEGER, inside))


def _content_of(tag: int, der: bytes) -> bytes:
    found, content, _ = _read_der(der)
    if found != tag:
        raise ValueError("another type")
    return content


def _read_der(der: bytes) -> tuple[int, bytes, bytes]:
    """Reads one value (X.690 8.1): its tag, its content, what follows it; raises ValueError if it is not whole."""
    if len(der) < 2:  # noqa: PLR2004 - a tag and a length
        raise ValueError("too short")
    start, length = 2, der[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if len(der) < start + length:
        raise ValueError("too short")
    return der[0], der[start : start + length], der[start + length :]
