"""What a running gateway takes over from a changed configuration, and what it names as waiting for a restart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config import Config, load_config
from gateway.reloading import Reloaded, take_over

TEXT = """
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"
state_directory = "/var/lib/faxgw"
database_url = "postgresql://faxgw:one@db.example/faxgw"

[smtp]
listen = ["127.0.0.1:2525"]
max_connections = 10

[[senders]]
address = "@clinic.example"
caller_id = "+12025550100"
header_text = "Clinic +1 202-555-0100"

[providers.sinch]
kind = "sinch"
project_id = "p-1"
key_id = "k-1"
key_secret = "s3cret"
services = ["01JC8MKEXAMPLE"]
webhook_password = "pw-4711"
webhook_path_secret = "Zk3xPq7LmN0sTuVw"

[web]
listen = "127.0.0.1:8025"
public_url = "https://fax.clinic.example/fax"

[health]
listen = "127.0.0.1:8026"

[smarthost]
host = "mail.clinic.example"

[received]
fallback = "frontdesk@clinic.example"

[[account_rules]]
number = "+44"
accounts = ["sinch"]

[[routes]]
number = "+12025550100"
addresses = ["frontdesk@clinic.example"]

[log]
level = "info"
"""


def configured(folder: Path, text: str = TEXT) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load_config(path)


def changed(folder: Path, former: str, now: str) -> tuple[Config, Config, Reloaded]:
    """Reloads with one change; answers the former configuration, the one used now and what was told."""
    assert len(re.findall(re.escape(former), TEXT)) == 1
    running = configured(folder)
    taken, told = take_over(running, configured(folder, TEXT.replace(former, now)))
    return running, taken, told


@pytest.mark.parametrize(
    ("former", "now", "key"),
    [
        ('"/var/lib/faxgw"', '"/srv/faxgw"', "[gateway] state_directory"),
        ("faxgw:one@", "faxgw:two@", "[gateway] database_url"),
        ("127.0.0.1:2525", "127.0.0.1:2526", "[smtp] listen"),
        ("127.0.0.1:8025", "127.0.0.1:9025", "[web] listen"),
        ("127.0.0.1:8026", "127.0.0.1:9026", "[health] listen"),
        ("https://fax.clinic.example/fax", "https://fax.clinic.example/other", "[web] public_url"),
    ],
)
def test_what_is_opened_once_stays_as_it_is_and_is_named(tmp_path: Path, former: str, now: str, key: str) -> None:
    running, taken, told = changed(tmp_path, former, now)
    assert told == Reloaded(changed=(), restart_needed=(key,))
    assert taken == running


@pytest.mark.parametrize(
    ("former", "now", "section"),
    [
        ("operator@clinic", "boss@clinic", "[gateway]"),
        ("max_connections = 10", "max_connections = 20", "[smtp]"),
        ('"@clinic.example"', '"@lab.example"', "[[senders]]"),
        ("s3cret", "another", "[providers]"),
        ("https://fax.clinic.example/fax", "https://gw.clinic.example/fax", "[web]"),
        ("mail.clinic.example", "smtp.clinic.example", "[smarthost]"),
        ('fallback = "frontdesk@', 'fallback = "desk@', "[received]"),
        ('addresses = ["frontdesk@', 'addresses = ["lab@', "[[routes]]"),
        ('"+44"', '"+49"', "[[account_rules]]"),
        ('level = "info"', 'level = "debug"', "[log]"),
    ],
)
def test_everything_else_is_taken_over(tmp_path: Path, former: str, now: str, section: str) -> None:
    running, taken, told = changed(tmp_path, former, now)
    assert told == Reloaded(changed=(section,), restart_needed=())
    assert taken != running
    assert taken == configured(tmp_path, TEXT.replace(former, now))


def test_beside_a_key_that_has_to_wait_its_section_is_taken_over(tmp_path: Path) -> None:
    running = configured(tmp_path)
    text = TEXT.replace("127.0.0.1:2525", "127.0.0.1:2526").replace("max_connections = 10", "max_connections = 20")
    taken, told = take_over(running, configured(tmp_path, text))
    assert (taken.smtp.max_connections, taken.smtp.listen) == (20, running.smtp.listen)
    assert told == Reloaded(changed=("[smtp]",), restart_needed=("[smtp] listen",))


def test_nothing_changed_is_nothing_to_tell(tmp_path: Path) -> None:
    running = configured(tmp_path)
    assert take_over(running, configured(tmp_path)) == (running, Reloaded((), ()))
