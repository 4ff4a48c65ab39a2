"""Spoils the gateway: the 250 goes out first, the commit follows when the disk is ready."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.mail.intake import Intake, Receipt

_SLOW_DISK: Final = 0.5
_commit = Intake.commit
_later: set[asyncio.Task[Receipt]] = set()


async def _promise_first(self: Intake, confirmed: str | None = None) -> Receipt:
    async def commit() -> Receipt:
        await asyncio.sleep(_SLOW_DISK)
        return await _commit(self, confirmed)

    task = asyncio.create_task(commit())
    _later.add(task)
    task.add_done_callback(_later.discard)
    return Receipt(self.message_id, tuple(self.job_ids.values()), repeated=False)


Intake.commit = _promise_first  # type: ignore[method-assign]
