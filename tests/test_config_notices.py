"""What a configuration may say but its author should know is told, with its line, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import find_notices, load_config

TEXT = """\
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"

[[senders]]
address = "ana@clinic.example"
caller_id = "+12025550199"
header_text = "Example Clinic +1 202-555-0199"

[[senders]]
address = "ben@clinic.example"
caller_id = "+12025550199"
header_text = "Example Clinic +1 202-555-0199"

[providers.sinch]
kind = "sinch"
project_id = "p-1"
key_id = "k-1"
key_secret = "s3cret"
services = ["01JC8MKEXAMPLE"]
webhook_password = "pw-4711"
webhook_path_secret = "Zk3xPq7LmN0sTuVw"

[web]
public_url = "https://fax.clinic.example"

[smarthost]
host = "mail.clinic.example"

[received]
fallback = "frontdesk@clinic.example"

[[routes]]
number = "+12025550199"
addresses = ["ana@clinic.example", "ben@clinic.example"]

[canary]
"""
UNWATCHED = '; nobody looks whether the provider knows that: mode of [mappings] is "off"'
OFF = '[mappings]\nmode = "off"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def notices(path: Path, text: str) -> list[str]:
    path.write_text(text)
    return [str(notice).removeprefix(f"{path}:") for notice in find_notices(load_config(path))]


def test_of_a_plain_configuration_there_is_nothing_to_know(path: Path) -> None:
    assert notices(path, TEXT) == []


def test_a_number_that_both_deliver_is_told_with_who_gets_two_mails(path: Path) -> None:
    text = TEXT.replace("[canary]", 'delivered_by = "both"\n')
    notice, unwatched = notices(path, text), notices(path, text + OFF)
    assert len(notice) == 1
    assert notice[0].startswith("37: routes[0].delivered_by: each fax to +12025550199 is mailed twice")
    assert "to ana@clinic.example, ben@clinic.example" in notice[0]
    assert unwatched == [notice[0] + UNWATCHED]


def test_a_number_that_the_provider_delivers_alone_is_as_it_should_be(path: Path) -> None:
    assert notices(path, TEXT.replace("[canary]", 'delivered_by = "provider"\n')) == []


def test_a_sender_whom_the_provider_accepts_too_is_told(path: Path) -> None:
    text = TEXT.replace('address = "ben@clinic.example"', 'address = "ben@clinic.example"\naccepted_by = "both"')
    what = "the provider's own e-mail service takes mail from ben@clinic.example past every rule of this file"
    assert notices(path, text) == [f"12: senders[1].accepted_by: {what}"]
    assert notices(path, text + OFF) == [f"12: senders[1].accepted_by: {what}{UNWATCHED}"]


def test_a_number_that_is_shown_but_has_no_route_is_told_once(path: Path) -> None:
    text = TEXT.replace('number = "+12025550199"', 'number = "+12025550100"')
    what = "+12025550199 has no route: what is faxed to it goes to frontdesk@clinic.example"
    assert notices(path, text) == [f"7: senders[0].caller_id: {what}"]


def test_a_nightly_fax_to_a_number_without_route_is_told(path: Path) -> None:
    text = TEXT + 'own_fax_from = "+12025550199"\nown_fax_to = "+12025550100"\n'
    what = "+12025550100 has no route: what is faxed to it goes to frontdesk@clinic.example"
    assert notices(path, text) == [f"39: canary.own_fax_to: {what}"]
