"""Who may read and write our files, and whether the service is handed its secrets."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from gateway.doctor.findings import Finding, Findings, first_few, listed, ok, skipped, warning, wrong
from gateway.doctor.installation import Installation
from gateway.doctor.store import AS_WHOM

_UNIT: Final = "faxgw.service"
#: ``LoadCredential=NAME:PATH`` and its sisters (systemd.exec(5)); without a name everything before is taken back.
_CREDENTIAL: Final = re.compile(
    r"^[ \t]*(Load|Set|Import)Credential(?:Encrypted)?[ \t]*=[ \t]*([^:\s]*)(?::(.*))?$", re.MULTILINE
)


async def state_files(at: Installation) -> Findings:
    """Nobody but the service reads pages, and the service can write all of them."""
    if not at.state_directory.exists():
        yield skipped(f"there is no {at.state_directory} yet: the first start makes it")
        return
    try:
        found = await asyncio.to_thread(lambda: list(_judge_state(at.state_directory)))
    except PermissionError:
        yield skipped(f"you may not look into {at.state_directory}", AS_WHOM)
        return
    for finding in first_few(found):
        yield finding
    if not found:
        yield ok(f"everything in {at.state_directory} belongs to {_user(at.state_directory.stat().st_uid)} alone")


def _judge_state(directory: Path) -> Iterator[Finding]:
    owner = directory.stat().st_uid
    for path, about in _everything_in(directory):
        if about.st_uid != owner:
            what = f"{path} belongs to {_user(about.st_uid)}, its directory to {_user(owner)}"
            yield wrong(what, f"The service may be unable to write it: chown -R {_user(owner)}: {directory}")
        if stat.S_ISDIR(about.st_mode):
            yield from _judge_mode(path, about.st_mode)


def _judge_mode(directory: Path, mode: int) -> Iterator[Finding]:
    """Judges a directory: whoever may not enter it reaches nothing in it."""
    if mode & stat.S_IRWXO:
        yield wrong(
            f"{directory} is open to every user of this machine, with the pages in it", f"chmod 700 {directory}"
        )
    elif mode & stat.S_IRWXG:
        yield warning(f"{directory} is open to its group, with the pages in it", f"chmod 700 {directory}")


def _everything_in(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Lists a directory and all that is in it; what a running daemon takes away meanwhile is left out."""
    yield directory, directory.stat()
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            about = path.lstat()
            if stat.S_ISDIR(about.st_mode):
                yield from _everything_in(path)
            else:
                yield path, about


async def config_file(at: Installation) -> Findings:
    """Nobody but the administrator changes the configuration, and nobody reads secrets out of it."""
    found = list(_judge_config(at.config_path, at.secrets.inside))
    for finding in found:
        yield finding
    if not found:
        yield ok(f"only {_user(at.config_path.stat().st_uid)} can change {at.config_path}")


def _judge_config(path: Path, secrets: tuple[str, ...]) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield wrong(f"{path} can be changed by others than its owner", f"chmod go-w {path}")
    if secrets and mode & stat.S_IROTH:
        advice = f"Put them into files of their own ({secrets[0]}_file), or chmod 640 {path}."
        yield wrong(f"{path} holds secrets ({listed(secrets)}), and every user of this machine reads it", advice)


async def secret_files(at: Installation) -> Findings:
    """Each secret is for its owner only."""
    found = list(first_few(_judge_secrets(at.secrets.paths, at.config_path.stat().st_uid)))
    for finding in found:
        yield finding
    if not at.secrets.paths:
        yield skipped("the configuration names no secret files")
    elif not found:
        yield ok(f"secret files: {listed([path.name for path in at.secrets.paths])}")


def _judge_secrets(paths: tuple[Path, ...], administrator: int) -> Iterator[Finding]:
    trusted = {0, administrator, os.geteuid()}
    for path in paths:
        about = path.stat()
        if about.st_uid not in trusted:
            what = f"{path} belongs to {_user(about.st_uid)}, who could exchange it"
            yield wrong(what, f"chown root {path}")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield warning(f"{path} is open to others than its owner", f"chmod 600 {path}")


async def unit(at: Installation) -> Findings:
    """The installed unit hands the service every secret that the configuration names."""
    text = _unit_text(at.machine.unit_directories)
    if text is None:
        yield skipped(f"no {_UNIT} is installed: secrets are read from beside the configuration")
        return
    found = list(_judge_unit(text, at.secrets.named, at.config_path.parent))
    for finding in found:
        yield finding
    if not found and at.secrets.named:
        yield ok(f"{_UNIT} hands over {listed(at.secrets.named)}")
    elif not found:
        yield ok(f"{_UNIT} is installed, and the configuration names no secret by a bare name")


def _judge_unit(text: str, names: tuple[str, ...], config_directory: Path) -> Iterator[Finding]:
    given = _credentials(text)
    for name in names:
        if not any(fnmatch(name, pattern) for pattern in given):
            line = f"LoadCredential={name}:{config_directory}/credentials/{name}"
            advice = f"systemctl edit faxgw, and add under [Service]: {line}"
            yield wrong(f"the unit does not hand over the secret {name}: the service would not start", advice)
    for name, source in given.items():
        if source.startswith("/") and "%" not in source and _is_absent(Path(source)):
            advice = f"Make the file (chmod 600), or take the line LoadCredential={name}:... out of the unit."
            yield wrong(f"the unit hands over {source}, which does not exist: the service would not start", advice)


def _is_absent(path: Path) -> bool:
    """Says that a file is certainly not there; one that we may not look for counts as there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _unit_text(directories: tuple[Path, ...]) -> str | None:
    """Reads the unit as the service manager would: the first one there is, and all that is added to it."""
    unit = next((path for directory in directories if (path := directory / _UNIT).is_file()), None)
    if unit is None:
        return None
    added = {path.name: path for directory in reversed(directories) for path in directory.glob(f"{_UNIT}.d/*.conf")}
    return "\n".join(path.read_text() for path in (unit, *(added[name] for name in sorted(added))))


def _credentials(text: str) -> dict[str, str]:
    """Finds the names (or patterns) of the secrets that a unit hands over, and the file of each that has one."""
    given: dict[str, str] = {}
    for how, name, source in _CREDENTIAL.findall(text):
        if name:
            given[name] = source.strip() if how == "Load" else ""
        else:
            given.clear()
    return given


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (state_files, config_file, secret_files, unit)
