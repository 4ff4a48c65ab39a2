"""The judge rejects every broken promise: hand-made ledgers, one wrong thing each."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from email.message import EmailMessage, MIMEPart
from hashlib import sha256
from pathlib import Path
from typing import Any

import judge as the_judge
import pytest
from judge import TEST_NUMBERS, Fax, Inbound, Mail, Order, Told, judge, read_client

ORDER = Order("<m1@clinic.example>", "+12025550143@fax.example")
FAX = Fax("p1", "+12025550143", ("F-A-1",), "2026-11-02T09:00:00Z", "COMPLETED", "2026-11-02T09:00:09Z")
FAILED = replace(FAX, status="FAILURE")
AGAIN = replace(FAX, id="p2", labels=("F-A-2",), created="2026-11-02T09:01:00Z", ended="2026-11-02T09:01:09Z")
RECEIPT = Mail("ana@clinic.example", "<n1@fax.example>", Told.SUCCESS, ORDER.message, fax="F-A")
REPORT = replace(RECEIPT, told=Told.FAILURE, recipient=ORDER.address)
RECEIVED = Inbound("i1", "aa", ("front@clinic.example", "lab@clinic.example"))
TO_FRONT = Mail("front@clinic.example", "<r1@fax.example>", Told.FAX, fax="R-1", sha256="aa")
TO_LAB = replace(TO_FRONT, to="lab@clinic.example", message_id="<r2@fax.example>")


def broken(
    orders: list[Order] | None = None,
    faxes: list[Fax] | None = None,
    inbound: list[Inbound] | None = None,
    mails: list[Mail] | None = None,
) -> str:
    """Judges a world of one order unless told otherwise; answers what is broken."""
    orders = [ORDER] if orders is None else orders
    return "\n".join(judge(orders, faxes or [], inbound or [], mails or []).broken)


@pytest.mark.parametrize(
    ("faxes", "mails"),
    [
        pytest.param([FAX], [RECEIPT], id="delivered"),
        pytest.param([FAX], [RECEIPT, RECEIPT], id="a copy of the receipt is harmless"),
        pytest.param([FAILED], [REPORT], id="failed"),
        pytest.param([FAILED, AGAIN], [RECEIPT], id="called again after a failure"),
        pytest.param([], [REPORT], id="failed before any call"),
        pytest.param([FAX], [replace(REPORT, told=Told.UNKNOWN)], id="unknown is an honest outcome"),
        pytest.param(
            [FAX],
            [replace(REPORT, told=Told.UNKNOWN), replace(RECEIPT, told=Told.FOLLOW_UP, message_id="<n2>")],
            id="unknown, and known later",
        ),
        *(
            pytest.param([FAX, replace(FAX, id="k", number=number, labels=("K-1",))], [RECEIPT], id=f"marker {number}")
            for number in sorted(TEST_NUMBERS)
        ),
    ],
)
def test_a_kept_promise_is_no_complaint(faxes: list[Fax], mails: list[Mail]) -> None:
    assert not broken(faxes=faxes, mails=mails)


@pytest.mark.parametrize(
    ("faxes", "mails", "complaint"),
    [
        pytest.param([], [], "lost: 0 faxes", id="lost before the provider"),
        pytest.param([FAX], [], "lost: 1 faxes", id="delivered and nobody told"),
        pytest.param([FAILED], [], "lost: 1 faxes", id="failed and nobody told"),
        pytest.param([FAX, AGAIN], [RECEIPT], "sent twice", id="twice"),
        pytest.param([FAX, replace(AGAIN, status="IN_PROGRESS", ended="")], [RECEIPT], "sent twice", id="open"),
        pytest.param([FAX, replace(AGAIN, labels=FAX.labels)], [RECEIPT], "label F-A-1 has 2", id="one label"),
        pytest.param([FAILED, replace(AGAIN, created="2026-11-02T09:00:05Z")], [RECEIPT], "still open", id="in"),
        pytest.param([], [RECEIPT], "no fax of it arrived", id="told delivered of nothing"),
        pytest.param([FAILED], [RECEIPT], "no fax of it arrived", id="told delivered of a failure"),
        pytest.param([FAX], [REPORT], "told failed, and a fax", id="told failed and it arrived"),
        pytest.param([FAX], [RECEIPT, REPORT], "told delivered and failed", id="two outcomes"),
        pytest.param([FAX], [RECEIPT, replace(RECEIPT, message_id="<n9>")], "not copies", id="other Message-ID"),
        pytest.param([FAX, replace(FAX, id="p9", number="+1999")], [RECEIPT], "nobody ordered", id="stray fax"),
        pytest.param([FAX], [RECEIPT, replace(RECEIPT, answers="<m9>")], "nobody ordered", id="stray receipt"),
    ],
)
def test_a_broken_promise_about_a_sent_fax_is_found(faxes: list[Fax], mails: list[Mail], complaint: str) -> None:
    assert complaint in broken(faxes=faxes, mails=mails)


def test_a_message_without_250_is_absent_or_sent_once() -> None:
    silent = replace(ORDER, promised=False)
    assert not broken([silent])
    assert not broken([silent], [FAX], mails=[RECEIPT])
    assert "sent twice" in broken([silent], [FAX, AGAIN], mails=[RECEIPT])
    assert "lost" in broken([silent], [FAX])


def test_a_refused_message_leaves_no_trace() -> None:
    refused = replace(ORDER, promised=False, refused=True)
    assert not broken([refused])
    assert "refused at the door" in broken([refused], [FAX], mails=[RECEIPT])


def test_each_recipient_of_one_message_has_its_own_outcome() -> None:
    other = replace(ORDER, address="+12025550144@fax.example")
    second = replace(FAX, id="p2", number=other.number, labels=("F-B-1",))
    delivered = replace(REPORT, told=Told.SUCCESS)
    also = replace(delivered, recipient=other.address, fax="F-B", message_id="<n2>")
    assert not broken([ORDER, other], [FAX, second], mails=[delivered, also])
    assert "+12025550144: lost" in broken([ORDER, other], [FAX, second], mails=[delivered])
    assert "+12025550144: lost" in broken([ORDER, other], [FAX, second], mails=[RECEIPT, delivered])


def test_a_received_fax_reaches_everybody_it_is_for() -> None:
    assert not broken([], inbound=[RECEIVED], mails=[TO_FRONT, TO_LAB, TO_LAB])
    assert "never reached lab@" in broken([], inbound=[RECEIVED], mails=[TO_FRONT])


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        pytest.param(replace(TO_LAB, message_id="<r3@fax.example>"), "not copies", id="two different mails"),
        pytest.param(replace(TO_LAB, fax="R-2"), "taken in twice", id="two rows for one fax"),
        pytest.param(replace(TO_LAB, to="spy@other.example"), "for whom it is not", id="wrong person"),
        pytest.param(replace(TO_LAB, sha256="bb", fax="R-2"), "nobody sent", id="from nowhere"),
    ],
)
def test_a_broken_promise_about_a_received_fax_is_found(extra: Mail, complaint: str) -> None:
    assert complaint in broken([], inbound=[RECEIVED], mails=[TO_FRONT, TO_LAB, extra])


def test_the_last_reply_of_a_message_tried_again_counts() -> None:
    tries: list[dict[str, Any]] = [
        {"msg": "<m1>", "rcpts": ["+1@x", "+2@x"], "reply": None},
        {"msg": "<m1>", "rcpts": ["+1@x", "+2@x"], "reply": "250 2.0.0 queued as F-A, F-B"},
        {"msg": "<m2>", "rcpts": ["+3@x"], "reply": "451 4.3.0 try again later"},
        {"msg": "<m3>", "rcpts": ["+4@x"], "reply": "554 5.6.0 no"},
        {"inbound": "i1", "sha256": "aa", "addresses": ["a@x"]},
    ]
    orders, inbound = read_client(tries)
    assert [(o.number, o.promised, o.refused) for o in orders] == [
        ("+1", True, False),
        ("+2", True, False),
        ("+3", False, False),
        ("+4", False, True),
    ]
    assert inbound == [Inbound("i1", "aa", ("a@x",))]


def test_the_program_judges_files(tmp_path: Path) -> None:
    """The judge is a program of its own: files in, sentences out, exit status 1 if a promise was broken."""
    lines: dict[str, list[dict[str, Any]]] = {
        "client.jsonl": [
            {"msg": "<m1@c>", "rcpts": ["+1202@x"], "reply": "250 2.0.0 queued as F-A"},
            {"msg": "<m2@c>", "rcpts": ["+1203@x"], "reply": "250 2.0.0 queued as F-B"},
            {"inbound": "i1", "sha256": sha256(b"%PDF").hexdigest(), "addresses": ["lab@c"]},
        ],
        "provider.jsonl": [
            {"id": "p1", "to": "+1202", "labels": {"reference": "F-A-1"}, "time": "2026-11-02T09:00:00Z"}
        ],
        "ledger.jsonl": [
            {"to": ["ana@c"], "message_id": "<n1>", "file": "1.eml"},
            {"to": ["ana@c"], "message_id": "<n2>", "file": "2.eml"},
            {"to": ["lab@c"], "message_id": "<r1>", "file": "3.eml"},
            {"to": ["root@c"], "message_id": "<a1>", "file": "4.eml"},
        ],
    }
    for name, content in lines.items():
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in content))
    ended = {"id": "p1", "status": "COMPLETED", "completedTime": "2026-11-02T09:00:09Z"}
    (tmp_path / "faxes.json").write_text(json.dumps([ended]))
    for number, mail in enumerate((_receipt(), _report(), _fax_mail(), _alert()), 1):
        (tmp_path / f"{number}.eml").write_bytes(mail.as_bytes())
    command = [sys.executable, the_judge.__file__, *("client.jsonl", "provider.jsonl", "faxes.json", ".")]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert "2 messages promised, 2 recipients promised, 1 faxes accepted" in good.stdout
    assert "1 told delivered, 1 told failed, 0 told may have been sent" in good.stdout
    (tmp_path / "ledger.jsonl").write_text("")
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "BROKEN: +1202: lost" in bad.stdout
    assert "BROKEN: received fax i1 never reached lab@c" in bad.stdout


def _receipt() -> EmailMessage:
    mail = EmailMessage()
    mail["X-FaxGateway-Job"], mail["In-Reply-To"] = "F-A", "<m1@c>"
    mail.set_content("Your fax was delivered.\n")
    return mail


def _report() -> EmailMessage:
    mail = EmailMessage()
    mail["Content-Type"] = 'multipart/report; report-type="delivery-status"'
    mail["X-FaxGateway-Job"], mail["In-Reply-To"] = "F-B", "<m2@c>"
    text, status = MIMEPart(), MIMEPart()
    text.set_content("Your fax could not be delivered.\n")
    status["Content-Type"] = "message/delivery-status"
    per_message, per_recipient = MIMEPart(), MIMEPart()
    per_message["Reporting-MTA"] = "dns; fax.example"
    per_recipient["Final-Recipient"], per_recipient["Action"] = "rfc822;+1203@x", "failed"
    per_recipient["Status"] = "5.1.1"
    status.set_payload([per_message, per_recipient])
    mail.set_payload([text, status])
    return mail


def _fax_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["X-FaxGateway-Fax"] = "R-1"
    mail.set_content("A fax has arrived.\n")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="fax.pdf")
    return mail


def _alert() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "Fax gateway: something"
    mail.set_content("Something.\n")
    return mail
