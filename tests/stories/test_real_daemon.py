"""What a user does with the real daemon and real programs."""

from __future__ import annotations

import asyncio
import email.policy
import os
import shutil
import smtplib
import sys
import time
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import pytest
from aiohttp import encode_basic_auth
from daemon import OURS, ROUTED, SENDER, daemon, until
from fpdf import FPDF

NUMBER = "+12025550143"
CANARY = "Zygomorphic"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    pdf = FPDF(format="letter")
    for page in (1, 2):
        pdf.add_page()
        pdf.set_font("helvetica", size=20)
        pdf.cell(text=f"Page {page}")
    path = tmp_path / "document.pdf"
    path.write_bytes(bytes(pdf.output()))
    return path


def a_letter(to: str, text: str = "Hello.\n") -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = SENDER, to, "A letter"
    message["Message-ID"] = f"<{os.urandom(8).hex()}@clinic.example>"
    message.set_content(text)
    return message


def hand_in(port: int, message: EmailMessage, to: str) -> str:
    """Hands a message in; answers the reply to the final dot."""
    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
    try:
        client.ehlo("clinic.example")
        client.mail(SENDER)
        code, reply = client.rcpt(to)
        assert code == 250, reply
        code, reply = client.data(message.as_bytes())
        assert code == 250, reply
        return reply.decode()
    finally:
        client.close()


def needs(program: str) -> None:
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is needed in CI")
        pytest.skip(f"{program} is not installed")


async def test_swaks_curl_and_smtplib_each_send_a_fax(tmp_path: Path, document: Path) -> None:
    """With a configuration made from config.example.toml by changing only what its comments ask for."""
    needs("swaks")
    needs("curl")
    async with daemon(tmp_path) as gateway:
        server = f"127.0.0.1:{gateway.smtp_port}"
        swaks = await gateway.run(
            *("swaks", "--server", server, "--from", SENDER, "--to", "12025550143@fax.clinic.example"),
            *("--attach-type", "application/pdf", "--attach", f"@{document}"),
        )
        assert swaks.returncode == 0, swaks.stdout
        letter = tmp_path / "letter.eml"
        letter.write_bytes(a_letter("x@fax.clinic.example").as_bytes())
        curl = await gateway.run(
            *("curl", "--silent", "--show-error", "--url", f"smtp://{server}/clinic.example", "--mail-from", SENDER),
            *("--mail-rcpt", "FAX=+12025550144@fax.clinic.example", "--upload-file", str(letter)),
        )
        assert curl.returncode == 0, curl.stderr
        message = a_letter("12025550145@fax.clinic.example")
        await asyncio.to_thread(hand_in, gateway.smtp_port, message, "12025550145@fax.clinic.example")
        for count in (1, 2, 3):
            receipt = await gateway.mail_to(SENDER, count)
            assert "Your fax was delivered" in receipt["Subject"]
        sent = {fax["to"]: fax["pages"] for fax in gateway.simulator.faxes()}
        assert sent == {"+12025550143": 3, "+12025550144": 1, "+12025550145": 1}


async def test_a_busy_line_ends_in_a_report_that_names_its_cause(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        address = "+15555552017@fax.clinic.example"
        await asyncio.to_thread(hand_in, gateway.smtp_port, a_letter(address), address)
        report = await gateway.mail_to(SENDER)
        assert report.get_content_type() == "multipart/report"
        fields = list(report.iter_parts())[1].get_payload()[1]
        assert (fields["Action"], fields["Status"]) == ("failed", "4.4.1")
        assert fields["Diagnostic-Code"] == "x-fax; busy (sinch CALL_ERROR 17: Busy)"
        assert len(gateway.simulator.faxes()) == 4


async def test_a_received_fax_reaches_both_addresses_with_its_pages(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=3)
        for address in ROUTED:
            mail = await gateway.mail_to(address)
            [attached] = mail.iter_attachments()
            assert attached.get_content().startswith(b"%PDF")
            assert mail["Subject"] == "Fax from +1 312 555 0177, 3 pages"


async def test_the_verbs_that_read_work_beside_the_daemon(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        message = a_letter("x@fax.clinic.example")
        reply = await asyncio.to_thread(hand_in, gateway.smtp_port, message, f"{NUMBER}@fax.clinic.example")
        fax_id = reply.rpartition(" ")[2]
        await gateway.mail_to(SENDER)
        assert [fax["id"] for fax in await gateway.faxgw("faxes", "list")] == [fax_id]
        assert (await gateway.faxgw("faxes", "show", fax_id))["job"]["state"] == "delivered"
        [provider_id] = [fax["id"] for fax in gateway.simulator.faxes()]
        for key in (fax_id, NUMBER, message["Message-ID"], provider_id):
            events = [entry["event"] for entry in await gateway.faxgw("trace", key)]
            assert "submitted -> delivered" in events
        assert (await gateway.run(sys.executable, "-m", "gateway", "verify", "-c", str(gateway.config))).returncode == 0
        assert (await gateway.health())[1]["status"] == "ready"
        assert 'faxgw_fax_moves_total{reason="delivered",state="delivered"} 1.0' in await gateway.metrics()


async def test_no_subject_file_name_text_caller_or_full_number_leaves_through_logs_or_figures(
    tmp_path: Path, document: Path
) -> None:
    content = document.read_bytes()  # noqa: ASYNC240 - nothing else runs yet
    async with daemon(tmp_path) as gateway:
        for number in (NUMBER, "+15555552034"):
            message = a_letter("x@fax.clinic.example", f"{CANARY} body\n")
            message.replace_header("Subject", f"{CANARY} subject")
            message.add_attachment(content, maintype="application", subtype="pdf", filename=f"{CANARY}.pdf")
            await asyncio.to_thread(hand_in, gateway.smtp_port, message, f"{number}@fax.clinic.example")
        refused = a_letter("x@fax.clinic.example", f"{CANARY}\n")
        refused.add_attachment(b"PK\x03\x04", maintype="application", subtype="zip", filename=f"{CANARY}.zip")
        await asyncio.to_thread(hand_in, gateway.smtp_port, refused, "+12025550146@fax.clinic.example")
        await gateway.simulator.receive_fax(OURS, sender=CANARY, pages=1)
        await gateway.mail_to(SENDER, 3)
        await gateway.mail_to(ROUTED[0])
        seen = gateway.log.read_text() + await gateway.metrics() + gateway.argv()
        assert "accepted" in seen
        for word in (CANARY, CANARY.lower(), "2025550143", "5555552034", "2025550100", "webhook-password"):
            assert word not in seen, word


async def test_a_stop_under_load_ends_in_time_and_loses_nothing(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        accepted: list[str] = []

        async def keep_sending(worker: int) -> None:
            for number in range(50):
                to = f"+1202555{worker}{number:03}@fax.clinic.example"
                try:
                    await asyncio.to_thread(hand_in, gateway.smtp_port, a_letter(to), to)
                except (smtplib.SMTPException, OSError, AssertionError):
                    return
                accepted.append(to.partition("@")[0])

        senders = [asyncio.create_task(keep_sending(worker)) for worker in range(6)]

        async def under_way() -> bool:
            return len(accepted) >= 30

        await until(under_way)
        began = time.monotonic()
        assert await gateway.stop() == 0
        assert time.monotonic() - began < 20
        await asyncio.gather(*senders)
        await gateway.start()

        async def all_told() -> bool:
            return len(gateway.mails_to(SENDER)) >= len(accepted)

        await until(all_told, 60)
        assert sorted(fax["to"] for fax in gateway.simulator.faxes()) == sorted(accepted)


async def test_a_second_daemon_on_the_same_store_is_refused(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        second = await gateway.run(sys.executable, "-m", "gateway", "serve", "--config", str(gateway.config))
        assert second.returncode == 75
        assert "another process works on the store" in second.stderr
        assert (await gateway.health())[0] == 200


async def test_a_disk_error_ends_the_daemon_with_its_own_status_and_acknowledges_nothing(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        assert await gateway.stop() == 0
        await gateway.start(FAXGW_FAILPOINT="o3.before_directory_fsync:error")
        with pytest.raises(AssertionError, match="451"):
            await asyncio.to_thread(
                hand_in, gateway.smtp_port, a_letter("x@fax.clinic.example"), f"{NUMBER}@fax.clinic.example"
            )
        assert await gateway.ended() == 74
        assert "disk error: intake stopped" in gateway.log.read_text()
        assert gateway.simulator.faxes() == []


async def test_webhooks_without_the_right_credentials_reach_nothing(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway, aiohttp.ClientSession() as http:
        base = f"http://127.0.0.1:{gateway.web_port}/webhooks"
        event = {"event": "INCOMING_FAX", "fax": {"id": "01KA", "direction": "INBOUND"}}
        right = encode_basic_auth("faxgw", "webhook-password")
        for url, auth, status in (
            (f"{base}/sinch/a-path-secret-0001", "", 401),
            (f"{base}/sinch/a-path-secret-0001", encode_basic_auth("faxgw", "wrong"), 401),
            (f"{base}/sinch/another-secret-001", right, 404),
            (f"{base}/nobody/a-path-secret-0001", right, 404),
            (f"{base}/sinch/a-path-secret-0001", right, 200),
        ):
            async with http.post(url, json=event, headers={"Authorization": auth}) as answer:
                assert answer.status == status
        assert len(await gateway.faxgw("faxes", "list")) == 1


async def test_a_daemon_that_was_told_nothing_finds_its_faxes(tmp_path: Path) -> None:
    async with daemon(tmp_path) as gateway:
        gateway.simulator.set_faults([{"fault": "lose_callback"}])
        await gateway.simulator.receive_fax(OURS, sender="+13125550177", pages=1)
        await gateway.mail_to(ROUTED[0])
