"""Installations that are neither healthy nor broken: not started yet, without a proxy, with two providers' habits."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from gateway.core.lifecycle import FaxState, Move
from gateway.core.model import FaxJob, Message
from gateway.doctor.findings import Finding, Grade
from gateway.doctor.installation import Installation
from gateway.simulator.sinch_account import DEFAULT_SERVICE, EmailRecord
from gateway.store import fax_jobs, queue
from gateway.store.opening import Store
from gateway.store.schema import fax_job
from tests.doctor.installed import OURS, Installed, faults

ON_LOOPBACK = ("public-name", "warning")


def of(found: list[tuple[str, Finding]], check: str) -> list[Finding]:
    return [finding for name, finding in found if name == check]


def grades_of(found: list[tuple[str, Finding]], check: str) -> list[Grade]:
    return [finding.grade for finding in of(found, check)]


async def test_before_the_first_start_only_the_daemon_is_missing(installed: Installed) -> None:
    shutil.rmtree(installed.state)
    installed.health = None
    found = await installed.examine()
    assert faults(found) - {ON_LOOPBACK} == {("daemon", "wrong")}
    assert grades_of(found, "store") == grades_of(found, "state-files") == [Grade.SKIPPED]
    assert not installed.state.exists(), "the doctor made something"


async def test_looking_changes_nothing_in_the_store(installed: Installed) -> None:
    before = {path: path.stat().st_mtime_ns for path in installed.state.rglob("*")}
    await installed.examine()
    assert {path: path.stat().st_mtime_ns for path in installed.state.rglob("*")} == before


async def test_an_older_store_is_brought_up_to_date_by_the_next_start(installed: Installed) -> None:
    store = await installed.opened_store()
    await store.database.write(lambda tx: tx.execute(sa.text("UPDATE alembic_version SET version_num = '0001'")))
    store.close()
    found = await installed.examine()
    assert faults(found) - {ON_LOOPBACK} == {("store", "warning")}
    assert grades_of(found, "mappings") == [Grade.SKIPPED]


async def test_a_damaged_store_is_wrong(installed: Installed) -> None:
    (installed.state / "faxgw.sqlite").write_bytes(b"no database" * 1000)
    assert ("store", "wrong") in faults(await installed.examine())


async def test_what_waits_for_a_person_is_counted(installed: Installed) -> None:
    now = datetime.now(UTC)
    store = await installed.opened_store()
    for number, state in enumerate((FaxState.HELD, FaxState.HELD, FaxState.UNKNOWN, FaxState.READY)):
        await _add_job(store, f"7K3M9QX{number}", state, now - timedelta(hours=3))
    store.close()
    said = [finding.what for finding in of(await installed.examine(), "store")]
    assert said[1:] == [
        "2 faxes and mails are held for a person",
        "1 fax has an unknown outcome: they may have arrived, or not",
        "the oldest open fax waits for 3 hours",
    ]


async def _add_job(store: Store, name: str, state: FaxState, since: datetime) -> None:
    writer = store.documents.create(f"E-{name}", "message", "message/rfc822")
    await writer.write(b"\r\n")
    document = await writer.commit()
    message = Message(f"E-{name}", since, "ana@clinic.example", "127.0.0.1", f"<{name}>", name, document)
    job = FaxJob(
        id=f"F-{name}",
        message_id=message.id,
        state=FaxState.QUEUED,
        due_at=since,
        version=1,
        created_at=since,
        deadline=since + timedelta(hours=24),
        number=OURS[0],
        address=f"{OURS[0]}@fax.clinic.example",
        notify=None,
        orcpt=None,
        caller_id=OURS[0],
        header_text="Example Clinic +1 202-555-0100",
        header_time_zone="America/New_York",
        account="sinch",
    )
    await store.database.write(fax_jobs.add_message, message, [job])
    path = {FaxState.UNKNOWN: (FaxState.READY, FaxState.SUBMITTING, FaxState.UNKNOWN)}.get(state, (state,))
    before = FaxState.QUEUED
    for version, step in enumerate(path, start=1):
        await store.database.write(queue.move, fax_job, job.id, version, before, Move(step, since), since)
        before = step


async def test_without_an_answering_name_server_the_names_are_skipped(installed: Installed) -> None:
    installed.names.is_broken = True
    found = await installed.examine()
    assert faults(found) == set()
    for check in ("public-name", "mx", "spf", "dkim", "dmarc", "web-certificate", "webhook"):
        assert grades_of(found, check) == [Grade.SKIPPED]


async def test_the_provider_is_not_asked_again_and_again_with_credentials_that_it_refuses(installed: Installed) -> None:
    installed.write_secret("sinch-key-secret", "another")
    found = await installed.examine()
    skipped = {name for name, finding in found if finding.grade is Grade.SKIPPED}
    assert {"services", "numbers", "caller-ids", "mappings", "settings", "deliveries"} <= skipped
    assert "see services" in of(found, "mappings")[0].what


async def test_an_account_without_services_is_taken_at_the_word_of_the_configuration(installed: Installed) -> None:
    def without_services(at: Installation, *numbers: str) -> Installation:
        account = replace(at.accounts["sinch"], services=None, numbers=frozenset(numbers))
        return replace(at, accounts={"sinch": account})

    installed.describe = lambda at: without_services(at, *OURS)
    found = await installed.examine()
    assert faults(found) == {ON_LOOPBACK}
    assert [grades_of(found, check) for check in ("numbers", "unrouted", "caller-ids")] == [[Grade.OK]] * 3
    assert grades_of(found, "services") == grades_of(found, "mappings") == [Grade.SKIPPED]

    installed.describe = without_services
    found = await installed.examine()
    assert grades_of(found, "numbers") == [Grade.SKIPPED, Grade.SKIPPED]
    assert grades_of(found, "caller-ids") == [Grade.SKIPPED]


async def test_a_provider_that_tells_no_time_is_not_asked_for_it(installed: Installed) -> None:
    installed.describe = lambda at: replace(at, accounts={"sinch": replace(at.accounts["sinch"], api_url=None)})
    assert grades_of(await installed.examine(), "clock") == [Grade.SKIPPED]


async def test_a_smarthost_on_this_machine_needs_neither_tls_nor_a_log_in(installed: Installed) -> None:
    installed.settings["tls"] = "none"
    installed.smarthost.extensions = ("AUTH PLAIN",)
    found = await installed.examine()
    assert faults(found) == {ON_LOOPBACK}
    assert grades_of(found, "mail-certificate") == [Grade.SKIPPED]


async def test_a_smarthost_with_tls_from_the_first_byte(installed: Installed) -> None:
    installed.settings["tls"] = "implicit"
    installed.smarthost.implicit_tls = True
    assert faults(await installed.examine()) == {ON_LOOPBACK}


async def test_a_smarthost_that_is_busy_is_a_warning(installed: Installed) -> None:
    installed.smarthost.replies["RCPT"] = "450 4.7.1 greylisted, come back later"
    assert faults(await installed.examine()) == {ON_LOOPBACK, ("smarthost", "warning")}


async def test_no_mail_is_ever_sent_to_find_out(installed: Installed) -> None:
    await installed.examine()
    assert "DATA" not in installed.smarthost.verbs()
    assert installed.smarthost.verbs()[-2:] == ["RSET", "QUIT"]
    assert installed.simulator.faxes() == []


async def test_a_port_without_tls_is_told_from_a_bad_certificate(installed: Installed) -> None:
    installed.settings["tls"] = "implicit"
    found = await installed.examine()
    assert faults(found) == {ON_LOOPBACK, ("mail-certificate", "wrong")}
    assert "does not speak TLS" in of(found, "mail-certificate")[0].what


async def test_a_key_of_the_parent_domain_is_as_good_and_without_a_selector_nobody_looks(installed: Installed) -> None:
    found = await installed.examine()
    assert "s1._domainkey.fax.clinic.example" in installed.names.asked
    assert grades_of(found, "dkim") == [Grade.OK]
    installed.changes["dkim_selector"] = None
    assert grades_of(await installed.examine(), "dkim") == [Grade.SKIPPED]


async def test_both_domains_that_our_mails_name_are_looked_at(installed: Installed) -> None:
    installed.changes["from_domain"] = "clinic.example"
    found = of(await installed.examine(), "spf")
    assert [(finding.grade, finding.what.split()[0]) for finding in found] == [
        (Grade.OK, "fax.clinic.example"),
        (Grade.WARNING, "clinic.example"),
    ]


async def test_a_domain_may_say_that_it_takes_no_mail(installed: Installed) -> None:
    installed.names.zone["fax.clinic.example", "MX"] = ["0 ."]
    assert "takes no mail" in of(await installed.examine(), "mx")[0].what


async def test_a_public_url_without_tls_or_a_name_is_for_trials(installed: Installed) -> None:
    installed.changes["public_url"] = "http://127.0.0.1:8025"
    found = await installed.examine()
    assert grades_of(found, "web-certificate") == [Grade.SKIPPED]
    assert "only for trials" in of(found, "public-name")[0].advice


async def test_a_secret_that_stands_in_a_unit_or_comes_from_a_pattern_is_handed_over(installed: Installed) -> None:
    unit = installed.units / "faxgw.service"
    given = "SetCredential=sinch-key-secret:x\nImportCredential=sinch-webhook-*\n"
    unit.write_text("[Service]\nLoadCredential=database-url:/nonexistent\nLoadCredential=\n" + given)
    assert grades_of(await installed.examine(), "unit") == [Grade.OK]
    shutil.rmtree(installed.units)
    assert grades_of(await installed.examine(), "unit") == [Grade.SKIPPED]


async def test_mappings_that_are_not_as_configured_are_counted(installed: Installed) -> None:
    now = datetime.now(UTC)
    installed.settings["routes"] = f"""
[[routes]]
number = "{OURS[0]}"
addresses = ["frontdesk@clinic.example"]
delivered_by = "both"

[[routes]]
number = "{OURS[1]}"
addresses = ["frontdesk@clinic.example"]
"""
    key = (DEFAULT_SERVICE, "old@clinic.example")
    installed.simulator._account.emails[key] = EmailRecord(key[1], key[0], {OURS[1]: "receive"}, now, now)
    found = await installed.examine()
    assert of(found, "mappings")[0].what == "1 mapping is not as configured: 1 missing"
    assert "old@clinic.example, which no route names" in of(found, "deliveries")[0].what
    installed.changes["keeps_mappings"] = False
    assert grades_of(await installed.examine(), "mappings") == [Grade.SKIPPED]


async def test_a_thousand_routes_with_one_mistake_are_a_few_lines(installed: Installed) -> None:
    installed.routes += [f"+1202556{number:04}" for number in range(1000)]
    found = of(await installed.examine(), "numbers")
    assert len(found) < 12
    assert found[-1].what == "and 992 more of this kind"
