"""The verbs that change something or ask a provider: one method each, the same for a daemon and for a lone command.

A new verb is one method here, named in ``VERBS``, and one function in ``cli/``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from gateway.config import ConfigError, load_config
from gateway.core.canary import CanaryLeg
from gateway.core.mappings import Line, Plan, SettingLine, guard, is_meant
from gateway.core.plain import plain
from gateway.core.reasons import DiskError, DiskFullError, GatewayError
from gateway.core.verbs import Progress, Trouble, VerbError
from gateway.parts import Parts
from gateway.reconcile import ManyRemovalsError, PlanChangedError
from gateway.reloading import Reloaded, take_over
from gateway.store.database import StoreBusyError


class Operations:
    """Runs verbs.

    Args:
        parts: gives what is in use now.
        reload: reads the configuration again; None in a lone command, which runs no verb of ``NEED_DAEMON``.
    """

    def __init__(self, parts: Callable[[], Parts], reload: Callable[[], Awaitable[Reloaded]] | None) -> None:
        self._parts = parts
        self._reload = reload
        #: Mappings are looked at and changed by one at a time, whatever a reload exchanges meanwhile.
        self._turn = asyncio.Lock()

    async def run(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Any:
        """Runs one verb; answers plain JSON types.

        Args:
            name: one of ``VERBS``.
            arguments: of its method.
            progress: is told how far it is.

        Raises:
            VerbError: it was not done, or only in part; says why. Anything else is a bug of ours.
        """
        verb = VERBS.get(name)
        if verb is None:
            raise VerbError(Trouble.USAGE, f"there is no verb {name}")
        try:
            inspect.signature(verb).bind(self, progress, **arguments)
        except TypeError as error:
            raise VerbError(Trouble.USAGE, f"{name}: {error}") from None
        try:
            return plain(await verb(self, progress, **arguments))
        except _EXPECTED as error:
            raise _explained(error) from error

    # --- the configuration ----------------------------------------------------------------------------------------

    async def reload(self, _progress: Progress) -> Reloaded:
        """Reads the configuration again (see ``App.reload``)."""
        assert self._reload is not None  # noqa: S101 - NEED_DAEMON
        return await self._reload()

    # --- mappings at the provider ---------------------------------------------------------------------------------

    async def reconcile(self) -> None:
        """Takes the turn of the chore (see ``Reconcile.run``)."""
        async with self._turn:
            await self._parts().reconcile.run()

    async def mappings_plan(self, _progress: Progress) -> dict[str, Any]:
        """Makes the plan; changes nothing."""
        async with self._turn:
            plan = await self._parts().reconcile.plan()
        return _told_plan(plan) | {"outdated": await self._is_outdated()}

    async def mappings_apply(self, progress: Progress, *, digest: str, remove_many: bool = False) -> dict[str, Any]:
        """Carries out the plan with this digest and proves the result."""
        async with self._turn:
            done = await self._parts().reconcile.apply(digest, remove_many=remove_many, progress=progress)
        return {
            "proven": done.proven,
            "failed": [{**_told_line(failed.line), "why": failed.why} for failed in done.failed],
            "after": _told_plan(done.after) if done.after else None,
        }

    async def mappings_adoptable(self, _progress: Progress, *, words: Sequence[str]) -> list[dict[str, Any]]:
        """Lists what ``mappings_adopt`` would take."""
        async with self._turn:
            plan = await self._parts().reconcile.plan()
        return [_told_line(line) for line in plan.everything if line.may_be_adopted and is_meant(line, words)]

    async def mappings_adopt(self, _progress: Progress, *, words: Sequence[str]) -> list[dict[str, Any]]:
        """Takes what somebody else made under our care."""
        async with self._turn:
            return [_told_line(line) for line in await self._parts().reconcile.adopt(words)]

    async def mappings_forget(self, _progress: Progress, *, words: Sequence[str]) -> list[dict[str, Any]]:
        """Lets go of what is under our care."""
        async with self._turn:
            return [_told_line(line) for line in await self._parts().reconcile.forget(words)]

    async def mappings_read(self, _progress: Progress) -> dict[str, Any]:
        """Reads every account whole: services with their numbers and mappings."""
        async with self._turn:
            return dict(await self._parts().reconcile.read())

    async def _is_outdated(self) -> bool:
        """Says that the file is not what we work with any more: a plan would surprise whoever has just changed it."""
        config = self._parts().config
        try:
            wanted = await asyncio.to_thread(load_config, config.path)
        except ConfigError:
            return True
        return bool(take_over(config, wanted)[1].changed)

    # --- the canary -----------------------------------------------------------------------------------------------

    async def canary_start(self, _progress: Progress) -> list[CanaryLeg]:
        """Tries every leg now; answers them as they are."""
        return await self._parts().canary.start_now()

    async def canary_look(self, _progress: Progress, *, night: str) -> list[CanaryLeg]:
        """Goes on with the legs that were started together; answers them as they are."""
        return await self._parts().canary.look(night)


def _told_plan(plan: Plan) -> dict[str, Any]:
    """Writes a plan for programs and for the commands that show it."""
    return {
        "digest": plan.digest,
        "lines": [_told_line(line) for line in plan.lines],
        "settings": [_told_line(line) for line in plan.settings],
        "changes": len(plan.changes),
        "drift": len(plan.drift),
        "refusal": guard(plan),
    }


def _told_line(line: Line | SettingLine) -> dict[str, Any]:
    """Writes a line of a plan; the fingerprint of a setting stays here, because secrets are in it."""
    told: dict[str, Any] = plain(line)
    setting = told.pop("setting", None)
    if setting is not None:
        told |= {key: setting[key] for key in ("name", "found", "wanted", "agrees")}
    return told | {"sentence": line.sentence}


_EXPECTED: Final = (ConfigError, GatewayError, DiskError, StoreBusyError, PlanChangedError, ManyRemovalsError)


def _explained(error: Exception) -> VerbError:
    """Says for people and programs why a verb was not done."""
    if isinstance(error, ConfigError):
        problems = [str(problem) for problem in error.problems]
        return VerbError(Trouble.CONFIG, f"{len(problems)} to mend; nothing was changed", problems)
    if isinstance(error, DiskError | DiskFullError):
        return VerbError(Trouble.DISK, str(error))
    if isinstance(error, PlanChangedError):
        return VerbError(Trouble.REFUSED, f"{error}; nothing was changed")
    if isinstance(error, ManyRemovalsError):
        return VerbError(Trouble.REFUSED, f"{error}; nothing was changed (if that is meant: --remove-many)")
    if isinstance(error, GatewayError):
        return VerbError(Trouble.TEMPORARY, error.detail or error.reason.sentence)
    return VerbError(Trouble.TEMPORARY, str(error))


#: Every verb, by the name that the control socket knows it by.
VERBS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = {
    "reload": Operations.reload,
    "mappings_plan": Operations.mappings_plan,
    "mappings_apply": Operations.mappings_apply,
    "mappings_adoptable": Operations.mappings_adoptable,
    "mappings_adopt": Operations.mappings_adopt,
    "mappings_forget": Operations.mappings_forget,
    "mappings_read": Operations.mappings_read,
    "canary_start": Operations.canary_start,
    "canary_look": Operations.canary_look,
}
#: Those that only a running gateway can do.
NEED_DAEMON: Final = frozenset({"reload", "canary_start", "canary_look"})
