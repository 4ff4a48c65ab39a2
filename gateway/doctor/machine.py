"""The machine and what is installed on it: looked at even if the configuration is broken."""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import Final

from pysqlite3 import dbapi2 as sqlite

from gateway import __version__
from gateway.core.reasons import DiskError
from gateway.doctor.findings import Findings, listed, ok, skipped, warning, wrong
from gateway.doctor.installation import Machine
from gateway.store.database import check_sqlite_version

_PACKAGE: Final = "faxgw"
#: The first one that hands over credentials and knows every line of our unit.
_OLDEST_SYSTEMD: Final = 247
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?([^;]*)")
_BOUND: Final = re.compile(r"(>=|<|==)([0-9.]+)")


async def versions(at: Machine) -> Findings:  # noqa: ARG001 - as every check
    """Program, interpreter and libraries fit together."""
    yield ok(f"faxgw {__version__} with Python {platform.python_version()} and SQLite {sqlite.sqlite_version}")
    try:
        check_sqlite_version(sqlite.sqlite_version_info)
    except DiskError as error:
        yield wrong(str(error), "Install what requirements.txt names, as the README says.")
    installed = {each.metadata["Name"]: each.version for each in metadata.distributions()}
    if unmet := list(unmet_requirements(_requirements(), installed)):
        yield wrong(f"packages do not fit: {listed(unmet)}", "Install what requirements.txt names, as the README says.")


def _requirements() -> Sequence[str]:
    """Reads what we need; nothing where the program runs without having been installed."""
    try:
        return metadata.requires(_PACKAGE) or ()
    except metadata.PackageNotFoundError:
        return ()


def unmet_requirements(requirements: Sequence[str], installed: Mapping[str, str]) -> Iterator[str]:
    """Says which of our own requirements are not met, each in a few words.

    Args:
        requirements: as our metadata has them (PEP 508), bounds of the kinds that pyproject.toml uses; those of
            extras are left out.
        installed: name and version of every package.
    """
    found = {_normal(name): version for name, version in installed.items()}
    for requirement in requirements:
        parts = _REQUIREMENT.match(requirement)
        if parts is None or "extra ==" in requirement:
            continue
        version = found.get(_normal(parts[1]))
        if version is None:
            yield f"{parts[1]} is missing"
        elif not all(_holds(version, *bound) for bound in _BOUND.findall(parts[2])):
            yield f"{parts[1]} is {version} instead of {parts[2]}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _holds(version: str, relation: str, bound: str) -> bool:
    there, limit = _numbers(version), _numbers(bound)
    length = max(len(there), len(limit))
    there, limit = there + [0] * (length - len(there)), limit + [0] * (length - len(limit))
    return {">=": there >= limit, "<": there < limit, "==": there == limit}[relation]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"[0-9]+", version.partition("+")[0])]


async def systemd(at: Machine) -> Findings:  # noqa: ARG001 - as every check
    """The service manager knows what our unit asks of it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("systemctl", "--version"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        yield skipped("there is no systemd on this machine")
        return
    said, _ = await process.communicate()
    found = re.match(rb"systemd (\d+)", said)
    version = int(found[1]) if found else 0
    if version < _OLDEST_SYSTEMD:
        what = f"systemd {version or 'of an unknown version'} is older than {_OLDEST_SYSTEMD}"
        yield warning(what, "It hands over no credentials; name secret files by their whole path.")
    else:
        yield ok(f"systemd {version}")


async def time_sync(at: Machine) -> Findings:
    """Somebody keeps the clock."""
    if at.clock_is_kept():
        yield ok("the kernel says that its clock is synchronised")
    else:
        advice = "Let chrony or systemd-timesyncd keep it: timedatectl set-ntp true."
        yield warning("nobody keeps the clock of this machine", advice)


CHECKS: Final[tuple[Callable[[Machine], Findings], ...]] = (versions, systemd, time_sync)
