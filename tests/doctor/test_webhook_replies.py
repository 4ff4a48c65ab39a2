"""From one answer the doctor tells who gave it: our webhooks, or a proxy that needs mending, and how."""

from __future__ import annotations

import pytest

from gateway.doctor.findings import Finding, Grade
from gateway.doctor.http_client import Reply
from gateway.doctor.web import judge_reply, judge_silence

OURS = {"WWW-Authenticate": 'Basic realm="webhooks"', "Server": "nginx"}


def judged(status: int, body: bytes = b"", *, is_open: bool = False, **headers: str) -> Finding:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge_reply("https://fax.clinic.example/…", Reply(status, named, body), "127.0.0.1:8025", is_open=is_open)


def test_our_own_refusal_is_known_behind_any_proxy() -> None:
    assert judge_reply("x", Reply(401, OURS, b""), "127.0.0.1:8025", is_open=False).grade is Grade.OK


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (401, {"WWW_Authenticate": 'Basic realm="intranet"'}, "asks for a password"),
        (301, {"Location": "https://elsewhere.example/x"}, "redirects to https://elsewhere.example,"),
        (307, {"Location": "https://user:letmein@elsewhere.example/x"}, "redirects to https://elsewhere.example,"),
        (308, {"Location": "/other"}, "redirects to another path"),
        (502, {}, "does not reach faxgw"),
        (503, {}, "does not reach faxgw"),
        (504, {}, "does not reach faxgw"),
        (404, {}, "is not found"),
        (405, {}, "lets no POST through"),
        (200, {}, "says yes"),
        (204, {}, "says yes"),
        (400, {}, "HTTP 400"),
        (403, {}, "HTTP 403"),
        (500, {}, "HTTP 500"),
    ],
)
def test_any_other_answer_is_wrong_and_says_why(status: int, headers: dict[str, str], words: str) -> None:
    finding = judged(status, b"<html>", **headers)
    assert finding.grade is Grade.WRONG
    assert words in finding.what
    assert finding.advice


@pytest.mark.parametrize("status", [400, 200])
def test_webhooks_without_credentials_take_no_empty_event(status: int) -> None:
    assert judged(status, is_open=True).grade is Grade.OK
    assert judged(status, b"<html>", is_open=True).grade is Grade.WRONG


def test_silence_is_surely_wrong_only_at_an_address_of_this_machine() -> None:
    assert judge_silence("https://fax.clinic.example", ["127.0.0.1"]).grade is Grade.WRONG
    elsewhere = judge_silence("https://fax.clinic.example", ["203.0.113.7", "2001:db8::7"])
    assert elsewhere.grade is Grade.WARNING
    assert "from outside" in elsewhere.advice
