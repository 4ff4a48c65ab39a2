"""What is installed is held against what we need; what a machine does not have is no mistake."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from gateway.cli.installation import describe_machine
from gateway.doctor.findings import Grade
from gateway.doctor.installation import Machine
from gateway.doctor.machine import time_sync, unmet_requirements, versions

HERE = Machine(unit_directories=(Path("/nonexistent"),), clock_is_kept=lambda: True)


async def test_what_the_tests_run_with_fits_together() -> None:
    assert [finding.grade async for finding in versions(HERE)] == [Grade.OK]


@pytest.mark.parametrize(
    ("requirement", "installed"),
    [
        ("aiohttp[speedups]<4,>=3.14", {"aiohttp": "3.14.5"}),
        ("aiohttp[speedups]<4,>=3.14", {"aiohttp": "3.14"}),
        ("aiosmtpd==1.4.6", {"aiosmtpd": "1.4.6"}),
        ("structlog>=26", {"structlog": "26.1.0"}),
        ("Typing_Extensions>=4", {"typing-extensions": "4.0"}),
        ("psycopg[binary]<4,>=3.3; extra == 'postgres'", {}),
    ],
)
def test_a_requirement_that_is_met_is_not_told(requirement: str, installed: dict[str, str]) -> None:
    assert list(unmet_requirements([requirement], installed)) == []


@pytest.mark.parametrize(
    ("requirement", "installed", "told"),
    [
        ("aiohttp[speedups]<4,>=3.14", {"aiohttp": "3.13.9"}, "aiohttp is 3.13.9 instead of <4,>=3.14"),
        ("aiohttp[speedups]<4,>=3.14", {"aiohttp": "4.0"}, "aiohttp is 4.0 instead of <4,>=3.14"),
        ("aiosmtpd==1.4.6", {"aiosmtpd": "1.4.6.1"}, "aiosmtpd is 1.4.6.1 instead of ==1.4.6"),
        ("rich>=15", {}, "rich is missing"),
    ],
)
def test_a_requirement_that_is_not_met_is_told(requirement: str, installed: dict[str, str], told: str) -> None:
    assert list(unmet_requirements([requirement], installed)) == [told]


def test_every_requirement_of_ours_is_of_a_form_that_can_be_read() -> None:
    ours = [each for each in metadata.requires("faxgw") or () if "extra ==" not in each]
    assert len(list(unmet_requirements(ours, {}))) == len(ours)
    assert all(each.endswith("is missing") for each in unmet_requirements(ours, {}))


async def test_the_kernel_is_asked_about_its_clock() -> None:
    (finding,) = [finding async for finding in time_sync(describe_machine())]
    assert finding.grade in (Grade.OK, Grade.WARNING)
