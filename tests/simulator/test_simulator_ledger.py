"""The ledger: one JSON object a line, on disk before anyone is told."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.simulator.ledger import Ledger


async def test_each_entry_is_a_line_when_append_returns(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    await ledger.append([{"id": 1, "name": "Zoë"}, {"id": 2}])
    assert path.read_text(encoding="utf-8") == '{"id": 1, "name": "Zoë"}\n{"id": 2}\n'
    await ledger.close()


async def test_it_continues_an_old_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    for number in range(3):
        ledger = Ledger(path)
        await ledger.append([{"id": number}])
        await ledger.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [0, 1, 2]


async def test_a_line_torn_by_a_crash_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text('{"id": 1}\n{"id": 2, "t')
    ledger = Ledger(path)
    await ledger.append([{"id": 3}])
    await ledger.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [1, 3]


async def test_many_at_once_are_all_written_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    await asyncio.gather(*(ledger.append([{"id": number}]) for number in range(200)))
    await ledger.close()
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == list(range(200))


async def test_a_caller_that_went_away_harms_nobody(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    gone = asyncio.create_task(ledger.append([{"id": 1}]))
    other = asyncio.create_task(ledger.append([{"id": 2}]))
    await asyncio.sleep(0)
    gone.cancel()
    await other
    await ledger.close()
    assert gone.cancelled()


async def test_a_full_disk_is_an_error_for_the_caller() -> None:
    ledger = Ledger(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        await ledger.append([{"id": 1}])
    await ledger.close()
