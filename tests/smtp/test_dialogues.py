"""The dialogues in ``dialogues/`` happen byte for byte over a real socket.

``C:`` is a line that the client sends, ``S:`` a line that it gets (``*`` stands for any text); consecutive
``C:`` lines go out in one write. ``C!`` sends bytes with Python escapes and no line end. ``S: <closed>`` is
the end of the connection.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import groupby
from pathlib import Path

import pytest
from fax_desk import Client

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("script", DIALOGUES, ids=lambda path: path.stem)
async def test_dialogue(script: Path, connect: Callable[..., Awaitable[Client]]) -> None:
    client = await connect(max_message_size=31_457_280)
    for speaker, lines in turns(script):
        if speaker == "S:":
            for expected in lines:
                await expect(client, expected)
        elif speaker == "C:":
            await client.send(*lines)
        else:
            await client.send_raw("".join(lines).encode().decode("unicode_escape").encode("latin-1"))


def turns(script: Path) -> Iterator[tuple[str, list[str]]]:
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    for speaker, group in groupby(lines, key=lambda line: line[:2]):
        yield speaker, [line[3:] for line in group]


async def expect(client: Client, expected: str) -> None:
    line = await client.line()
    if expected == "<closed>":
        assert line == ""
        assert client.reader.at_eof()
    else:
        assert re.fullmatch(re.escape(expected).replace(r"\*", ".*"), line), f"{line!r}, not {expected!r}"
