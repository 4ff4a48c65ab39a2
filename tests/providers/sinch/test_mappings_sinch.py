"""Sinch keeps mappings: the contract, and each rule of their e-mail and service endpoints (sinch-fax-v3 5 and 6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from fake_services import SECOND_SERVICE, SERVICE
from faulty_server import Received
from hypothesis import given
from hypothesis import strategies as st
from mapping_contract import ADDRESS, BOTH, FIRST, RECEIVE, SECOND, SEND, THIRD, WEBHOOK, MappingContract, Table
from sinch_world import SinchWorld

from gateway.core.model import Permission, Setting
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.providers import base
from gateway.providers.sinch.mappings import merged, read_email, read_pair, write_numbers
from gateway.providers.sinch.service_settings import compare, wanted_settings


class SinchTable(Table):
    """The table of the contract, at the fake Sinch."""

    def __init__(self, world: SinchWorld) -> None:
        self.server = world.server
        self.provider = world.provider
        self.services = (SERVICE, SECOND_SERVICE)
        self.at(SERVICE).numbers = [{"phoneNumber": FIRST}, {"phoneNumber": SECOND, "suspended": False}]
        self.at(SECOND_SERVICE).numbers = [{"phoneNumber": THIRD}]

    def at(self, service: str) -> Any:
        return self.server.services.services[service]

    async def has(self, service: str, address: str, numbers: dict[str, Permission]) -> None:
        self.at(service).emails[address] = write_numbers(numbers)

    async def suspends(self, service: str, number: str) -> None:
        for each in self.at(service).numbers:
            each["suspended"] = each["phoneNumber"] == number

    async def shows(self, service: str) -> dict[str, dict[str, Permission]]:
        return {
            address: {pair["number"]: Permission(pair["permissions"]) for pair in pairs}
            for address, pairs in self.at(service).emails.items()
        }

    def will_answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.server.order(self.server.answers(status, body, headers), "/v3/")

    def will_lose_all_answers(self) -> None:
        for _ in range(10):
            self.server.order(self.server.drops_the_answer, "/v3/")

    def will_be_well(self) -> None:
        self.server._faults.clear()

    def lists(self, *entries: Any) -> None:
        """The first service has one address, whose list of numbers is exactly this."""
        self.at(SERVICE).emails = {ADDRESS: list(entries)}

    async def reads(self) -> dict[tuple[str, str], Permission]:
        """What our provider reads of the first service."""
        [first, _] = await self.provider.read_services(WEBHOOK)
        return {(mapping.address, mapping.number): mapping.permission for mapping in first.mappings}

    def changes(self) -> list[Received]:
        """The requests that change something, oldest first."""
        return [each for each in self.server.received if each.method != "GET" and "/v3/" in each.path]


@pytest.fixture
def table(world: SinchWorld) -> SinchTable:
    return SinchTable(world)


class TestMappingsAtSinch(MappingContract):
    """All of `MappingContract`; the table is the one above."""


async def test_it_has_the_abilities(world: SinchWorld) -> None:
    keeps: base.KeepsMappings = world.provider
    tries: base.TestsItself = world.provider
    assert isinstance(keeps, base.KeepsMappings)
    assert isinstance(tries, base.TestsItself)


# --- what requests look like ---


async def test_changes_are_written_exactly(table: SinchTable) -> None:
    provider, address = table.provider, "in+take@clinic.example"
    await provider.add_address(SERVICE, address, {FIRST: BOTH})
    await provider.set_numbers(SERVICE, address, {SECOND: SEND, FIRST: RECEIVE})
    await provider.set_numbers(SERVICE, address, {})
    await provider.remove_address(SERVICE, address)
    root = f"/v3/projects/{table.server.project}/services/{SERVICE}/emails"
    assert [(each.method, each.raw_path, each.body) for each in table.changes()] == [
        (
            "POST",
            root,
            b'{"email":"in+take@clinic.example","phoneNumbers":[{"number":"+12025550100","permissions":"both"}]}',
        ),
        (
            "PUT",
            f"{root}/in%2Btake%40clinic.example",
            b'{"phoneNumbers":[{"number":"+12025550101","permissions":"send"},{"number":"+12025550100","permissions":"receive"}]}',
        ),
        ("PUT", f"{root}/in%2Btake%40clinic.example", b'{"phoneNumbers":[]}'),
        ("DELETE", f"{root}/in%2Btake%40clinic.example", b""),
    ]
    types = {each.headers.get("Content-Type") for each in table.changes()[:3]}
    assert types == {"application/json"}


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a+b@x.example", "a%2Bb%40x.example"),
        ("a/b@x.example", "a%2Fb%40x.example"),
        ("a%2Fb@x.example", "a%252Fb%40x.example"),
        ("a?b#c@x.example", "a%3Fb%23c%40x.example"),
        ("b\u00fcro@x.example", "b%C3%BCro%40x.example"),
    ],
)
async def test_an_address_is_encoded_in_a_path(table: SinchTable, address: str, written: str) -> None:
    await table.provider.remove_address(SERVICE, address)
    await table.provider.read_address(SERVICE, address)
    assert table.changes()[-1].raw_path.endswith(f"/emails/{written}")
    assert table.server.received[-1].raw_path.endswith(f"/emails/{written}/numbers")


async def test_lists_are_asked_for_in_the_largest_pages(table: SinchTable) -> None:
    await table.provider.read_services(WEBHOOK)
    await table.provider.read_address(SERVICE, ADDRESS)
    lists = [each.raw_query for each in table.server.received if each.path.endswith(("/emails", "/numbers"))]
    assert lists == ["page=1&pageSize=1000"] * 5


async def test_a_repeated_put_is_whole(table: SinchTable) -> None:
    """The HTTP library may repeat a PUT whose answer was lost: with an empty body it would take all numbers away."""
    await table.has(SERVICE, ADDRESS, {FIRST: BOTH})
    table.server.order(table.server.drops_the_answer, "/v3/")
    await table.provider.set_numbers(SERVICE, ADDRESS, {SECOND: SEND})
    bodies = [each.body for each in table.changes()]
    assert bodies == [b'{"phoneNumbers":[{"number":"+12025550101","permissions":"send"}]}'] * 2


# --- what answers look like ---


@pytest.mark.parametrize(
    "entry",
    [
        FIRST,
        {"number": FIRST},
        {"phoneNumber": FIRST},
        {"faxNumber": FIRST},
        {"number": FIRST, "permissions": "both"},
        {"number": FIRST, "permissions": "BOTH"},
        {"number": FIRST, "permissions": None},
        {"number": FIRST, "permissions": ""},
        {"number": "12025550100"},
        {"number": " 12025550100"},
        {"number": "0012025550100"},
        {"number": "+1 (202) 555-0100", "note": "front desk"},
    ],
)
async def test_every_form_of_an_entry_is_read(table: SinchTable, entry: object) -> None:
    table.lists(entry)
    assert await table.reads() == {(ADDRESS, FIRST): BOTH}
    assert await table.provider.read_address(SERVICE, ADDRESS) == {FIRST: BOTH}


@pytest.mark.parametrize(
    "entry", [None, 5, [], {}, "", {"number": "none"}, {"number": None}, {"number": FIRST, "permissions": "admin"}]
)
async def test_an_entry_that_cannot_be_read_is_not_passed_over(table: SinchTable, entry: object) -> None:
    """What we did not read we would take away with the next PUT."""
    table.lists({"number": SECOND}, entry)
    with pytest.raises(TemporaryError):
        await table.reads()
    with pytest.raises(TemporaryError):
        await table.provider.read_address(SERVICE, ADDRESS)


async def test_a_number_that_is_listed_twice_has_both_permissions(table: SinchTable) -> None:
    twice = [{"number": FIRST, "permissions": "send"}, {"number": FIRST, "permissions": "receive"}]
    table.lists(*twice, {"number": SECOND, "permissions": "send"}, {"number": SECOND, "permissions": "send"})
    assert await table.reads() == {(ADDRESS, FIRST): BOTH, (ADDRESS, SECOND): SEND}
    assert await table.provider.read_address(SERVICE, ADDRESS) == {FIRST: BOTH, SECOND: SEND}


async def test_an_address_that_lists_no_numbers_has_none(table: SinchTable) -> None:
    for listed in ([], None):
        table.at(SERVICE).emails = {ADDRESS: listed}
        assert await table.reads() == {}
    table.lists()
    assert await table.provider.read_address(SERVICE, ADDRESS) == {}


async def test_numbers_of_a_service_may_be_texts_and_suspended_in_words(table: SinchTable) -> None:
    table.at(SERVICE).numbers = [FIRST, {"number": SECOND, "suspended": "true"}, {"phoneNumber": THIRD}]
    [first, _] = await table.provider.read_services(WEBHOOK)
    assert (first.numbers, first.suspended) == ({FIRST, SECOND, THIRD}, {SECOND})


async def test_a_service_has_its_name(table: SinchTable) -> None:
    table.at(SECOND_SERVICE).settings = {}
    first, second = await table.provider.read_services(WEBHOOK)
    assert (first.name, second.name) == ("Default service", "")


@given(
    st.dictionaries(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(list(Permission)), max_size=5)
)
def test_what_is_written_is_read_back(numbers: dict[str, Permission]) -> None:
    entry = {"email": ADDRESS, "phoneNumbers": write_numbers(numbers)}
    assert read_email(entry) == (ADDRESS, numbers)
    assert merged(pair for each in write_numbers(numbers) if (pair := read_pair(each))) == numbers


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["email", "phoneNumbers", "number", "phoneNumber", "permissions"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(_JSON)
def test_anything_else_is_read_or_refused_and_never_fails(entry: object) -> None:
    for found in (read_email(entry), read_pair(entry)):
        assert found is None or isinstance(found[0], str)


# --- pages ---


async def test_pages_that_shift_while_they_are_read_give_each_entry_once(table: SinchTable) -> None:
    table.server.services.page_size = 2
    addresses = [f"{name}@clinic.example" for name in "abcde"]
    for address in addresses:
        await table.has(SERVICE, address, {FIRST: SEND})
    emails = table.at(SERVICE).emails

    def comes_first() -> None:
        table.at(SERVICE).emails = {"new@clinic.example": emails[addresses[0]], **emails}

    table.server.services.between_pages.append(comes_first)
    assert list(await table.reads()) == [(address, FIRST) for address in addresses]
    assert table.server.services.between_pages == []


async def test_a_list_that_becomes_shorter_while_it_is_read_is_not_taken_for_whole(table: SinchTable) -> None:
    table.server.services.page_size = 2
    for name in "abcde":
        await table.has(SERVICE, f"{name}@clinic.example", {FIRST: SEND})
    table.server.services.between_pages.append(lambda: table.at(SERVICE).emails.pop("a@clinic.example"))
    with pytest.raises(TemporaryError):
        await table.reads()
    assert len(await table.reads()) == 4


async def test_the_page_may_be_called_page_number_or_not_be_named_at_all(table: SinchTable) -> None:
    table.server.services.page_size = 2
    for name in "abcde":
        await table.has(SERVICE, f"{name}@clinic.example", {FIRST: SEND})

    def renamed(body: dict[str, Any]) -> None:
        body |= {"pageNumber": str(body.pop("page")), "totalPages": str(body["totalPages"])}

    def unnamed(body: dict[str, Any]) -> None:
        del body["page"], body["totalItems"]

    for change in (renamed, unnamed):
        table.server.services.lists = change
        assert len(await table.reads()) == 5


async def test_a_list_that_counts_no_pages_ends_with_one_that_is_not_full(table: SinchTable) -> None:
    for count in range(1005):
        await table.has(SERVICE, f"desk-{count}@clinic.example", {FIRST: SEND})
    table.server.services.lists = lambda body: body.pop("totalPages")
    assert len(await table.reads()) == 1005


async def test_a_list_that_does_not_advance_is_not_taken_for_its_end(table: SinchTable) -> None:
    await table.has(SERVICE, ADDRESS, {FIRST: SEND})
    table.server.services.lists = lambda body: body.update(totalPages=9)
    with pytest.raises(TemporaryError):
        await table.reads()
    with pytest.raises(TemporaryError):
        await table.provider.read_address(SERVICE, ADDRESS)


async def test_all_numbers_of_an_address_are_read(table: SinchTable) -> None:
    numbers = {f"+1202555{count:04d}": SEND for count in range(1001)}
    await table.has(SERVICE, ADDRESS, numbers)
    assert await table.provider.read_address(SERVICE, ADDRESS) == numbers


async def test_an_address_that_goes_while_its_numbers_are_read_is_gone(table: SinchTable) -> None:
    table.server.services.page_size = 1
    await table.has(SERVICE, ADDRESS, {FIRST: SEND, SECOND: SEND})
    table.server.services.between_pages.append(table.at(SERVICE).emails.clear)
    assert await table.provider.read_address(SERVICE, ADDRESS) is None


@pytest.mark.parametrize("rubbish", [b"", b"[]", b"{}", b"<html>login</html>", b'{"emails": {}}', b'{"emails": [1]}'])
async def test_what_is_no_list_is_no_empty_list(table: SinchTable, rubbish: bytes) -> None:
    table.server.order(table.server.answers(200, rubbish), "/emails")
    with pytest.raises(TemporaryError):
        await table.reads()


@pytest.mark.parametrize(
    "part", [f"{service}{what}" for service in (SERVICE, SECOND_SERVICE) for what in ("", "/numbers", "/emails")]
)
async def test_half_a_table_is_never_answered(table: SinchTable, part: str) -> None:
    for status, error in ((500, TemporaryError), (404, AccountError)):
        table.server.order(table.server.answers(status), part)
        with pytest.raises(error):
            await table.provider.read_services(WEBHOOK)


async def test_a_service_that_is_not_the_one_asked_for_is_not_read(table: SinchTable) -> None:
    for body in (b"[]", b"{}", b'{"id": "01KB0000000000000000SERV99"}'):
        table.will_answer(200, body)
        with pytest.raises(TemporaryError):
            await table.provider.read_services(WEBHOOK)


# --- what refusals mean ---


@pytest.mark.parametrize("status", [400, 409, 412, 422])
async def test_a_refused_post_may_mean_that_the_address_exists(table: SinchTable, status: int) -> None:
    table.will_answer(status, b'{"message": "intake is taken"}')
    with pytest.raises(base.MappingConflictError, match=f"HTTP {status} .*intake is taken"):
        await table.provider.add_address(SERVICE, ADDRESS, {FIRST: SEND})


@pytest.mark.parametrize("status", [404, 409, 412])
async def test_a_put_to_nothing_or_to_something_else_is_a_conflict(table: SinchTable, status: int) -> None:
    table.will_answer(status, b"gone or changed")
    with pytest.raises(base.MappingConflictError, match=f"HTTP {status}: gone or changed"):
        await table.provider.set_numbers(SERVICE, ADDRESS, {FIRST: SEND})


@pytest.mark.parametrize("status", [409, 423])
async def test_a_refused_delete_is_not_taken_for_done(table: SinchTable, status: int) -> None:
    table.will_answer(status, b"busy")
    with pytest.raises(TemporaryError if status == 409 else PermanentError):
        await table.provider.remove_address(SERVICE, ADDRESS)


@pytest.mark.parametrize(
    ("verb", "status"), [("POST", 405), ("POST", 413), ("PUT", 400), ("PUT", 422), ("DELETE", 400), ("PATCH", 422)]
)
async def test_any_other_refusal_is_final_and_its_words_are_kept(table: SinchTable, verb: str, status: int) -> None:
    provider = table.provider
    table.will_answer(status, b'{"error": "No", "message": "+12025550100 is suspended"}')
    with pytest.raises(PermanentError) as caught:
        await {
            "POST": lambda: provider.add_address(SERVICE, ADDRESS, {FIRST: SEND}),
            "PUT": lambda: provider.set_numbers(SERVICE, ADDRESS, {FIRST: SEND}),
            "DELETE": lambda: provider.remove_address(SERVICE, ADDRESS),
            "PATCH": lambda: provider.change_settings(SERVICE, ["webhookContentType"], WEBHOOK),
        }[verb]()
    assert caught.value.detail == f"HTTP {status} No: +12025550100 is suspended"


async def test_a_service_that_is_gone_is_trouble_with_the_account(table: SinchTable) -> None:
    del table.server.services.services[SERVICE]
    with pytest.raises(AccountError) as caught:
        await table.provider.read_services(WEBHOOK)
    assert caught.value.reason is Reason.PROVIDER_AUTH
    assert SERVICE in caught.value.detail
    for change in (
        lambda: table.provider.add_address(SERVICE, ADDRESS, {FIRST: SEND}),
        lambda: table.provider.change_settings(SERVICE, ["webhookContentType"], WEBHOOK),
    ):
        table.will_answer(404, b"no such service")
        with pytest.raises(AccountError) as caught:
            await change()
        assert caught.value.detail == "HTTP 404: no such service"


async def test_an_address_without_numbers_never_leaves(table: SinchTable) -> None:
    with pytest.raises(PermanentError):
        await table.provider.add_address(SERVICE, ADDRESS, {})
    assert table.server.received == []


# --- settings ---

OURS = "https://hook:new-one@fax.clinic.example/webhooks/main/path-s3cret"
SHOWN = "https://***:***@fax.clinic.example/webhooks/main/***"


async def settings(table: SinchTable, provider: base.KeepsMappings | None = None) -> dict[str, Setting]:
    [first, _] = await (provider or table.provider).read_services(WEBHOOK)
    return {setting.name: setting for setting in first.settings}


async def test_a_service_that_nobody_has_set_up_needs_our_url_only(table: SinchTable) -> None:
    for unset in ({}, {"incomingWebhookUrl": "", "webhookContentType": ""}, {"incomingWebhookUrl": None}):
        table.at(SERVICE).settings = dict(unset)
        found = await settings(table)
        url, encoding = found.values()
        assert list(found) == ["incomingWebhookUrl", "webhookContentType"]
        assert (url.found, url.wanted, url.agrees, url.untouched) == ("not set", SHOWN, False, True)
        assert (encoding.found, encoding.agrees, encoding.untouched) == ("multipart/form-data", True, True)


@pytest.mark.parametrize(
    "masked",
    [
        "https://***:***@fax.clinic.example/webhooks/main/path-s3cret",
        "https://***@fax.clinic.example/webhooks/main/path-s3cret",
        "https://***:***fax.clinic.example/webhooks/main/path-s3cret",
        "https://hook:***@fax.clinic.example/webhooks/main/path-s3cret",
        "https://%2A%2A%2A:%2A%2A%2A@fax.clinic.example/webhooks/main/path-s3cret",
        "https://***:***@***:***@fax.clinic.example/webhooks/main/path-s3cret",
        "https://[***]:***@fax.clinic.example:443/webhooks/main/path-s3cret",
        "HTTPS://***:***@Fax.Clinic.Example/webhooks/main/path-s3cret",
    ],
)
async def test_our_url_is_recognised_behind_any_mask(table: SinchTable, masked: str) -> None:
    table.at(SERVICE).settings = {"incomingWebhookUrl": masked}
    url = (await settings(table))["incomingWebhookUrl"]
    assert (url.agrees, url.untouched, url.found) == (True, False, SHOWN)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        (
            "https://***:***@hooks.other.example/fax?token=abc",
            "https://***:***@hooks.other.example/fax?***",
        ),
        ("http://hooks.other.example:8080/a/b", "http://hooks.other.example:8080/a/b"),
        (
            "https://***:***@fax.clinic.example/webhooks/main/old-s3cret",
            "https://***:***@fax.clinic.example/webhooks/main/*** (another secret)",
        ),
        (
            "https://***:***@old.clinic.example/webhooks/main/path-s3cret",
            "https://***:***@old.clinic.example/webhooks/main/***",
        ),
        (
            "https://***:***@old.clinic.example/webhooks/main/old-s3cret",
            "https://***:***@old.clinic.example/webhooks/main/*** (another secret)",
        ),
        (
            "https://***:***@fax.clinic.example/webhooks/other/0ther-s3cret",
            "https://***:***@fax.clinic.example/webhooks/other/***",
        ),
        (
            "http://***:***@fax.clinic.example/webhooks/main/path-s3cret",
            "http://***:***@fax.clinic.example/webhooks/main/***",
        ),
        (
            "https://***:***@fax.clinic.example:8443/webhooks/main/path-s3cret",
            "https://***:***@fax.clinic.example:8443/webhooks/main/***",
        ),
        (
            "https://***:***@fax.clinic.example/webhooks/main/path-s3cret?x=1",
            "https://***:***@fax.clinic.example/webhooks/main/***?***",
        ),
        # Without credentials each event is refused: somebody has forgotten them.
        (
            "https://fax.clinic.example/webhooks/main/path-s3cret",
            "https://fax.clinic.example/webhooks/main/***",
        ),
        ("fax.clinic.example/webhooks/main/path-s3cret", "not a URL"),
        ("https://***fax.clinic.example.attacker.example/x", "https://***:***@fax.clinic.example.attacker.example/x"),
        ("https://***:***@/webhooks/main/path-s3cret", "not a URL"),
        ("https://", "not a URL"),
    ],
)
async def test_another_url_does_not_agree_and_can_be_recognised(table: SinchTable, foreign: str, shown: str) -> None:
    table.at(SERVICE).settings = {"incomingWebhookUrl": foreign}
    url = (await settings(table))["incomingWebhookUrl"]
    assert (url.agrees, url.untouched, url.found, url.wanted) == (False, False, shown, SHOWN)


async def test_storage_is_judged_only_if_the_configuration_says_something(world: SinchWorld, table: SinchTable) -> None:
    keeps_nothing = world.build(save_received=False, save_sent=True)
    for there, agrees, untouched in ((None, False, True), (True, False, True), (False, True, False)):
        table.at(SERVICE).settings = {"saveInboundFaxDocuments": there}
        found = await settings(table, keeps_nothing)
        received = found["saveInboundFaxDocuments"]
        assert (received.agrees, received.untouched, received.wanted) == (agrees, untouched, "false")
        assert found["saveOutboundFaxDocuments"].agrees
        assert "saveInboundFaxDocuments" not in await settings(table)


async def test_only_the_named_settings_are_written_each_with_its_whole_value(
    world: SinchWorld, table: SinchTable
) -> None:
    provider = world.build(save_received=False, save_sent=True)
    table.at(SERVICE).settings = {"incomingWebhookUrl": "https://***:***@elsewhere.example/x", "numberOfRetries": 3}
    await settings(table, provider)
    await provider.change_settings(SERVICE, ["incomingWebhookUrl"], WEBHOOK)
    await provider.change_settings(SERVICE, {"saveInboundFaxDocuments": None, "webhookContentType": None}, WEBHOOK)
    assert [(each.method, json.loads(each.body)) for each in table.changes()] == [
        ("PATCH", {"incomingWebhookUrl": OURS}),
        ("PATCH", {"saveInboundFaxDocuments": False, "webhookContentType": "multipart/form-data"}),
    ]
    assert "***" not in str([each.body for each in table.changes()])


async def test_a_fingerprint_follows_the_credentials_that_nobody_can_see(world: SinchWorld, table: SinchTable) -> None:
    before = (await settings(table))["incomingWebhookUrl"]
    after = (await settings(table, world.build(webhook_password="newest")))["incomingWebhookUrl"]
    assert before.fingerprint == hashlib.sha256(f'["incomingWebhookUrl","{OURS}"]'.encode()).hexdigest()
    assert before.fingerprint != after.fingerprint
    assert before.wanted == after.wanted


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_url_that_can_be_set_makes_reading_fail_or_shows_our_secret(before: str, after: str) -> None:
    for url in (before, f"https://{before}@fax.clinic.example/webhooks/main/path-s3cret{after}", f"{before}://{after}"):
        [shown, _] = compare({"incomingWebhookUrl": url}, wanted_settings(OURS, save_received=None, save_sent=None))
        assert "path-s3cret" not in shown.found


@pytest.mark.parametrize(
    "address", ["no-at-sign", "ana\0@clinic.example", "a@" + "b" * 400, "two\nlines@clinic.example"]
)
def test_what_is_no_address_makes_the_table_unread_and_is_not_stored(address: str) -> None:
    assert read_email({"email": address, "phoneNumbers": ["+12025550100"]}) is None


def test_what_is_too_long_for_a_number_makes_the_table_unread() -> None:
    assert read_email({"email": "ana@clinic.example", "phoneNumbers": ["+1" + "2" * 30]}) is None
