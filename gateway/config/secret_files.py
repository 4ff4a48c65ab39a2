"""Secrets named by the file: ``X = "..."`` or, better, ``X_file = "name"``; never both."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

FILE_SUFFIX: Final = "_file"
_LARGEST: Final = 4096


def secret_directory(config_path: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Says where bare names are: the service manager's credentials, else ``credentials`` beside the file."""
    given = environment.get("CREDENTIALS_DIRECTORY")
    return Path(given) if given else config_path.absolute().parent / "credentials"


def read_secret(name: Any, directory: Path) -> str:
    """Reads the one line of a secret file.

    Args:
        name: an absolute path, or the name of a file in ``directory``.
        directory: where bare names are looked up.

    Raises:
        ValueError: in one sentence, without the content: absent, unreadable, open to everybody, not one line.
    """
    if not isinstance(name, str) or not name or ("/" in name and not name.startswith("/")):
        raise ValueError('expected an absolute path or a bare file name (for example "sinch-key-secret")')
    path = directory / name
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    if mode & stat.S_IRWXO:
        raise ValueError(f"{path} is open to every user of this machine (run: chmod 600 {path})")
    return _one_line(path, content)


def _one_line(path: Path, content: bytes) -> str:
    try:
        secret = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None
    if not secret.strip():
        raise ValueError(f"{path} is empty")
    if len(content) > _LARGEST or not secret.isprintable():
        raise ValueError(f"{path} is not one line of at most {_LARGEST} bytes")
    return secret
