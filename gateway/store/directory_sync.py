"""Makes what was done to the names in a directory durable; those who wait at the same time share one fsync."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path


class DirectorySync:
    """The fsync of one directory, called from many threads.

    One descriptor stays open from the beginning, so that no error passes unseen between two syncs. After the first
    failure none is tried again: the kernel may have dropped what it could not write, and the next one "succeeds".
    """

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._turn = threading.Lock()
        self._begun = 0
        self._failure: OSError | None = None

    def sync(self) -> None:
        """Returns when every rename and removal that the caller has made before is durable.

        Raises:
            OSError: it may not be, nor will be what comes after.
        """
        begun = self._begun
        with self._turn:
            if self._failure is None and self._begun == begun:  # none has begun since: this one is for all who wait
                self._begun += 1
                try:
                    self._fsync()
                except OSError as error:
                    self._failure = error
            if self._failure is not None:
                raise OSError(errno.EIO, f"sync of the directory: {self._failure}") from self._failure

    def _fsync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        """Lets go of the directory."""
        os.close(self._fd)
