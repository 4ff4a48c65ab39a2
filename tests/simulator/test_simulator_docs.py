"""docs/simulator.md names everything there is, and nothing there is not."""

import re
from pathlib import Path

from gateway.simulator import SinchSimulator
from gateway.simulator.control import INBOUND_FIELDS, control_routes
from gateway.simulator.faults import COMMON_FIELDS
from gateway.simulator.mailbox import REFUSALS
from gateway.simulator.sinch import FAULTS, KEY_ID, KEY_SECRET, NUMBERS, PROJECT

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def table(heading: str) -> set[str]:
    """The first words in backticks of each row below a heading."""
    section = TEXT.split(f"| {heading} | ")[1].split("\n\n")[0]
    return {word for row in section.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_fault_is_described() -> None:
    assert table("Fault") == set(FAULTS)
    faults, fields = re.split(r"### Faults", TEXT)[1].split("For callback faults")
    assert set(re.findall(r"^\| `(\w+)`", faults, re.MULTILINE)) == COMMON_FIELDS - {"fault"}
    for extra in set().union(*FAULTS.values()):
        assert f"`{extra}`" in fields


def test_every_control_endpoint_is_described() -> None:
    for route in control_routes(SinchSimulator()):
        assert f"`{route.method} {route.path}`" in TEXT


def test_every_field_of_an_injection_is_described() -> None:
    section = TEXT.split("`POST /_control/inbound`")[1].split("`POST /_control/faults`")[0]
    assert set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))) == INBOUND_FIELDS


def test_the_defaults_are_those_of_the_program() -> None:
    for word in (PROJECT, KEY_ID, KEY_SECRET, *NUMBERS, *(f"{fate}@" for fate in REFUSALS)):
        assert word in TEXT
