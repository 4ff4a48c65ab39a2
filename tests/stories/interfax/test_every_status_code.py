"""Every status of InterFAX, from a letter to its last word: the stories against the simulator's test numbers.

status_outcomes.csv says for each final status how a fax ends that gets it at every call, what the sender reads in his
report, and how many calls are made.
"""

from __future__ import annotations

import csv
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fpdf import FPDF

from gateway.core.account_choice import AccountRule
from gateway.core.lifecycle import FaxState
from gateway.core.model import FaxJob
from gateway.core.refusal import Refusal
from gateway.email_to_fax import Rendered
from gateway.providers.interfax import Interfax, InterfaxSettings
from gateway.simulator import Clock, InterfaxSimulator
from gateway.store import fax_jobs, invariants, reports
from tests.fakes import OPERATOR, OURS, RULES, SENDER, START, Gateway

OUTCOMES = list(csv.DictReader((Path(__file__).parent / "status_outcomes.csv").read_text().splitlines()))
PEER = "127.0.0.1"
TEST_NUMBERS = "+9999999"


@dataclass
class Line:
    """A gateway and its simulated InterFAX, whose clocks go together."""

    gateway: Gateway
    simulator: InterfaxSimulator

    async def passes(self, step: float = 10, **duration: float) -> None:
        """Lets time pass, a few seconds at a time."""
        end = self.gateway.clock.now + timedelta(**duration)
        while self.gateway.clock.now < end:
            await self.gateway.pass_time(seconds=step)
            await self.simulator.advance(step)

    async def fax_to(self, *codes: str) -> list[str]:
        """Hands in one letter with a report for the test number of each status; answers the ids of its faxes."""
        story = self.gateway.email_to_fax
        read = [story.check_recipient(PEER, SENDER, f"+999-9999-{code}@fax.example") for code in codes]
        receipt = await self.gateway.accept(*filter(None, read), notify="SUCCESS,FAILURE")
        return list(receipt.job_ids)

    async def job(self, job_id: str) -> FaxJob:
        found = await self.gateway.database.read(fax_jobs.get_job, job_id)
        assert found is not None
        return found

    def calls(self) -> Counter[str]:
        """Counts the faxes that InterFAX was given, by the status of their number."""
        return Counter(fax["to"].removeprefix(TEST_NUMBERS) for fax in self.simulator.faxes())

    def reports(self) -> dict[str, list[dict[str, str]]]:
        """Reads the reports to the sender, by status: their fields about the recipient (RFC 3464 2.3)."""
        found: dict[str, list[dict[str, str]]] = {}
        for mail in self.gateway.next_hop.to(SENDER):
            report = email.message_from_bytes(mail.content, policy=email.policy.default)
            status = next(part for part in report.walk() if part.get_content_type() == "message/delivery-status")
            fields = dict(status.get_payload()[1].items())
            number = fields["Final-Recipient"].partition(";")[2].strip().partition("@")[0]
            found.setdefault(number.removeprefix(TEST_NUMBERS), []).append(fields)
        return found


async def one_page(_message: Path, _look: str) -> Rendered:
    """Renders every letter: InterFAX opens what it gets."""
    pdf = FPDF()
    pdf.add_page()
    return Rendered(bytes(pdf.output()), 1, ())


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    simulator = InterfaxSimulator(clock=Clock(START.timestamp), polls_per_minute=0)
    gateway = Gateway(tmp_path, accounts=("interfax",), account_rules=(AccountRule(("interfax",)),))
    settings = InterfaxSettings(
        username=simulator.username,
        password=simulator.password,
        numbers=(OURS,),
        base_url=await simulator.start(),
        polls_per_minute=1e9,
        requests_per_second=1000,
    )
    provider = Interfax("interfax", settings, gateway.clock)
    gateway.providers["interfax"] = provider
    rules = replace(RULES, allow_test_numbers=True)
    gateway.email_to_fax = replace(gateway.email_to_fax, rules=rules, make_document=one_page)
    gateway._wire()
    await gateway.start()
    yield Line(gateway, simulator)
    assert await gateway.database.read(invariants.find_violations) == []
    await provider.close()
    await simulator.stop()
    gateway.close()


async def test_every_final_status_ends_as_its_category_says(line: Line) -> None:
    """All at once, each at its own test number; the last one is in no table of theirs."""
    codes = [row["code"] for row in OUTCOMES]
    faxes = await line.fax_to(*codes)
    await line.passes(minutes=30)
    calls, told = line.calls(), line.reports()
    ended = []
    for code, fax in zip(codes, faxes, strict=True):
        job = await line.job(fax)
        [report] = told[code]
        reason = job.reason.code if job.reason else ""
        assert report["Action"] == ("delivered" if code == "0" else "failed")
        assert report["Diagnostic-Code"].startswith(f"x-fax; {reason} (interfax {code} ")
        ended.append(
            dict(zip(OUTCOMES[0], (code, str(job.state), reason, report["Status"], str(calls[code])), strict=True))
        )
    assert ended == OUTCOMES


async def test_a_fax_in_process_is_asked_for_and_never_sent_again(line: Line) -> None:
    """Whatever negative status it has: preparing, queued, one in no table, sending or waiting for a next call."""
    line.simulator.set_faults([{"fault": "stuck"}, {"fault": "unlisted_state"}])
    [fax] = await line.fax_to("0")
    seen = set()
    for _ in range(20):
        await line.passes(step=0.05, seconds=0.05)
        seen |= {each["code"] for each in line.simulator.faxes()}
        assert (await line.job(fax)).state in (FaxState.QUEUED, FaxState.READY, FaxState.SUBMITTED)
    await line.passes(step=300, hours=23)
    assert seen == {-1, -7, -3}
    assert (await line.job(fax)).state is FaxState.SUBMITTED
    assert (line.calls().total(), line.gateway.next_hop.mails) == (1, [])
    await line.passes(step=300, hours=2)
    assert (await line.job(fax)).state is FaxState.UNKNOWN
    assert [each["Status"] for each in line.reports()["0"]] == ["4.5.0"]
    assert line.calls().total() == 1


async def test_a_fax_held_for_credit_waits_goes_on_with_it_and_is_told_to_the_operator(line: Line) -> None:
    line.simulator.set_balance(Decimal(0))
    [fax] = await line.fax_to("0")
    await line.passes(minutes=30)
    assert [each["code"] for each in line.simulator.faxes()] == [-22]
    assert (await line.job(fax)).state is FaxState.SUBMITTED
    [alert] = line.gateway.next_hop.mails
    assert alert.to == OPERATOR
    [trouble] = await line.gateway.database.read(reports.troubled_accounts)
    assert (trouble.name, trouble.reason) == ("interfax", "out_of_credit")
    line.simulator.set_balance(Decimal(10))
    await line.passes(minutes=10)
    assert (await line.job(fax)).state is FaxState.DELIVERED
    assert line.calls().total() == 1


async def test_a_fax_that_got_no_credit_in_time_is_final_and_told_to_its_sender(line: Line) -> None:
    """The operator was told a day before, when it began to wait with -22."""
    [fax] = await line.fax_to("205000")
    await line.passes(hours=2)
    assert (await line.job(fax)).state is FaxState.FAILED
    assert line.calls() == {"205000": 1}
    [report] = line.gateway.next_hop.mails
    assert report.to == SENDER
    assert b"Status: 4.3.5" in report.content


async def test_test_numbers_are_refused_unless_the_configuration_allows_them(line: Line) -> None:
    line.gateway.email_to_fax = replace(line.gateway.email_to_fax, rules=RULES)
    with pytest.raises(Refusal, match="test numbers"):
        await line.fax_to("0")
