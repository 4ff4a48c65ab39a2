"""Runs the checks of ``faxgw doctor`` on the installation of a configuration, and prints what they find."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from gateway.cli.findings import FindingsPrinter, as_json
from gateway.cli.installation import describe_installation, describe_machine, name_servers
from gateway.cli.output import print_json
from gateway.config import ConfigError, Problem, load_config
from gateway.doctor.checks import OF_INSTALLATION, OF_MACHINE, all_checks
from gateway.doctor.examination import Check, examine, name_of, subject_of
from gateway.doctor.findings import Finding, Findings, Grade, ok, wrong
from gateway.doctor.installation import Installation, Machine

_WRONG: Final = 1
_EX_CONFIG: Final = 78
#: Seconds that one check may take; its own questions are given up sooner.
_DEADLINE: Final = 60.0
_CONFIGURATION: Final = "configuration"


class UnknownCheckError(Exception):
    """There is no check, and no subject, of this name."""


async def examine_installation(path: Path, only: frozenset[str], *, json: bool) -> int:
    """Examines, and prints each finding as soon as it is there, or all of them as JSON.

    Args:
        path: the configuration.
        only: names of checks or subjects; empty for all.
        json: print JSON.

    Returns:
        The exit code.

    Raises:
        UnknownCheckError: a word of ``only`` names nothing.
    """
    _refuse_unknown(only)
    machine = describe_machine()
    installation, problems = _describe(path, machine)
    checks = [check for check in all_checks(machine, installation) if _is_chosen(check, only)]
    if problems or not only or _CONFIGURATION in only:  # a broken configuration is told whatever was asked for
        checks.insert(0, _configuration(path, problems))
    printer = None if json else FindingsPrinter(checks)
    found: list[tuple[Check, list[Finding]]] = []
    try:
        with printer.waiting() if printer else nullcontext():
            async for check, findings in examine(checks, _DEADLINE):
                found.append((check, findings))
                if printer:
                    printer.print(check, findings)
    finally:
        if installation is not None:
            for account in installation.accounts.values():
                await account.provider.close()
    grades = Counter(finding.grade for _, findings in found for finding in findings)
    if printer:
        printer.sum_up(grades)
    else:
        print_json(as_json(found, grades))
    if problems:
        return _EX_CONFIG
    return _WRONG if grades[Grade.WRONG] else 0


def _refuse_unknown(only: frozenset[str]) -> None:
    looks: tuple[Callable[..., Findings], ...] = (*OF_INSTALLATION, *OF_MACHINE)
    names = {_CONFIGURATION, *map(name_of, looks), *map(subject_of, looks)}
    if unknown := sorted(only - names):
        raise UnknownCheckError(f"there is no check {', '.join(unknown)}; there are: {', '.join(sorted(names))}")


def _is_chosen(check: Check, only: frozenset[str]) -> bool:
    return not only or not only.isdisjoint((check.name, check.subject))


def _describe(path: Path, machine: Machine) -> tuple[Installation | None, Sequence[Problem]]:
    """Reads the configuration; gives either what it describes or what is wrong with it."""
    try:
        config = load_config(path)
    except ConfigError as error:
        return None, error.problems
    return describe_installation(config, machine, ssl.create_default_context(), name_servers()), ()


def _configuration(path: Path, problems: Sequence[Problem]) -> Check:
    """Makes the check that tells of the configuration, which was read before all others."""

    async def look() -> Findings:
        for problem in problems:
            yield wrong(str(problem), "")
        if not problems:
            yield ok(f"{path} can be used")

    return Check(_CONFIGURATION, _CONFIGURATION, look)
