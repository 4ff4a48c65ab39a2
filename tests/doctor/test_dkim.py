"""A published key is judged as a verifier would take it (RFC 6376 3.6.1, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.doctor.dkim import judge_key, read_tags
from gateway.doctor.findings import Grade

NAME = "s1._domainkey.clinic.example"


def rsa_key(bits: int, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


ED25519 = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
).decode()
RSA_2048 = rsa_key(2048)


def grade(text: str) -> Grade:
    return judge_key(NAME, [text]).grade


@pytest.mark.parametrize(
    "text",
    [
        f"v=DKIM1; k=rsa; p={RSA_2048}",
        f"p={RSA_2048}",
        f"v=DKIM1; h=sha256 ; s=email; p={RSA_2048[:40]} {RSA_2048[40:]};",
        f"v=DKIM1; p={rsa_key(2048, PublicFormat.PKCS1)}",
        f"v=DKIM1; k=ed25519; p={ED25519}",
    ],
    ids=map(str, count()),  # the keys are other ones in each process
)
def test_a_good_key_is_all_right_in_every_form_that_is_published(text: str) -> None:
    assert grade(text) is Grade.OK


def test_a_short_key_is_a_warning_and_one_that_receivers_ignore_is_wrong() -> None:
    assert grade(f"v=DKIM1; p={rsa_key(1024)}") is Grade.WARNING
    numbers = b"\x02\x41\x00" + b"\xff" * 64 + b"\x02\x03\x01\x00\x01"
    finding = judge_key(NAME, [f"v=DKIM1; p={base64.b64encode(b'0' + bytes([len(numbers)]) + numbers).decode()}"])
    assert finding.grade is Grade.WRONG
    assert "only 512 bits" in finding.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v=DKIM1; k=rsa; p=", "revoked"),
        ("v=DKIM1; k=rsa", "no DKIM key"),
        (f"v=DKIM2; p={RSA_2048}", "no DKIM key"),
        ("google-site-verification=1; hello", "no DKIM key"),
        (f"v=DKIM1; p={RSA_2048}; p={RSA_2048}", "no DKIM key"),
        (f"v=DKIM1; p={RSA_2048[:-40]}", "damaged"),
        (f"v=DKIM1; p=%{RSA_2048[1:]}", "damaged"),
        (f"v=DKIM1; k=ed25519; p={RSA_2048}", "damaged"),
        (f"v=DKIM1; k=dsa; p={RSA_2048}", "damaged"),
        (f"v=DKIM1; k=rsa; p={ED25519}", "damaged"),
    ],
    ids=map(str, count()),  # the keys are other ones in each process
)
def test_what_no_verifier_can_use_is_wrong_and_why(text: str, words: str) -> None:
    finding = judge_key(NAME, [text])
    assert finding.grade is Grade.WRONG
    assert words in finding.what


def test_two_records_at_one_name_are_wrong() -> None:
    assert judge_key(NAME, [f"p={RSA_2048}"] * 2).grade is Grade.WRONG


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange_for_a_key(key: bytes) -> None:
    judge_key(NAME, [f"p={base64.b64encode(key).decode()}"])


@given(st.text())
def test_no_text_is_too_strange_for_a_record(text: str) -> None:
    judge_key(NAME, [text])
    read_tags(text)
