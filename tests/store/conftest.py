"""Both databases, the same tests: SQLite in a file, and a real PostgreSQL started for the session."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.store.database import Database, PostgresDatabase, SqliteDatabase
from gateway.store.opening import prepare_schema


def _postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_postgres(command: list[str]) -> list[str]:
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL on a free loopback port; answers the URL of its server."""
    programs = _postgres_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is needed in CI: apt-get install postgresql-15")
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql-15")
    home = Path(tempfile.mkdtemp(prefix="faxgw-pg-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)
    data, port = home / "data", _free_port()
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": home}
    subprocess.run(_as_postgres([str(programs / "initdb"), "-D", str(data), "-U", "faxgw", "-A", "trust"]), **run)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-l", str(home / "log"), "-w"]
    subprocess.run(_as_postgres([*control, "-o", options, "start"]), **run)
    try:
        yield f"postgresql://faxgw@127.0.0.1:{port}"
    finally:
        subprocess.run(_as_postgres([*control, "-m", "immediate", "stop"]), **run)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty store, once on each database."""
    if request.param == "sqlite":
        database: Database = SqliteDatabase(tmp_path / "store.sqlite")
    else:
        server = request.getfixturevalue("postgres_server")
        database = PostgresDatabase(_new_postgres_database(server))
    await database.write(prepare_schema)
    yield database
    database.close()


def _new_postgres_database(server: str) -> str:
    name = f"test_{os.urandom(6).hex()}"
    engine = sa.create_engine(
        sa.make_url(f"{server}/postgres").set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{server}/{name}"
