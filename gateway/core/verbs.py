"""What a command may hear when it asks the gateway to do something: how far it is, and why it was not done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

#: Hears how many of how many pieces of work are done.
Progress = Callable[[int, int], None]


class Trouble(StrEnum):
    """Why a verb was not done, as programs are told."""

    USAGE = "usage"  # no such verb, or its arguments are wrong
    REFUSED = "refused"  # understood and declined; nothing was changed
    CONFIG = "config"  # the configuration cannot be used
    NO_DAEMON = "no-daemon"  # only a running gateway can do it
    PERMISSION = "permission"  # not for this user
    TEMPORARY = "temporary"  # not now: worth trying again
    DISK = "disk"  # the store cannot be written
    BUG = "bug"  # an unexpected error of ours


class VerbError(Exception):
    """A verb that was not done. Its text is one sentence for people.

    Args:
        trouble: the kind of it.
        text: what is wrong and what to do.
        problems: everything that is wrong, one line each, where there is more to say.
    """

    def __init__(self, trouble: Trouble, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.problems = tuple(problems)
