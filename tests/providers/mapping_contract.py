"""What every provider that keeps mappings must keep. Its tests inherit `MappingContract` and bring a `Table`."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from gateway.core.model import Mapping, Permission
from gateway.core.reasons import AccountError, PermanentError, Reason, TemporaryError
from gateway.providers.base import KeepsMappings, MappingConflictError

SEND, RECEIVE, BOTH = Permission.SEND, Permission.RECEIVE, Permission.BOTH
FIRST, SECOND, THIRD = "+12025550100", "+12025550101", "+12025550102"
ADDRESS = "Intake@Clinic.example"
WEBHOOK = "https://fax.clinic.example/webhooks/main/path-s3cret"

#: What people write before the at sign; all of it has to survive the way into a path.
ODD_ADDRESSES = [
    "a+b@clinic.example",
    "o'hara@clinic.example",
    "in/take@clinic.example",
    "50%25@clinic.example",
    "a?b=c&d#e@clinic.example",
    "..@clinic.example",
    '"fax room"@clinic.example',
    "büro@klinik.example",
    "受付@病院.example",
]


class Table(ABC):
    """The provider's side: a table of addresses in two services. ``provider`` is ours."""

    provider: KeepsMappings
    #: The ids of two services; the first one has FIRST and SECOND, the second one THIRD.
    services: tuple[str, str]

    @abstractmethod
    async def has(self, service: str, address: str, numbers: dict[str, Permission]) -> None:
        """Somebody has put this address there."""

    @abstractmethod
    async def suspends(self, service: str, number: str) -> None:
        """Somebody has suspended a number."""

    @abstractmethod
    async def shows(self, service: str) -> dict[str, dict[str, Permission]]:
        """Everything that is there."""

    @abstractmethod
    def will_answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """The next request is not done but answered so."""

    @abstractmethod
    def will_lose_all_answers(self) -> None:
        """Until told otherwise, each request is done and its answer lost."""

    @abstractmethod
    def will_be_well(self) -> None:
        """Nothing goes wrong any more."""


Change = Callable[[Table], Awaitable[None]]


async def add(table: Table) -> None:
    await table.provider.add_address(table.services[0], "new@clinic.example", {FIRST: SEND, SECOND: RECEIVE})


async def replace(table: Table) -> None:
    await table.provider.set_numbers(table.services[0], ADDRESS, {SECOND: SEND})


async def remove(table: Table) -> None:
    await table.provider.remove_address(table.services[0], ADDRESS)


async def settle(table: Table) -> None:
    [first, _] = await table.provider.read_services(WEBHOOK)
    await table.provider.change_settings(first.id, [setting.name for setting in first.settings], WEBHOOK)


async def read_all(table: Table) -> None:
    await table.provider.read_services(WEBHOOK)


async def read_one(table: Table) -> None:
    await table.provider.read_address(table.services[0], ADDRESS)


each_change = pytest.mark.parametrize("change", [add, replace, remove])
each_request = pytest.mark.parametrize("request_of", [add, replace, remove, read_one, read_all])


class MappingContract:
    """Inherit, and define the fixture `table`."""

    # --- reading ---

    async def test_every_service_is_read_whole(self, table: Table) -> None:
        one, two = table.services
        await table.has(one, ADDRESS, {FIRST: BOTH, SECOND: RECEIVE})
        await table.has(two, ADDRESS, {THIRD: SEND})
        await table.suspends(one, SECOND)
        first, second = await table.provider.read_services(WEBHOOK)
        assert (first.id, second.id) == table.services
        assert (first.numbers, second.numbers) == ({FIRST, SECOND}, {THIRD})
        assert (first.suspended, second.suspended) == ({SECOND}, set())
        assert set(first.mappings) == {Mapping(one, ADDRESS, FIRST, BOTH), Mapping(one, ADDRESS, SECOND, RECEIVE)}
        assert second.mappings == (Mapping(two, ADDRESS, THIRD, SEND),)

    async def test_a_table_of_many_pages_is_read_to_its_end(self, table: Table) -> None:
        expected = {f"desk-{count}@clinic.example" for count in range(1005)}
        for address in sorted(expected):
            await table.has(table.services[0], address, {FIRST: RECEIVE})
        [first, _] = await table.provider.read_services(WEBHOOK)
        assert {mapping.address for mapping in first.mappings} == expected
        assert len(first.mappings) == len(expected)

    async def test_one_address_is_read_as_it_is_now(self, table: Table) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        assert await table.provider.read_address(table.services[0], ADDRESS) == {FIRST: BOTH}
        await table.has(table.services[0], ADDRESS, {FIRST: SEND, SECOND: RECEIVE})
        assert await table.provider.read_address(table.services[0], ADDRESS) == {FIRST: SEND, SECOND: RECEIVE}

    async def test_no_address_and_an_address_without_numbers_are_told_apart(self, table: Table) -> None:
        one, two = table.services
        await table.has(one, ADDRESS, {FIRST: BOTH})
        await table.provider.set_numbers(one, ADDRESS, {})
        assert await table.provider.read_address(one, ADDRESS) in ({}, None)
        assert (await table.provider.read_services(WEBHOOK))[0].mappings == ()
        assert await table.provider.read_address(two, ADDRESS) is None

    # --- changes ---

    async def test_an_address_is_made_with_all_its_numbers(self, table: Table) -> None:
        await add(table)
        assert await table.shows(table.services[0]) == {"new@clinic.example": {FIRST: SEND, SECOND: RECEIVE}}
        assert await table.shows(table.services[1]) == {}

    async def test_setting_numbers_replaces_them_and_touches_nobody_else(self, table: Table) -> None:
        for service in table.services:
            number = THIRD if service == table.services[1] else FIRST
            await table.has(service, ADDRESS, {number: BOTH})
            await table.has(service, "other@clinic.example", {number: SEND})
        await replace(table)
        assert await table.shows(table.services[0]) == {
            ADDRESS: {SECOND: SEND},
            "other@clinic.example": {FIRST: SEND},
        }
        assert await table.shows(table.services[1]) == {ADDRESS: {THIRD: BOTH}, "other@clinic.example": {THIRD: SEND}}

    async def test_removing_is_done_when_the_address_is_gone_whoever_did_it(self, table: Table) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        await table.has(table.services[0], "other@clinic.example", {FIRST: SEND})
        for _ in range(2):
            await remove(table)
            assert await table.shows(table.services[0]) == {"other@clinic.example": {FIRST: SEND}}

    async def test_numbers_of_an_unknown_address_are_a_conflict(self, table: Table) -> None:
        with pytest.raises(MappingConflictError):
            await replace(table)
        assert await table.shows(table.services[0]) == {}

    async def test_an_address_without_numbers_is_not_made(self, table: Table) -> None:
        with pytest.raises(PermanentError):
            await table.provider.add_address(table.services[0], ADDRESS, {})
        assert await table.shows(table.services[0]) == {}

    @pytest.mark.parametrize("address", ODD_ADDRESSES)
    async def test_any_address_can_be_made_read_changed_and_removed(self, table: Table, address: str) -> None:
        provider, service = table.provider, table.services[0]
        await provider.add_address(service, address, {FIRST: SEND})
        assert await provider.read_address(service, address) == {FIRST: SEND}
        await provider.set_numbers(service, address, {SECOND: BOTH})
        [first, _] = await provider.read_services(WEBHOOK)
        assert first.mappings == (Mapping(service, address, SECOND, BOTH),)
        await provider.remove_address(service, address)
        assert await table.shows(service) == {}

    @each_change
    async def test_a_change_may_be_repeated(self, table: Table, change: Change) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        await change(table)
        after = await table.shows(table.services[0])
        with contextlib.suppress(MappingConflictError):
            await change(table)
        assert await table.shows(table.services[0]) == after

    @each_change
    async def test_when_an_answer_is_lost_reading_again_tells(self, table: Table, change: Change) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        before = await table.shows(table.services[0])
        table.will_lose_all_answers()
        with pytest.raises(TemporaryError):
            await change(table)
        table.will_be_well()
        after = await table.shows(table.services[0])
        assert after != before
        [first, _] = await table.provider.read_services(WEBHOOK)
        assert {(each.address, each.number): each.permission for each in first.mappings} == {
            (address, number): permission
            for address, numbers in after.items()
            for number, permission in numbers.items()
        }

    # --- settings ---

    async def test_settings_once_changed_agree_and_show_no_secret(self, table: Table) -> None:
        before = await table.provider.read_services(WEBHOOK)
        await settle(table)
        first, second = await table.provider.read_services(WEBHOOK)
        assert [setting.agrees for setting in first.settings] == [True] * len(first.settings)
        assert second == before[1]
        for setting in (*before[0].settings, *first.settings):
            assert "s3cret" not in setting.found + setting.wanted

    async def test_a_fingerprint_tells_what_was_set(self, table: Table) -> None:
        [first, _] = await table.provider.read_services(WEBHOOK)
        [other, _] = await table.provider.read_services(f"{WEBHOOK}-2")
        prints = {setting.name: setting.fingerprint for setting in first.settings}
        assert len(set(prints.values())) == len(prints)
        assert prints != {setting.name: setting.fingerprint for setting in other.settings}
        assert all(len(each) == 64 for each in prints.values())

    # --- failures ---

    @each_request
    @pytest.mark.parametrize(
        ("status", "reason"),
        [(401, Reason.PROVIDER_AUTH), (402, Reason.OUT_OF_CREDIT), (403, Reason.PROVIDER_AUTH)],
    )
    async def test_trouble_with_the_account_is_named(
        self, table: Table, request_of: Change, status: int, reason: Reason
    ) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        table.will_answer(status)
        with pytest.raises(AccountError) as caught:
            await request_of(table)
        assert caught.value.reason is reason

    @each_request
    @pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503, 504])
    async def test_passing_trouble_is_temporary_and_its_wish_is_kept(
        self, table: Table, request_of: Change, status: int
    ) -> None:
        await table.has(table.services[0], ADDRESS, {FIRST: BOTH})
        before = await table.shows(table.services[0])
        table.will_answer(status, headers={"Retry-After": "7"})
        with pytest.raises(TemporaryError) as caught:
            await request_of(table)
        assert not isinstance(caught.value, AccountError)
        assert caught.value.retry_after == timedelta(seconds=7)
        assert await table.shows(table.services[0]) == before
