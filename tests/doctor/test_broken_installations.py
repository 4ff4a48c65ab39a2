"""Each installation has one fault; the doctor names this one, with what to do, and no other."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import trustme
from aiohttp import web

from gateway.core.reasons import Reason
from gateway.doctor.findings import Grade
from gateway.simulator.sinch_account import DEFAULT_SERVICE, EmailRecord
from gateway.store import provider_accounts
from tests.doctor.installed import OURS, Installed, faults

#: In a test our public name leads to this machine, of which the doctor warns. It is no fault of the installation.
ON_LOOPBACK = ("public-name", "warning")

Fault = Callable[[Installed], Awaitable[None]]


async def the_key_is_of_another_project(at: Installed) -> None:
    at.write_secret("sinch-key-secret", "another")


async def the_account_has_no_credit(at: Installed) -> None:
    at.simulator.set_faults([{"fault": "status", "status": 402, "path": "/faxes"}])


async def the_key_may_not_fax(at: Installed) -> None:
    at.simulator.set_faults([{"fault": "status", "status": 403, "path": "/faxes"}])


async def the_provider_is_down(at: Installed) -> None:
    at.simulator.set_faults([{"fault": "status", "status": 503, "path": "/faxes"}])


async def a_service_does_not_exist(at: Installed) -> None:
    at.settings["service"] = "01KA0000000000000000SERV99"


async def a_route_has_a_number_of_somebody_else(at: Installed) -> None:
    at.routes.append("+12025550177")


async def a_number_is_suspended(at: Installed) -> None:
    at.simulator._account.numbers[OURS[1]].suspended = True


async def a_number_was_forgotten(at: Installed) -> None:
    at.routes.remove(OURS[1])


async def a_caller_id_is_not_ours(at: Installed) -> None:
    at.settings["caller_id"] = "+12025550177"


async def the_provider_calls_the_old_gateway(at: Installed) -> None:
    at.webhook_at_provider = "https://faxgw:pw-4711@old.clinic.example:{port}/webhooks"


async def the_provider_calls_nobody(at: Installed) -> None:
    at.webhook_at_provider = ""


async def the_provider_keeps_no_pages(at: Installed) -> None:
    at.simulator._account.services[DEFAULT_SERVICE].settings["saveInboundFaxDocuments"] = False


async def the_provider_mails_a_number_too(at: Installed) -> None:
    now = datetime.now(UTC)
    key = (DEFAULT_SERVICE, "frontdesk@clinic.example")
    at.simulator._account.emails[key] = EmailRecord(key[1], key[0], {OURS[0]: "receive"}, now, now)


async def the_daemon_does_not_run(at: Installed) -> None:
    at.health = None


async def the_daemon_has_trouble_with_its_disk(at: Installed) -> None:
    at.health = {"store": "ok", "disk": "low disk space"}


async def another_program_has_the_port_of_the_daemon(at: Installed) -> None:
    at.health_answer = web.Response(text='{"checks": "none"}')


async def the_proxy_does_not_reach_the_gateway(at: Installed) -> None:
    at.proxy_answer = web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


async def the_proxy_redirects(at: Installed) -> None:
    at.proxy_answer = web.Response(status=301, headers={"Location": "https://www.clinic.example/webhooks/sinch/secret"})


async def the_proxy_does_not_know_the_path(at: Installed) -> None:
    at.proxy_answer = web.Response(status=404, text="<html>", content_type="text/html")


async def a_web_site_says_yes_to_everything(at: Installed) -> None:
    at.proxy_answer = web.Response(text="<html>Welcome</html>", content_type="text/html")


async def the_proxy_wants_a_password_itself(at: Installed) -> None:
    at.proxy_answer = web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="intranet"'})


async def the_proxy_does_not_run(at: Installed) -> None:
    at.is_proxy_up = False


async def the_certificate_has_expired(at: Installed) -> None:
    at.certificate = _ending(days=-1)


async def the_certificate_ends_soon(at: Installed) -> None:
    at.certificate = _ending(days=10)


async def the_certificate_ends_tomorrow(at: Installed) -> None:
    at.certificate = _ending(days=1)


async def the_certificate_is_for_another_name(at: Installed) -> None:
    at.certificate_names = ["www.clinic.example"]


async def the_certificate_is_home_made(at: Installed) -> None:
    at.issuer = trustme.CA()


def _ending(*, days: int) -> dict[str, datetime]:
    now = datetime.now(UTC)
    return {"not_before": now - timedelta(days=90), "not_after": now + timedelta(days=days, hours=1)}


async def the_smarthost_refuses_the_log_in(at: Installed) -> None:
    at.smarthost.replies["AUTH"] = "535 5.7.8 authentication failed"


async def the_smarthost_does_not_encrypt(at: Installed) -> None:
    at.smarthost.extensions = ("AUTH PLAIN",)


async def the_smarthost_does_not_relay(at: Installed) -> None:
    at.smarthost.replies["RCPT"] = "554 5.7.1 relay access denied"


async def the_smarthost_takes_small_mails_only(at: Installed) -> None:
    at.smarthost.extensions = ("STARTTLS", "AUTH PLAIN", "SIZE 10240000")


async def the_smarthost_has_a_home_made_certificate(at: Installed) -> None:
    at.smarthost_issuer = trustme.CA()


async def our_name_is_not_published(at: Installed) -> None:
    del at.names.zone["fax.clinic.example", "A"]


async def the_fax_domain_has_no_mx(at: Installed) -> None:
    del at.names.zone["fax.clinic.example", "MX"]


async def the_mx_leads_nowhere(at: Installed) -> None:
    del at.names.zone["mail.clinic.example", "A"]


async def there_are_two_spf_records(at: Installed) -> None:
    at.names.texts("fax.clinic.example", "v=spf1 mx -all", "v=spf1 a -all")


async def anybody_may_send_as_us(at: Installed) -> None:
    at.names.texts("fax.clinic.example", "v=spf1 +all")


async def the_dkim_key_is_revoked(at: Installed) -> None:
    at.names.texts("s1._domainkey.clinic.example", "v=DKIM1; k=rsa; p=")


async def the_dkim_key_is_not_published(at: Installed) -> None:
    del at.names.zone["s1._domainkey.clinic.example", "TXT"]


async def there_is_no_dmarc_record(at: Installed) -> None:
    del at.names.zone["_dmarc.clinic.example", "TXT"]


async def there_are_two_dmarc_records(at: Installed) -> None:
    at.names.texts("_dmarc.clinic.example", "v=DMARC1; p=none", "v=DMARC1; p=reject")


async def the_disk_is_nearly_full(at: Installed) -> None:
    at.changes["room_needed"] = 10**18


async def the_store_is_of_a_newer_release(at: Installed) -> None:
    store = await at.opened_store()
    await store.database.write(lambda tx: tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    store.close()


async def an_account_is_paused(at: Installed) -> None:
    store = await at.opened_store()
    delays = (timedelta(minutes=1),)
    await store.database.write(provider_accounts.pause, "sinch", Reason.OUT_OF_CREDIT, "402", datetime.now(UTC), delays)
    store.close()


async def everybody_may_read_the_pages(at: Installed) -> None:
    at.state.chmod(0o755)


async def everybody_may_read_a_password(at: Installed) -> None:
    at.config_mode = 0o644


async def everybody_may_change_the_configuration(at: Installed) -> None:
    at.config_mode = 0o662


async def a_stranger_owns_a_secret_file(at: Installed) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(at.folder / "credentials" / "sinch-key-secret", 4711, 4711)


async def root_has_left_a_file_behind(at: Installed) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(at.state / "lock", 4711, 4711)


async def the_unit_hands_over_no_password(at: Installed) -> None:
    unit = at.units / "faxgw.service"
    lines = unit.read_text().splitlines()
    unit.write_text("\n".join(line for line in lines if not line.startswith("LoadCredential=sinch-webhook-password")))


async def the_unit_names_a_file_that_is_not_there(at: Installed) -> None:
    (at.units / "faxgw.service.d").mkdir()
    added = at.units / "faxgw.service.d" / "override.conf"
    added.write_text("[Service]\nLoadCredential=database-url:/nonexistent/database-url\n")


async def a_secret_file_is_open_to_a_group(at: Installed) -> None:
    (at.folder / "credentials" / "sinch-key-secret").chmod(0o640)


async def the_clock_is_five_minutes_ahead(at: Installed) -> None:
    at.changes["clock"] = lambda: datetime.now(UTC) + timedelta(minutes=5)


async def the_clock_is_ten_seconds_behind(at: Installed) -> None:
    at.changes["clock"] = lambda: datetime.now(UTC) - timedelta(seconds=10)


async def nobody_keeps_the_clock(at: Installed) -> None:
    at.kept_clock = False


BROKEN: list[tuple[Fault, str, str, str]] = [
    (the_key_is_of_another_project, "credentials", "wrong", "refuses our credentials"),
    (the_account_has_no_credit, "credentials", "wrong", "no credit"),
    (the_key_may_not_fax, "credentials", "wrong", "forbids"),
    (the_provider_is_down, "credentials", "warning", "in trouble itself"),
    (a_service_does_not_exist, "services", "wrong", "01KA0000000000000000SERV99"),
    (a_route_has_a_number_of_somebody_else, "numbers", "wrong", "+12025550177"),
    (a_number_is_suspended, "numbers", "wrong", f"{OURS[1]} is suspended"),
    (a_number_was_forgotten, "unrouted", "warning", OURS[1]),
    (a_caller_id_is_not_ours, "caller-ids", "warning", "+12025550177"),
    (the_provider_calls_the_old_gateway, "settings", "wrong", "old.clinic.example"),
    (the_provider_calls_nobody, "settings", "wrong", "not set"),
    (the_provider_keeps_no_pages, "settings", "warning", "keeps no pages"),
    (the_provider_mails_a_number_too, "deliveries", "warning", "mailed twice"),
    (the_daemon_does_not_run, "daemon", "wrong", "does not run"),
    (the_daemon_has_trouble_with_its_disk, "daemon", "wrong", "low disk space"),
    (another_program_has_the_port_of_the_daemon, "daemon", "wrong", "another program"),
    (the_proxy_does_not_reach_the_gateway, "webhook", "wrong", "HTTP 502"),
    (the_proxy_redirects, "webhook", "wrong", "redirects to https://www.clinic.example"),
    (the_proxy_does_not_know_the_path, "webhook", "wrong", "is not found"),
    (a_web_site_says_yes_to_everything, "webhook", "wrong", "says yes"),
    (the_proxy_wants_a_password_itself, "webhook", "wrong", "asks for a password"),
    (the_proxy_does_not_run, "webhook", "wrong", "nobody answers"),
    (the_certificate_has_expired, "web-certificate", "wrong", "expired"),
    (the_certificate_ends_soon, "web-certificate", "warning", "10 days"),
    (the_certificate_ends_tomorrow, "web-certificate", "wrong", "1 day only"),
    (the_certificate_is_for_another_name, "web-certificate", "wrong", "another name"),
    (the_certificate_is_home_made, "web-certificate", "wrong", "nobody whom this machine trusts"),
    (the_smarthost_refuses_the_log_in, "smarthost", "wrong", "535"),
    (the_smarthost_does_not_encrypt, "smarthost", "wrong", "does not encrypt"),
    (the_smarthost_does_not_relay, "smarthost", "wrong", "relay access denied"),
    (the_smarthost_takes_small_mails_only, "smarthost", "warning", "10 MB"),
    (the_smarthost_has_a_home_made_certificate, "mail-certificate", "wrong", "nobody whom this machine trusts"),
    (our_name_is_not_published, "public-name", "wrong", "fax.clinic.example has no address"),
    (the_fax_domain_has_no_mx, "mx", "warning", "no MX record"),
    (the_mx_leads_nowhere, "mx", "wrong", "mail.clinic.example, which has no address"),
    (there_are_two_spf_records, "spf", "wrong", "2 SPF records"),
    (anybody_may_send_as_us, "spf", "wrong", "everybody"),
    (the_dkim_key_is_revoked, "dkim", "wrong", "revoked"),
    (the_dkim_key_is_not_published, "dkim", "wrong", "no key"),
    (there_is_no_dmarc_record, "dmarc", "warning", "no DMARC record"),
    (there_are_two_dmarc_records, "dmarc", "wrong", "2 DMARC records"),
    (the_disk_is_nearly_full, "room", "wrong", "nothing is accepted"),
    (the_store_is_of_a_newer_release, "store", "wrong", "newer release"),
    (an_account_is_paused, "store", "wrong", "paused"),
    (everybody_may_read_the_pages, "state-files", "wrong", "open to every user"),
    (everybody_may_read_a_password, "config-file", "wrong", "smarthost.password"),
    (everybody_may_change_the_configuration, "config-file", "wrong", "changed by others"),
    (root_has_left_a_file_behind, "state-files", "wrong", "lock belongs to user 4711"),
    (the_unit_hands_over_no_password, "unit", "wrong", "sinch-webhook-password"),
    (the_unit_names_a_file_that_is_not_there, "unit", "wrong", "/nonexistent/database-url"),
    (a_stranger_owns_a_secret_file, "secret-files", "wrong", "sinch-key-secret belongs to user 4711"),
    (a_secret_file_is_open_to_a_group, "secret-files", "warning", "sinch-key-secret"),
    (the_clock_is_five_minutes_ahead, "clock", "wrong", "seconds ahead"),
    (the_clock_is_ten_seconds_behind, "clock", "warning", "behind"),
    (nobody_keeps_the_clock, "time-sync", "warning", "nobody keeps"),
]


async def test_nothing_is_wrong_with_a_healthy_installation(installed: Installed) -> None:
    found = await installed.examine()
    assert faults(found) == {ON_LOOPBACK}
    skipped = {name for name, finding in found if finding.grade is Grade.SKIPPED}
    assert skipped <= {"systemd"}, "a machine may be without it, but everything else can be looked at"


@pytest.mark.parametrize(("fault", "check", "grade", "words"), BROKEN, ids=[row[0].__name__ for row in BROKEN])
async def test_a_broken_installation_is_told_by_its_one_fault(
    installed: Installed, fault: Fault, check: str, grade: str, words: str
) -> None:
    await fault(installed)
    found = await installed.examine()
    assert faults(found) - {ON_LOOPBACK} == {(check, grade)}
    (finding,) = [each for name, each in found if name == check and each.grade.value == grade]
    assert words in finding.what
    assert finding.advice
    said = "\n".join(f"{each.what} {each.advice}" for _, each in found)
    for secret in ("Zk3xPq7LmN0sTuVw", "pw-4711", "letmein", installed.simulator.key_secret):
        assert secret not in said
