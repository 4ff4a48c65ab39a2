"""One commit moves everything of an account to its new name, on both databases; open faxes keep their account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import account_names
from gateway.store.account_names import AccountsInUseError
from gateway.store.database import Database, Tx
from gateway.store.schema import (
    attempt,
    canary_leg,
    fax_job,
    inbound_fax,
    journal,
    known_account,
    mapping_owned,
    mapping_reading,
    mapping_seen,
    marker,
    message,
    metadata,
    provider_account,
    setting_owned,
)

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
P, Q = "kind project P", "kind project Q"


def fill(tx: Tx, account: str, tag: str, job_state: str = "delivered", inbound_state: str = "done") -> None:
    """Puts a row of this account into every table that names accounts; ``tag`` tells the rows apart."""
    queued = {"created_at": NOW, "deadline": NOW + DAY}
    mailed = {"received_at": NOW, "mail_from": "", "peer": "", "message_id": "", "fingerprint": ""}
    tx.execute(sa.insert(message).values(id=f"E{tag}", **mailed))
    dialled = {"number": f"+1202555014{tag[-1]}", "address": "", "caller_id": "", "header_text": ""}
    job = {"id": f"F{tag}", "message_id": f"E{tag}", "header_time_zone": "UTC", "other_accounts": [account, "spare"]}
    tx.execute(sa.insert(fax_job).values(account=account, state=job_state, **dialled, **job, **queued))
    tried = {"reference": f"F{tag}-1", "job_id": f"F{tag}", "number": 1, "state": "accepted", "intent_at": NOW}
    tx.execute(sa.insert(attempt).values(account=account, provider_fax_id=f"out{tag}", **tried))
    received = {"id": f"R{tag}", "provider_fax_id": f"in{tag}", "state": inbound_state}
    tx.execute(sa.insert(inbound_fax).values(account=account, **received, **queued))
    pair = {"account": account, "service": f"s{tag}", "address": "a@x.example", "number": "+1"}
    tx.execute(sa.insert(mapping_seen).values(permission="both", since=NOW, **pair))
    tx.execute(sa.insert(mapping_owned).values(since=NOW, **pair))
    setting = {"account": account, "service": f"s{tag}", "name": "url"}
    tx.execute(sa.insert(setting_owned).values(fingerprint=tag, since=NOW, **setting))
    tx.execute(sa.insert(mapping_reading).values(account=account, read_at=NOW, told=tag))
    tx.execute(sa.insert(marker).values(account=account, reference=tag, sent_at=NOW))
    paused = {"reason": tag, "paused_since": NOW, "paused_until": NOW}
    tx.execute(sa.insert(provider_account).values(name=account, **paused))
    for kind in ("fax", "webhook"):
        leg = {"token": f"{kind}{tag}", "night": "2026-11-02", "leg": f"{kind} {account}", "facts": {}}
        tx.execute(sa.insert(canary_leg).values(started_at=NOW, deadline=NOW, **leg))


def names_in(tx: Tx) -> dict[str, list[Any]]:
    """Reads every account name of every table but the list of names itself and the journal."""
    found: dict[str, list[Any]] = {}
    for table in metadata.sorted_tables:
        if table in (known_account, journal):
            continue
        for column in table.c:
            if column.name in ("account", "leg") or column is provider_account.c.name:
                found[table.name] = sorted(value.split(" ", 1)[-1] for value in tx.execute(sa.select(column)).scalars())
    found["stand-ins"] = list(tx.execute(sa.select(fax_job.c.other_accounts)).scalars())
    return found


async def settle(database: Database, *, keep_open: bool = False, **configured: str) -> dict[str, str]:
    return await database.write(account_names.settle, configured, NOW, keep_open=keep_open)


async def test_a_renamed_account_takes_everything_along(database: Database) -> None:
    await settle(database, sinch=P)
    await database.write(fill, "sinch", "1", "ready", "received")
    assert await settle(database, keep_open=True, main=P) == {"sinch": "main"}
    found = await database.read(names_in)
    assert found.pop("stand-ins") == [["main", "spare"]]
    assert set(found) >= {"fax_job", "attempt", "inbound_fax", "mapping_owned", "canary_leg", "provider_account"}
    assert all(set(names) == {"main"} for names in found.values()), found
    told = await database.read(lambda tx: tx.execute(sa.select(journal.c.event, journal.c.detail)).all())
    assert [tuple(row) for row in told] == [("account renamed", "sinch -> main")]
    assert await settle(database, keep_open=True, main=P) == {}


async def test_two_accounts_exchange_their_names(database: Database) -> None:
    await settle(database, a=P, b=Q)
    await database.write(fill, "a", "1", "ready")
    await database.write(fill, "b", "2", "ready")
    assert await settle(database, keep_open=True, a=Q, b=P) == {"a": "b", "b": "a"}

    def told(tx: Tx) -> set[tuple[str, str]]:
        return {tuple(row) for row in tx.execute(sa.select(mapping_reading.c.account, mapping_reading.c.told))}

    assert await database.read(told) == {("b", "1"), ("a", "2")}
    found = await database.read(names_in)
    assert sorted(found.pop("stand-ins")) == [["a", "spare"], ["b", "spare"]]
    assert all(set(names) == {"a", "b"} for names in found.values()), found


async def test_what_both_names_have_is_there_once_afterwards(database: Database) -> None:
    """A name that was in use beside the other, for the same account, goes up in it."""
    await settle(database, a=P, b=P)
    await database.write(fill, "a", "1")
    await database.write(fill, "b", "2")
    await settle(database, keep_open=True, a=P)
    found = await database.read(names_in)
    assert found["inbound_fax"] == found["fax_job"] == ["a", "a"]
    assert found["mapping_reading"] == found["provider_account"] == found["marker"] == ["a"]


@pytest.mark.parametrize("wanted", [{}, {"sinch": Q}], ids=["gone", "another one"])
@pytest.mark.parametrize(
    ("job", "inbound", "waiting"),
    [
        ("submitted", "done", {"submitted": 1}),
        ("held", "received", {"held": 1, "received": 1}),
        ("unknown", "routed", None),
    ],
)
async def test_an_account_stays_while_faxes_need_it(
    database: Database, wanted: dict[str, str], job: str, inbound: str, waiting: dict[str, int] | None
) -> None:
    await settle(database, sinch=P)
    await database.write(fill, "sinch", "1", job, inbound)
    before = await database.read(names_in)
    if waiting is None:
        await settle(database, keep_open=True, **wanted)
        return
    with pytest.raises(AccountsInUseError) as refused:
        await settle(database, keep_open=True, **wanted)
    assert refused.value.accounts == {"sinch": waiting}
    assert await database.read(names_in) == before


async def test_a_start_takes_a_name_from_its_former_account_and_gives_the_faxes_back_when_that_returns(
    database: Database,
) -> None:
    await settle(database, sinch=P)
    await database.write(fill, "sinch", "1", "submitting", "received")
    assert await settle(database, sinch=Q) == {"sinch": "sinch (former)"}
    assert await database.read(account_names.without_account, {"sinch"}) == {
        "sinch (former)": {"submitting": 1, "received": 1}
    }
    assert await settle(database, keep_open=True, sinch=Q, spare=Q) == {}, "what waits already refuses nothing"
    assert await settle(database, keep_open=True, sinch=Q, main=P) == {"sinch (former)": "main"}
    assert await database.read(account_names.without_account, {"sinch", "main"}) == {}


async def test_a_store_of_an_older_release_keeps_the_names_that_it_finds(database: Database) -> None:
    await database.write(fill, "sinch", "1", "ready")
    await database.write(fill, "gone", "2", "ready")
    assert await settle(database, sinch=P) == {}
    assert await settle(database, main=P) == {"sinch": "main"}
    assert await database.read(account_names.without_account, {"main"}) == {"gone": {"ready": 1}}


async def test_only_who_has_the_name_now_is_called_so(database: Database) -> None:
    await settle(database, sinch=P)
    await settle(database, main=P)
    called = [await database.read(account_names.is_called, *who) for who in (("sinch", P), ("main", P), ("main", Q))]
    assert called == [False, True, False]
