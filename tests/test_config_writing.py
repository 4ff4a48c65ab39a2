"""What a provider does already becomes routes and senders that want exactly that; the file stays its owner's."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Config, ConfigError, load_config
from gateway.config.writing import added_wishes, append_to_file, write_what_is_there
from gateway.core.model import Mapping, Permission, ServiceState

BASE = """
[gateway]
domain = "fax.clinic.example"
operator = "operator@clinic.example"

[[senders]]
address = "@clinic.example"
caller_id = "+12025550100"
header_text = "Clinic +1 202-555-0100"
header_time_zone = "Europe/Berlin"

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
"""
SECOND_ACCOUNT = BASE.replace(
    "[web]",
    BASE[BASE.index("[providers.sinch]") : BASE.index("[web]")].replace("providers.sinch", "providers.b") + "[web]",
).replace('header_time_zone = "Europe/Berlin"', 'account = "sinch"')
ONE, TWO = "+12025550100", "+12025550101"
ANA, LAB = "ana@clinic.example", "Lab@Elsewhere.example"
S, R, B = Permission.SEND, Permission.RECEIVE, Permission.BOTH


def configured(folder: Path, text: str = BASE) -> Config:
    path = folder / "config.toml"
    path.write_text(text)
    return load_config(path)


def there(*mappings: tuple[str, str, Permission]) -> dict[str, tuple[ServiceState, ...]]:
    """What was read of one account with one service that has both numbers."""
    found = tuple(Mapping("s-1", address, number, permission) for address, number, permission in mappings)
    return {"sinch": (ServiceState("s-1", "main", frozenset({ONE, TWO}), frozenset(), found, ()),)}


def blocks(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


def with_addition(folder: Path, text: str, accounts: dict[str, tuple[ServiceState, ...]]) -> tuple[Config, Config]:
    """Answers the configuration before and after what is there has been added to it."""
    before = configured(folder, text)
    return before, configured(folder, text + write_what_is_there(before, accounts).text)


# --- what is written ------------------------------------------------------------------------------------------------


def test_who_gets_the_faxes_of_a_number_becomes_one_route_carried_by_the_provider(tmp_path: Path) -> None:
    accounts = there((LAB, TWO, R), (ANA, TWO, R))
    assert blocks(write_what_is_there(configured(tmp_path), accounts).text) == {
        "routes": [{"number": TWO, "addresses": [ANA, LAB], "delivered_by": "provider"}]
    }


def test_a_sender_takes_its_header_from_the_rule_of_its_domain(tmp_path: Path) -> None:
    addition = write_what_is_there(configured(tmp_path), there((ANA, TWO, S)))
    assert addition.remarks == ()
    assert blocks(addition.text)["senders"] == [
        {
            "address": ANA,
            "caller_id": TWO,
            "header_text": "Clinic +1 202-555-0100",
            "header_time_zone": "Europe/Berlin",
            "accepted_by": "both",
        }
    ]


def test_a_sender_without_a_rule_waits_for_a_person_who_knows_its_header(tmp_path: Path) -> None:
    text = write_what_is_there(configured(tmp_path), there((LAB, TWO, S))).text
    assert "# CHANGE" in text
    with pytest.raises(ConfigError, match="header_text.*placeholder"):
        configured(tmp_path, BASE + text)


def test_with_several_accounts_a_sender_names_the_one_of_its_number(tmp_path: Path) -> None:
    accounts = {"b": there((ANA, TWO, S))["sinch"]}
    addition = write_what_is_there(configured(tmp_path, SECOND_ACCOUNT), accounts)
    assert blocks(addition.text)["senders"][0]["account"] == "b"


def test_both_is_a_route_and_a_sender(tmp_path: Path) -> None:
    text = write_what_is_there(configured(tmp_path), there((ANA, ONE, B))).text
    assert set(blocks(text)) == {"routes", "senders"}


ROUTE = f'\n[[routes]]\nnumber = "{ONE}"\naddresses = ["{ANA}"]\n'
SENDER = f'\n[[senders]]\naddress = "{ANA}"\ncaller_id = "{ONE}"\nheader_text = "Ana +1 202-555-0100"\n'


@pytest.mark.parametrize(
    ("known", "mapping", "remark"),
    [
        (ROUTE, (ANA, ONE, R), 'two mails; set delivered_by = "provider"'),
        (ROUTE, (LAB, ONE, R), f"also to {LAB}: add that to its route"),
        (ROUTE + 'delivered_by = "provider"\n', (LAB, ONE, R), f"also to {LAB}: add that to its route"),
        (SENDER, (ANA, ONE, S), 'set accepted_by = "both"'),
        (SENDER, (ANA, TWO, S), "an address has one number here"),
        ("", ("x@fax.clinic.example", ONE, R), "own domain"),
        ("", ("x@fax.clinic.example", ONE, S), "own domain"),
    ],
)
def test_what_no_new_block_can_say_is_told_instead(
    tmp_path: Path, known: str, mapping: tuple[str, str, Permission], remark: str
) -> None:
    addition = write_what_is_there(configured(tmp_path, BASE + known), there(mapping))
    assert addition.text == ""
    assert len(addition.remarks) == 1
    assert remark in addition.remarks[0]


def test_of_several_numbers_a_sender_gets_that_of_its_domain_and_the_others_are_told(tmp_path: Path) -> None:
    addition = write_what_is_there(configured(tmp_path), there((ANA, TWO, S), (ANA, ONE, S)))
    assert blocks(addition.text)["senders"][0]["caller_id"] == ONE
    [remark] = addition.remarks
    assert TWO in remark


def test_what_is_known_already_is_not_written_again(tmp_path: Path) -> None:
    known = ROUTE + 'delivered_by = "both"\n' + SENDER + 'accepted_by = "both"\n'
    assert write_what_is_there(configured(tmp_path, BASE + known), there((ANA, ONE, B))).text == ""


_ADDRESSES = st.sampled_from([ANA, "bo@clinic.example", "o'brien+fax@clinic.example", "frontdesk@clinic.example"])
_NUMBERS = st.sampled_from([ONE, TWO])
_TABLE = st.dictionaries(st.tuples(_ADDRESSES, _NUMBERS), st.sampled_from(Permission), max_size=8)


@settings(max_examples=60, deadline=None)
@given(table=_TABLE, known=st.sampled_from(["", ROUTE, ROUTE + SENDER]))
def test_whatever_is_there_its_import_loads_wants_nothing_new_and_is_complete(
    tmp_path_factory: pytest.TempPathFactory, table: dict[tuple[str, str], Permission], known: str
) -> None:
    folder = tmp_path_factory.mktemp("config")
    accounts = there(*((address, number, permission) for (address, number), permission in table.items()))
    before, after = with_addition(folder, BASE + known, accounts)
    assert added_wishes(before, after, accounts) == []
    assert write_what_is_there(after, accounts).text == ""


def test_a_route_that_nobody_has_at_the_provider_is_a_new_wish(tmp_path: Path) -> None:
    before = configured(tmp_path)
    after = configured(tmp_path, BASE + ROUTE + 'delivered_by = "provider"\n')
    [wish] = added_wishes(before, after, there())
    assert ANA in wish
    assert added_wishes(after, after, there()) == []


# --- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", ""])
def test_what_was_in_the_file_stays_to_the_letter(tmp_path: Path, end: str) -> None:
    path = tmp_path / "config.toml"
    former = BASE + "# a comment of the owner" + end
    path.write_text(former)
    append_to_file(path, ROUTE.lstrip(), lambda _config: None)
    assert path.read_text().startswith(former)
    assert path.read_text().endswith("\n\n" + ROUTE.lstrip())
    assert [route.number for route in load_config(path).routes] == [ONE]


def test_mode_and_owner_stay_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_text(BASE)
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, 0, 65534)
    group = real.stat().st_gid
    link.symlink_to(real)
    append_to_file(link, ROUTE, lambda _config: None)
    assert link.is_symlink()
    assert (real.stat().st_mode & 0o777, real.stat().st_gid) == (0o640, group)
    assert ROUTE in real.read_text()


def test_what_could_not_be_used_leaves_the_file_alone_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BASE + ROUTE)
    with pytest.raises(ConfigError) as refused:
        append_to_file(path, ROUTE, lambda _config: None)
    assert [problem.file for problem in refused.value.problems] == [str(path)]
    assert path.read_text() == BASE + ROUTE
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_proven_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BASE)

    def doubt(_config: Config) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        append_to_file(path, ROUTE, doubt)
    assert path.read_text() == BASE
    assert list(tmp_path.iterdir()) == [path]
