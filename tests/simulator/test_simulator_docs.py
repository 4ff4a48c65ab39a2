"""docs/simulator.md names everything there is, and nothing there is not."""

import re
from pathlib import Path

import pytest
import typer

from gateway.cli import app
from gateway.simulator import InterfaxSimulator, SinchSimulator, interfax, interfax_faults
from gateway.simulator.control import INBOUND_FIELDS, control_routes
from gateway.simulator.faults import COMMON_FIELDS, FieldRules
from gateway.simulator.interfax_control import credit_route, polls_route
from gateway.simulator.mailbox import REFUSALS
from gateway.simulator.sinch import FAULTS, KEY_ID, KEY_SECRET, NUMBERS, PROJECT
from gateway.simulator.sinch_numbers import number_route

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def table(heading: str) -> set[str]:
    """The first words in backticks of each row below a heading."""
    section = TEXT.split(f"| {heading} | ")[1].split("\n\n")[0]
    return {word for row in section.splitlines()[2:] for word in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.mark.parametrize(("service", "known"), [("Sinch", FAULTS), ("InterFAX", interfax_faults.FAULTS)])
def test_every_fault_is_described(service: str, known: dict[str, FieldRules]) -> None:
    assert table("Fault") | table(f"{service} fault") == set(known)
    assert table("Fault").isdisjoint(table(f"{service} fault"))
    faults, fields = re.split(r"### Faults", TEXT)[1].split("For callback faults")
    assert set(re.findall(r"^\| `(\w+)`", faults, re.MULTILINE)) == COMMON_FIELDS - {"fault"}
    for extra in set().union(*known.values()):
        assert f"`{extra}`" in fields


def test_every_control_endpoint_is_described() -> None:
    simulator = SinchSimulator()
    own = [number_route(simulator.place_numbers)]
    other = InterfaxSimulator()
    own += [credit_route(other.set_balance), polls_route(other.polls)]
    for route in [*control_routes(simulator), *own]:
        assert f"`{route.method} {route.path}`" in TEXT


def test_every_field_of_an_injection_is_described() -> None:
    section = TEXT.split("`POST /_control/inbound`")[1].split("`POST /_control/faults`")[0]
    assert set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)))) == INBOUND_FIELDS


def test_the_defaults_are_those_of_the_program() -> None:
    for word in (PROJECT, KEY_ID, KEY_SECRET, *NUMBERS, *(f"{fate}@" for fate in REFUSALS)):
        assert word in TEXT
    for word in (interfax.USERNAME, interfax.PASSWORD, *interfax.NUMBERS):
        assert word in TEXT


def test_every_option_is_described() -> None:
    simulators = typer.main.get_command(app).commands["simulate"].commands
    for name, command in simulators.items():
        chapter = TEXT.split(f"## `faxgw simulate {name}`")[1].split("\n## ")[0]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        told = {option for option in options if re.search(rf"[` ]{option}[` ]", chapter)}
        assert options - told <= {"--help", "-h", "--storage"}, name
