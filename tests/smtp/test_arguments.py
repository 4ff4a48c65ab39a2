"""Paths and parameters are taken by the grammar of RFC 5321 and RFC 3461, and kept exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.refusal import Refusal
from gateway.smtp.arguments import MailArguments, RcptArguments, decode_xtext, parse_mail, parse_rcpt


def test_mail_keeps_its_parameters_as_given() -> None:
    mail = parse_mail("FROM:<A.b+c@x.example> size=12 Ret=Hdrs ENVID=aB+3D+20c BODY=8bitmime", max_size=100)
    assert mail == MailArguments("A.b+c@x.example", 12, "Hdrs", "aB+3D+20c")
    assert mail.envid is not None
    assert decode_xtext(mail.envid) == "aB= c"


def test_rcpt_keeps_its_parameters_as_given() -> None:
    rcpt = parse_rcpt("to: <FAX=+1@x.example> notify=Failure,DELAY ORCPT=rfc822;FAX+3D+2B1@x.example")
    assert rcpt == RcptArguments("FAX=+1@x.example", "Failure,DELAY", "rfc822;FAX+3D+2B1@x.example")


def test_the_null_sender_is_an_empty_address() -> None:
    assert parse_mail("FROM:<>", max_size=1).address == ""


@pytest.mark.parametrize(
    "path",
    [
        '"a b"@x.example',
        r'"a\"b>"@x.example',
        "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]",
        "a@x",
        "a/b=c@x-y.example",
    ],
)
def test_good_paths(path: str) -> None:
    assert parse_mail(f"FROM:<{path}>", max_size=1).address == path


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "@x.example",
        "a@",
        "a..b@x.example",
        ".a@x.example",
        "a@x..example",
        "a@x.example.",
        "a@-x.example",
        "a@x_y.example",
        "a b@x.example",
        "a@b@x.example",
        "a,b@x.example",
        "a\0@x.example",
        "a\r@x.example",
        "a" * 250 + "@x.example",
    ],
)
def test_bad_paths(path: str) -> None:
    assert refusal_of(lambda: parse_mail(f"FROM:<{path}>", max_size=1)).startswith("553 5.1.7")
    assert refusal_of(lambda: parse_rcpt(f"TO:<{path}>")).startswith("553 5.1.3")


def test_limits_of_envid_and_orcpt() -> None:
    parse_mail(f"FROM:<> ENVID={'x' * 100}", max_size=1)
    assert refusal_of(lambda: parse_mail(f"FROM:<> ENVID={'x' * 101}", max_size=1)).startswith("501 5.5.4")
    parse_rcpt(f"TO:<a@x> ORCPT=rfc822;{'x' * 493}")
    assert refusal_of(lambda: parse_rcpt(f"TO:<a@x> ORCPT=rfc822;{'x' * 494}")).startswith("501 5.5.4")


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_argument_is_read_or_refused(argument: str) -> None:
    for parse in (lambda: parse_mail(argument, max_size=1), lambda: parse_rcpt(argument)):
        reply = refusal_of(parse)
        assert reply == "" or (reply[0] == "5" and reply.isascii() and reply.isprintable())


@given(st.text(st.sampled_from('<>@" =.FAX+a\\:,;TO'), max_size=30))
def test_any_path_is_read_or_refused(text: str) -> None:
    refusal_of(lambda: parse_rcpt(f"TO:<{text}> NOTIFY=NEVER"))


def refusal_of(parse: object) -> str:
    try:
        parse()  # type: ignore[operator]
    except Refusal as refusal:
        return refusal.reply
    return ""
