"""The canary's mails: one that goes round and is only counted, one that becomes a page, and the figures of a week."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.addresses import canary_address, canary_token, read_recipient
from gateway.core.reasons import PermanentError, Reason
from gateway.core.refusal import Refusal
from gateway.core.week import NIGHTS, Mark, Week
from gateway.mail.canary_mails import compose_fax_message, compose_round_mail
from gateway.mail.compose import Heading
from gateway.mail.weekly import WeeklyMail, compose_weekly
from gateway.message_to_document import make_document
from gateway.smtp import SmtpLimits, SmtpListener
from gateway.store.schema import mail_delivery, mapping_reading, message
from tests.canary_world import FIRST, NEW_YORK, CanaryWorld, read_mail
from tests.fakes import OPERATOR, START
from tests.smtp.fax_desk import Client, RememberingLog

GOLDEN = Path(__file__).parent / "golden_canary"
HEADING = Heading(
    from_name="Fax gateway",
    from_address="postmaster@fax.example",
    to="canary+C-01234567@fax.example",
    date=datetime(2026, 11, 3, 8, 30, tzinfo=UTC),
    message_id="<C-01234567@gw.fax.example>",
)
WEEK = Week(
    last_night=date(2026, 11, 23),
    zone=NEW_YORK,
    legs=(
        ("fax sinch", tuple(map(Mark, "-wwwwww"))),
        ("webhook sinch", tuple(map(Mark, "-wwxwww"))),
        ("mail", tuple(map(Mark, "-wwwwww"))),
    ),
    delivered=412,
    failed=9,
    unknown=1,
    waiting=3,
    oldest_waiting=datetime(2026, 11, 23, 8, 12, tzinfo=UTC),
    received=957,
    not_received=2,
    held=1,
    drifted=("sinch",),
    free_bytes=48_200_000_000,
)
CALM = replace(
    WEEK,
    legs=tuple((leg, tuple(map(Mark, "wwwwwww"))) for leg, _ in WEEK.legs),
    unknown=0,
    waiting=0,
    oldest_waiting=None,
    held=0,
    drifted=(),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CanaryWorld]:
    world = CanaryWorld(tmp_path)
    await world.start()
    yield world
    await world.stop()


# --- the mail that goes round


def test_the_round_mail_is_golden() -> None:
    assert compose_round_mail(HEADING) == (GOLDEN / "round.eml").read_bytes()


def test_the_canarys_address_is_read_back_however_it_is_written() -> None:
    address = canary_address("C-01234567", "fax.example")
    assert address == "canary+C-01234567@fax.example"
    for written in (address, address.lower(), address.upper(), '"canary+C-01234567"@fax.example'):
        assert canary_token(written) == "C-01234567"


@pytest.mark.parametrize(
    "address",
    ["canary@fax.example", "canary+C-0123456@fax.example", "canary+F-01234567@fax.example", "C-01234567@fax.example"],
)
def test_nothing_else_is_the_canarys_address(address: str) -> None:
    assert canary_token(address) is None
    with pytest.raises(Refusal):
        read_recipient(address, domain="fax.example", home_country="US", allow_test_numbers=False)


@asynccontextmanager
async def client_of(world: CanaryWorld) -> AsyncIterator[Client]:
    """A mail server in front of us, over a real socket."""
    listener = SmtpListener(world.email_to_fax, "gw.fax.example", SmtpLimits(), RememberingLog())
    (address,) = await listener.start(["127.0.0.1:0"])
    client = await Client.connect(address)
    await client.open()
    try:
        yield client
    finally:
        await client.close()
        await listener.stop(0)


async def token_of_tonight(world: CanaryWorld) -> str:
    """A night in which the mail is out and has not come back."""
    world.wants(fax=False, webhook=False, mail="returns")
    await world.sleep_until(3, 8, 30)
    await world.canary.run()
    [leg] = await world.legs(FIRST)
    return leg.token


async def send(client: Client, mail_from: str, *recipients: str) -> str:
    await client.transact(*recipients, mail_from=mail_from)
    return await client.ask("Subject: anything\r\nAuto-Submitted: auto-generated\r\n\r\ntext\r\n.")


@pytest.mark.parametrize("mail_from", ["", "bounces+x=y@mail.clinic.example", "stranger@nowhere.example"])
async def test_the_mail_that_comes_back_is_taken_from_any_sender_and_counted(
    world: CanaryWorld, mail_from: str
) -> None:
    token = await token_of_tonight(world)
    async with client_of(world) as client:
        assert (await send(client, mail_from, f"canary+{token.lower()}@FAX.example")).startswith(
            "250 2.0.0 queued as E-"
        )
    await world.minutes(1)
    [leg] = await world.legs(FIRST)
    assert leg.well is True
    assert await rows(world, message) == 0
    assert list(world.documents.names()) == [], "nothing of it is kept"
    assert world.told() == [], "nor forwarded"


async def rows(world: CanaryWorld, table: sa.Table) -> int:
    return int(await world.database.read(lambda tx: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar()))


async def test_a_token_that_nobody_gave_out_is_no_address(world: CanaryWorld) -> None:
    await token_of_tonight(world)
    async with client_of(world) as client:
        assert await send(client, "", "canary+C-ZZZZZZZZ@fax.example") == "550 5.1.1 no such address"
        assert (await client.ask("NOOP")).startswith("250"), "the session goes on"
    assert list(world.documents.names()) == []
    [leg] = await world.legs(FIRST)
    assert "returned_at" not in leg.facts


async def test_a_token_of_another_leg_is_no_address_either(world: CanaryWorld) -> None:
    legs = await world.night()
    async with client_of(world) as client:
        assert (await send(client, "", f"canary+{legs['fax sinch'].token}@fax.example")).startswith("550 5.1.1")


async def test_a_copy_and_a_latecomer_are_taken_and_count_nothing(world: CanaryWorld) -> None:
    token = await token_of_tonight(world)
    await world.minutes(40)
    async with client_of(world) as client:
        for _ in range(2):
            assert (await send(client, "", f"canary+{token}@fax.example")).startswith("250")
    await world.minutes(5)
    [leg] = await world.legs(FIRST)
    assert leg.well is False


async def test_a_client_outside_the_listed_networks_is_refused_as_ever(world: CanaryWorld) -> None:
    token = await token_of_tonight(world)
    with pytest.raises(Refusal) as refusal:
        world.email_to_fax.check_recipient("192.0.2.1", "", f"canary+{token}@fax.example")
    assert refusal.value.reply.startswith("550 5.7.1")


async def test_beside_another_recipient_it_is_a_mail_like_any_other(world: CanaryWorld) -> None:
    """Nobody sends such a mail in earnest: the operator gets it, and it is not taken for the canary's own."""
    token = await token_of_tonight(world)
    await world.hand_in("ana@clinic.example", f"canary+{token}@fax.example", "+12025550143@fax.example")
    await world.run_until_idle()
    [leg] = await world.legs(FIRST)
    assert "returned_at" not in leg.facts
    assert len(world.next_hop.to(OPERATOR)) == 1


# --- the message that becomes a page


@pytest.mark.parametrize("message_text", ["always", "alone", "never"])
def test_the_message_of_the_own_fax_is_one_page_whatever_is_said_about_texts(message_text: str) -> None:
    stored = b"{}\n" + compose_fax_message(replace(HEADING, to="+12025550199@fax.example"))
    output = BytesIO()
    arguments = {"paper": "letter", "message_text": message_text, "max_pages": 5}
    made = make_document(arguments, inputs=[BytesIO(stored)], output=output)
    assert made["pages"] == 1
    assert output.getvalue().startswith(b"%PDF")


# --- the week


def parts(content: bytes) -> tuple[str, str]:
    mail = read_mail(content)
    assert mail.get_content_type() == "multipart/alternative"
    text, page = mail.iter_parts()
    assert (text.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    return text.get_content().replace("\r\n", "\n"), page.get_content()


def weekly(week: Week) -> bytes:
    heading = replace(HEADING, to=OPERATOR, date=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), message_id="<M-1.week@gw>")
    return compose_weekly(WeeklyMail(heading, "fax.example", week))


@pytest.mark.parametrize(("name", "week"), [("weekly", WEEK), ("weekly_calm", CALM)])
def test_the_weekly_mail_is_golden(name: str, week: Week) -> None:
    assert weekly(week) == (GOLDEN / f"{name}.eml").read_bytes()


def test_both_parts_of_the_weekly_mail_tell_the_same() -> None:
    text, page = parts(weekly(WEEK))
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.partition("<body")[2]))
    for said in ("412", "957", "Could not be sent", "48.2 GB", "23 Nov, 03:12", "differ at sinch", *WEEK.concerns):
        assert said in text
        assert said in shown or said.replace("`", "`") in shown
    assert text.count("✓") == page.count("✓")
    assert text.count("✗") == page.count("✗")


def test_each_night_stands_under_its_day() -> None:
    text, _ = parts(weekly(WEEK))
    [days] = [line for line in text.splitlines() if line.startswith("Canary")]
    [marks] = [line for line in text.splitlines() if line.startswith("webhook")]
    at = marks.index("✗")
    assert days[at - 1 : at + 2] == "Fri"
    assert [f"{night:%d}" for night in WEEK.nights] == ["17", "18", "19", "20", "21", "22", "23"]


def test_a_calm_week_says_so_in_its_subject() -> None:
    assert read_mail(weekly(CALM))["Subject"] == "Fax gateway: the week to 23 Nov: all is well"
    assert read_mail(weekly(WEEK))["Subject"] == "Fax gateway: the week to 23 Nov: 4 things to look at"


def test_what_stands_in_the_html_is_escaped() -> None:
    odd = replace(WEEK, legs=(("fax <b>&", tuple(map(Mark, "wwwwwww"))),), drifted=("<script>",))
    _, page = parts(weekly(odd))
    assert "<script>" not in page
    assert "fax &lt;b&gt;&amp;" in page


@given(
    counts=st.lists(st.integers(0, 10**6), min_size=7, max_size=7),
    marks=st.lists(st.text("wx-", min_size=NIGHTS, max_size=NIGHTS), max_size=4),
    drifted=st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True), max_size=3),
    since=st.none() | st.integers(0, 10**6).map(lambda second: START + timedelta(seconds=second)),
)
def test_a_week_survives_its_row(
    counts: list[int], marks: list[str], drifted: list[str], since: datetime | None
) -> None:
    names = ("delivered", "failed", "unknown", "waiting", "received", "not_received", "held")
    week = replace(
        WEEK,
        **dict(zip(names, counts, strict=True)),
        legs=tuple((f"fax a{place}", tuple(map(Mark, row))) for place, row in enumerate(marks)),
        drifted=tuple(drifted),
        oldest_waiting=since,
        zone=ZoneInfo("Europe/Berlin"),
    )
    facts = week.facts()
    assert all(isinstance(value, str) for value in facts.values())
    assert Week.of(facts) == week


async def test_the_week_is_told_once_after_the_night_of_its_day(world: CanaryWorld) -> None:
    """The fakes begin on a Monday after its night: the first week that is told ends on the Monday after."""
    for day in (3, 4, 5, 6, 7, 8):
        world.tryable.calls_back = day != 5
        await world.night(day)
    weekly_mails = [mail for mail in world.told() if mail.get_content_type() == "multipart/alternative"]
    assert weekly_mails == []
    await world.sleep_until(9, 8, 30)
    await world.canary.run()
    await world.run_until_idle()
    assert await ordered(world) == 0, "its own night comes first"
    await world.night(9)
    await world.night(10)
    assert await ordered(world) == 1
    [mail] = [mail for mail in world.told() if mail.get_content_type() == "multipart/alternative"]
    [text, _] = mail.iter_parts()
    lines = text.get_content().splitlines()
    marks = {line[:14].strip(): line[14:].split() for line in lines if line.startswith(("fax", "webhook", "mail"))}
    assert marks["fax sinch"] == ["✓", "✓", "✗", "✓", "✓", "✓", "✓"]
    assert marks["mail"] == ["✓"] * 7
    assert mail["To"] == OPERATOR
    assert "1 leg of the canary did not come home." in text.get_content()


async def ordered(world: CanaryWorld) -> int:
    found = sa.select(sa.func.count()).where(mail_delivery.c.kind == "weekly")
    return int(await world.database.read(lambda tx: tx.execute(found).scalar()))


async def test_a_week_whose_day_was_slept_through_is_told_when_we_wake(world: CanaryWorld) -> None:
    await world.sleep_until(11, 12, 0)
    await world.minutes(40)
    assert await ordered(world) == 1


async def test_without_a_canary_the_week_is_told_all_the_same(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="off")
    await world.sleep_until(9, 8, 30)
    await world.minutes(1)
    [mail] = world.told()
    assert "Canary" not in next(mail.iter_parts()).get_content()


async def test_the_week_counts_what_happened_in_it(world: CanaryWorld) -> None:
    world.wants(fax=False, webhook=False, mail="off")
    await world.accept("+12025550143")
    await world.pass_time(hours=1)
    world.provider.has_received("in-1")
    await world.fax_to_email.catch_up(timedelta(days=1))
    await world.pass_time(hours=1)
    await world.database.write(note_drift)
    await world.sleep_until(9, 8, 30)
    await world.accept("+12025550144")
    await world.pass_time(minutes=5)  # of the next week
    await world.accept("+12025550145")
    await world.canary.run()
    facts = await world.database.read(
        lambda tx: tx.execute(sa.select(mail_delivery.c.facts).where(mail_delivery.c.kind == "weekly")).scalar_one()
    )
    week = Week.of(facts)
    assert (week.delivered, week.failed, week.unknown, week.received, week.not_received) == (1, 0, 0, 1, 0)
    assert (week.waiting, week.oldest_waiting, week.drifted) == (1, world.clock(), ("sinch",))
    assert week.free_bytes > 0
    assert not re.search(r"\d{10}", " ".join(value for name, value in facts.items() if name != "free_bytes"))


def note_drift(tx: sa.Connection) -> None:
    for account, told in (("other", ""), ("sinch", "0f0f0f0f")):
        tx.execute(sa.insert(mapping_reading).values(account=account, read_at=START, told=told))


async def test_a_weekly_mail_that_nobody_takes_makes_no_further_mail(world: CanaryWorld) -> None:
    world.next_hop.will_answer(OPERATOR, PermanentError(Reason.MAIL_REFUSED, "550"), times=9)
    world.wants(fax=False, webhook=False, mail="off")
    await world.sleep_until(9, 8, 30)
    await world.minutes(5)
    assert await rows(world, mail_delivery) == 1
