"""The provider's own table of addresses and numbers: seen, planned, applied and proven, by the real commands."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import encode_basic_auth
from daemon import OURS, ROUTED, Daemon, daemon, until

from gateway.simulator.sinch_account import DEFAULT_SERVICE

OPERATOR = "operator@clinic.example"
OTHER = "lab@elsewhere.example"
HOOK = "incomingWebhookUrl"


class Dashboard:
    """Somebody who works at the provider's own pages."""

    def __init__(self, gateway: Daemon) -> None:
        simulator = gateway.simulator
        self._url = f"{gateway.provider_url}/v3/projects/{simulator.project}/services/{DEFAULT_SERVICE}"
        self._headers = {"Authorization": encode_basic_auth(simulator.key_id, simulator.key_secret)}

    async def add(self, address: str, number: str, permission: str) -> None:
        entry = {"number": number, "permissions": permission}
        await self._call("POST", "/emails", {"email": address, "phoneNumbers": [entry]})

    async def remove(self, address: str) -> None:
        await self._call("DELETE", f"/emails/{address}")

    async def table(self) -> dict[str, dict[str, str]]:
        """Reads the whole table: address -> number -> permission."""
        emails = (await self._call("GET", "/emails"))["emails"]
        return {
            each["email"]: {pair["number"]: pair["permissions"] for pair in each["phoneNumbers"]} for each in emails
        }

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        async with (
            aiohttp.ClientSession(headers=self._headers) as http,
            http.request(method, self._url + path, json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None


def kinds(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line.get("address") or line["name"]: line["kind"] for line in lines}


@asynccontextmanager
async def provider_delivers(folder: Path, *, mode: str = "report") -> AsyncIterator[tuple[Daemon, Dashboard]]:
    """A daemon whose only route is carried by the provider; nothing of that is at the provider yet."""
    async with daemon(folder) as gateway:
        gateway.rewrite("delivered_by", '"provider"')
        gateway.rewrite("mode", f'"{mode}"')
        gateway.rewrite("every", '"200ms"')
        assert (await gateway.command("reload")).returncode == 0
        yield gateway, Dashboard(gateway)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[tuple[Daemon, Dashboard]]:
    async with provider_delivers(tmp_path) as both:
        yield both


async def test_plan_apply_and_an_empty_plan_and_nothing_of_others_is_touched(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    await dashboard.add(OTHER, OURS, "both")
    planned = await gateway.faxgw("mappings", "plan", status=1)
    assert kinds(planned["lines"]) == dict.fromkeys(ROUTED, "created") | {OTHER: "foreign"}
    for_people = await gateway.command("mappings", "plan")
    next_command = for_people.stdout.splitlines()[-2]
    assert next_command == f"To carry it out:  faxgw mappings apply {planned['digest']} -c {gateway.config}"

    applied = await gateway.command("mappings", "apply", planned["digest"])
    assert (applied.returncode, "Proven" in applied.stdout) == (1, True)  # but a stranger listens in
    assert f"faxgw mappings adopt {OTHER} {OURS}" in applied.stderr
    assert await dashboard.table() == {address: {OURS: "receive"} for address in ROUTED} | {OTHER: {OURS: "both"}}
    again = await gateway.faxgw("mappings", "plan", status=1)
    assert (again["changes"], again["drift"]) == (0, 1)
    assert "3 as wanted" not in (await gateway.command("mappings", "plan")).stdout  # one of them is a stranger's


async def test_what_only_somebody_else_made_otherwise_is_named_and_never_called_proven(
    world: tuple[Daemon, Dashboard],
) -> None:
    gateway, dashboard = world
    for address in ROUTED:
        await dashboard.add(address, OURS, "send")
    applied = await gateway.command("mappings", "apply")
    assert (applied.returncode, "Proven" in applied.stdout, "Nothing to carry out." in applied.stdout) == (
        1,
        False,
        True,
    )
    assert "mappings of somebody else remain, not as configured" in applied.stderr
    adopt = next(line.split() for line in applied.stderr.splitlines() if "faxgw mappings adopt" in line)
    words = [word for word in adopt[3:-2] if word]
    assert (await gateway.command("mappings", "adopt", *words, "--yes")).returncode == 0
    assert (await gateway.command("mappings", "apply", "--yes")).returncode == 0
    assert await dashboard.table() == {address: {OURS: "receive"} for address in ROUTED}


async def test_a_plan_that_the_world_has_overtaken_is_refused(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    planned = await gateway.faxgw("mappings", "plan", status=1)
    await dashboard.add(ROUTED[0], OURS, "send")
    refused = await gateway.command("mappings", "apply", planned["digest"])
    assert refused.returncode == 1
    assert "have changed since" in refused.stderr
    assert await dashboard.table() == {ROUTED[0]: {OURS: "send"}}


async def test_apply_shows_the_plan_and_asks_on_a_terminal_only(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    blind = await gateway.command("mappings", "apply")
    assert blind.returncode == 64
    assert await dashboard.table() == {}

    async def answer(word: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "gateway", "mappings", "apply", "--config", str(gateway.config)]
        process = await asyncio.create_subprocess_exec(*command, stdin=theirs, stdout=asyncio.subprocess.PIPE)
        os.write(ours, f"{word}\n".encode())
        output, _ = await process.communicate()
        os.close(ours)
        os.close(theirs)
        return process.returncode or 0, output.decode()

    status, shown = await answer("n")
    assert (status, "Nothing was changed" in shown) == (1, True)
    assert all(address in shown for address in ROUTED)
    assert await dashboard.table() == {}
    status, shown = await answer("y")
    assert (status, "Proven" in shown) == (0, True)
    assert set(await dashboard.table()) == set(ROUTED)


async def test_adopt_says_what_will_follow_and_forget_lets_go(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    await dashboard.add(OTHER, OURS, "both")
    asked = await gateway.command("mappings", "adopt", OTHER)
    assert (asked.returncode, "applied, or enforced, they are removed" in asked.stdout) == (64, True)
    assert kinds((await gateway.faxgw("mappings", "plan", status=1))["lines"])[OTHER] == "foreign"
    assert (await gateway.command("mappings", "adopt", OTHER, "--yes")).returncode == 0
    assert kinds((await gateway.faxgw("mappings", "plan", status=1))["lines"])[OTHER] == "removed"
    assert (await gateway.command("mappings", "forget", OTHER)).returncode == 0
    assert (await gateway.command("mappings", "forget", OTHER)).returncode == 1
    assert kinds((await gateway.faxgw("mappings", "plan", status=1))["lines"])[OTHER] == "foreign"
    assert (await gateway.command("mappings", "apply", "--yes")).returncode == 1  # a stranger listens in
    assert (await dashboard.table())[OTHER] == {OURS: "both"}


async def test_many_removals_need_to_be_meant(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    others = [f"clerk{n}@elsewhere.example" for n in range(3)]
    for address in others:
        await dashboard.add(address, OURS, "receive")
    assert (await gateway.command("mappings", "apply", "--yes")).returncode == 1  # theirs remain
    assert (await gateway.command("mappings", "adopt", "--yes")).returncode == 0
    refused = await gateway.command("mappings", "apply", "--yes")
    assert refused.returncode == 1
    assert "--remove-many" in refused.stderr
    assert set(others) < set(await dashboard.table())
    assert (await gateway.command("mappings", "apply", "--yes", "--remove-many")).returncode == 0
    assert set(await dashboard.table()) == set(ROUTED)


async def test_a_plan_from_before_a_change_of_the_file_says_so(world: tuple[Daemon, Dashboard]) -> None:
    gateway, _ = world
    gateway.rewrite("addresses", '["lab@clinic.example"]')
    told = await gateway.command("mappings", "plan")
    assert f"faxgw reload -c {gateway.config}" in told.stderr
    assert (await gateway.command("reload")).returncode == 0
    assert "faxgw reload" not in (await gateway.command("mappings", "plan")).stderr


# --- the chore ------------------------------------------------------------------------------------------------------


async def test_drift_is_mailed_once_and_its_end_too(world: tuple[Daemon, Dashboard]) -> None:
    gateway, dashboard = world
    drift = await gateway.mail_to(OPERATOR)  # since the reload of the fixture two mappings are missing
    assert ROUTED[0] in drift.get_content()
    assert (await gateway.command("mappings", "apply", "--yes")).returncode == 0
    assert "again" in (await gateway.mail_to(OPERATOR, 2)).get_content()
    await dashboard.remove(ROUTED[0])
    assert ROUTED[0] in (await gateway.mail_to(OPERATOR, 3)).get_content()
    assert set(await dashboard.table()) == {ROUTED[1]}  # reported, not mended
    assert len(gateway.mails_to(OPERATOR)) == 3


async def test_in_enforce_mode_drift_is_mended(tmp_path: Path) -> None:
    async with provider_delivers(tmp_path, mode="enforce") as (gateway, dashboard):

        async def is_as_wanted() -> bool:
            return await dashboard.table() == {address: {OURS: "receive"} for address in ROUTED}

        await until(is_as_wanted)
        await dashboard.remove(ROUTED[0])
        await until(is_as_wanted)
        assert (await gateway.faxgw("mappings", "plan"))["changes"] == 0


# --- a newcomer with an account that is in use ----------------------------------------------------------------------


async def test_a_newcomer_imports_what_is_there_plans_nothing_and_serves(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        dashboard = Dashboard(gateway)
        await gateway.stop()
        text = gateway.config.read_text()
        route = text[text.index("[[routes]]") :].split("\n\n")[0]
        gateway.config.write_text(text.replace(route, "# kept as it is\n"))
        gateway.config.chmod(0o640)
        await dashboard.add(ROUTED[0], OURS, "both")
        await dashboard.add(OTHER, OURS, "receive")

        printed = await gateway.command("mappings", "import")
        assert printed.returncode == 0
        assert "[[routes]]" not in gateway.config.read_text()
        written = await gateway.command("mappings", "import", "--write")
        assert (written.returncode, written.stdout) == (0, printed.stdout)
        assert gateway.config.read_text().endswith(printed.stdout)
        assert "# kept as it is" in gateway.config.read_text()
        assert gateway.config.stat().st_mode & 0o777 == 0o640
        before = await dashboard.table()
        planned = await gateway.faxgw("mappings", "plan")
        assert (planned["changes"], planned["drift"]) == (0, 0)
        assert (await gateway.command("mappings", "import")).stdout == ""

        gateway.rewrite("every", '"1s"')
        await gateway.start()
        await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=1)

        async def is_done() -> bool:
            faxes = await gateway.faxgw("faxes", "list", "--direction", "in")
            return bool(faxes) and faxes[0]["state"] == "done"

        await until(is_done)
        assert gateway.mails_to(ROUTED[0]) == []  # the provider has mailed it, nobody gets it twice
        assert await dashboard.table() == before


async def test_what_would_ask_for_changes_is_not_written(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        await Dashboard(gateway).add(OTHER, OURS, "send")
        before = gateway.config.read_text()
        refused = await gateway.command("mappings", "import", "--write")
        assert refused.returncode == 78  # only a person knows what is to be printed on this sender's pages
        assert "header_text" in refused.stderr
        assert f"{gateway.config}:" in refused.stderr
        assert gateway.config.read_text() == before


# --- without a running gateway --------------------------------------------------------------------------------------


async def test_without_a_gateway_the_command_works_under_the_lock_of_the_store(tmp_path: Path) -> None:
    async with provider_delivers(tmp_path) as (gateway, dashboard):
        await gateway.stop()
        planned = await gateway.command("mappings", "plan", "--json")
        assert planned.returncode == 1
        assert json.loads(planned.stdout)["changes"] == 2  # nothing but the answer is on standard output
        assert (await gateway.command("mappings", "apply", "--yes")).returncode == 0
        assert set(await dashboard.table()) == set(ROUTED)
        await gateway.start()
        assert (await gateway.faxgw("mappings", "plan"))["changes"] == 0


async def test_an_account_that_cannot_be_asked_is_no_account_without_mappings(world: tuple[Daemon, Dashboard]) -> None:
    gateway, _ = world
    gateway.simulator.set_faults([{"fault": "status", "status": 401, "path": "/services"}])
    refused = await gateway.command("mappings", "plan")
    assert refused.returncode == 75
    assert "provider account sinch" in refused.stderr
