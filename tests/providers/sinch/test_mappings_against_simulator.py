"""Sinch's mappings against a simulator written from the same reference: the contract, and what only it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from mapping_contract import ADDRESS, BOTH, FIRST, RECEIVE, SECOND, SEND, THIRD, WEBHOOK, MappingContract, Table

from gateway.core.model import Permission, Setting
from gateway.core.reasons import PermanentError
from gateway.providers.base import MappingConflictError
from gateway.providers.sinch import Sinch, SinchSettings
from gateway.simulator.sinch import SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE, EmailRecord


class SimulatedTable(Table):
    """The table of the contract, at the simulator."""

    def __init__(self, simulator: SinchSimulator, url: str) -> None:
        self.simulator = simulator
        self.account = simulator._account
        self.services = (DEFAULT_SERVICE, self.account.add_service({"name": "Clinic"}).id)
        simulator.place_numbers([THIRD], self.services[1])
        settings = SinchSettings(
            project_id=simulator.project,
            key_id=simulator.key_id,
            key_secret=simulator.key_secret,
            services=self.services,
            webhook_user="hook",
            webhook_password="pass",
            save_received=False,
            base_url=url,
            auth_url=url,
            requests_per_second=1000,
        )
        self.provider: Sinch = Sinch("main", settings, lambda: datetime.now(UTC))

    async def has(self, service: str, address: str, numbers: dict[str, Permission]) -> None:
        now = datetime.now(UTC)
        permissions = {number: permission.value for number, permission in numbers.items()}
        self.account.emails[service, address.lower()] = EmailRecord(address, service, permissions, now, now)

    async def suspends(self, service: str, number: str) -> None:
        self.account.numbers[number].suspended = True

    async def shows(self, service: str) -> dict[str, dict[str, Permission]]:
        return {
            record.email: {number: Permission(each) for number, each in record.permissions.items()}
            for record in self.account.emails.values()
            if record.service == service
        }

    def will_answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        wish = {"retry_after": headers["Retry-After"]} if headers else {}
        self.strikes("status", status=status, path="/v3/", times=1, **wish)

    def will_lose_all_answers(self) -> None:
        self.strikes("drop_response", path="/v3/")

    def will_be_well(self) -> None:
        self.simulator.set_faults([])

    def strikes(self, fault: str, **how: Any) -> None:
        """One fault is switched on, and no other."""
        self.simulator.set_faults([{"fault": fault, **how}])


@pytest.fixture
async def table() -> AsyncIterator[SimulatedTable]:
    simulator = SinchSimulator(numbers=[FIRST, SECOND])
    table = SimulatedTable(simulator, await simulator.start())
    yield table
    await table.provider.close()
    await simulator.stop()


class TestMappingsAtTheSimulator(MappingContract):
    """All of `MappingContract`; the table is the one above."""


async def settings(table: SimulatedTable) -> dict[str, Setting]:
    [first, _] = await table.provider.read_services(WEBHOOK)
    return {setting.name: setting for setting in first.settings}


async def test_the_plain_numbers_of_old_are_read_and_objects_written(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {FIRST: RECEIVE, SECOND: BOTH})
    table.strikes("legacy_strings")
    [first, _] = await table.provider.read_services(WEBHOOK)
    assert {mapping.number: mapping.permission for mapping in first.mappings} == {FIRST: BOTH, SECOND: BOTH}
    await table.provider.set_numbers(DEFAULT_SERVICE, ADDRESS, {FIRST: SEND})
    assert await table.shows(DEFAULT_SERVICE) == {ADDRESS: {FIRST: SEND}}


async def test_an_address_without_numbers_is_known(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {})
    assert await table.provider.read_address(DEFAULT_SERVICE, ADDRESS) == {}
    assert await table.provider.read_address(DEFAULT_SERVICE, "nobody@clinic.example") is None


async def test_an_address_that_exists_is_merged_or_a_conflict(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {FIRST: RECEIVE})
    table.strikes("email_conflict")
    with pytest.raises(MappingConflictError, match="exists already"):
        await table.provider.add_address(DEFAULT_SERVICE, ADDRESS, {SECOND: SEND})
    table.will_be_well()
    await table.provider.add_address(DEFAULT_SERVICE, ADDRESS, {SECOND: SEND})
    assert await table.shows(DEFAULT_SERVICE) == {ADDRESS: {FIRST: RECEIVE, SECOND: SEND}}


async def test_a_number_of_another_service_is_refused_in_their_words(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {FIRST: BOTH})
    with pytest.raises(PermanentError) as caught:
        await table.provider.set_numbers(DEFAULT_SERVICE, ADDRESS, {THIRD: BOTH})
    assert f"{THIRD} is not a number of this service" in caught.value.detail
    assert await table.shows(DEFAULT_SERVICE) == {ADDRESS: {FIRST: BOTH}}


async def test_faults_of_one_address_spare_the_others(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {FIRST: BOTH})
    table.strikes("status", status=412, method="PUT", path=f"/services/{DEFAULT_SERVICE}/emails/{ADDRESS}")
    with pytest.raises(MappingConflictError, match="HTTP 412 Precondition failed"):
        await table.provider.set_numbers(DEFAULT_SERVICE, ADDRESS, {})
    await table.provider.add_address(DEFAULT_SERVICE, "other@clinic.example", {FIRST: SEND})


async def test_a_number_that_moved_belongs_to_its_new_service(table: SimulatedTable) -> None:
    await table.has(DEFAULT_SERVICE, ADDRESS, {FIRST: BOTH, SECOND: BOTH})
    table.simulator.place_numbers([SECOND], table.services[1])
    first, second = await table.provider.read_services(WEBHOOK)
    assert (first.numbers, second.numbers) == ({FIRST}, {SECOND, THIRD})
    assert [mapping.number for mapping in first.mappings] == [FIRST]


async def test_settings_arrive_with_credentials_although_they_read_back_masked(table: SimulatedTable) -> None:
    names = [name for name, setting in (await settings(table)).items() if not setting.agrees]
    assert names == ["incomingWebhookUrl", "saveInboundFaxDocuments"]
    await table.provider.change_settings(DEFAULT_SERVICE, names, WEBHOOK)
    stored = table.account.services[DEFAULT_SERVICE].settings
    assert stored["incomingWebhookUrl"] == "https://hook:pass@fax.clinic.example/webhooks/main/path-s3cret"
    assert (stored["saveInboundFaxDocuments"], stored["saveOutboundFaxDocuments"]) == (False, True)
    assert all(setting.agrees for setting in (await settings(table)).values())


async def test_a_masked_url_that_was_written_back_agrees_to_the_eye(table: SimulatedTable) -> None:
    """Why a fingerprint of what we have set is kept: nothing that can be read tells this from our credentials."""
    masked = "https://***:***@fax.clinic.example/webhooks/main/path-s3cret"
    table.account.services[DEFAULT_SERVICE].settings["incomingWebhookUrl"] = masked
    assert (await settings(table))["incomingWebhookUrl"].agrees
