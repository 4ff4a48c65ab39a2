"""Six polls a minute are enough for everybody, and never more than six go out. In virtual time."""

from __future__ import annotations

import asyncio
import heapq
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import virtual_time
from hypothesis import example, given, settings
from hypothesis import strategies as st
from virtual_time import now

from gateway.core.lifecycle import FaxTiming, ladder
from gateway.core.model import FaxReport, Phase
from gateway.core.reasons import AccountError, Reason, TemporaryError
from gateway.providers.interfax.client import PAGE_SIZE
from gateway.providers.interfax.polling import Shared, Turns, newest_first
from gateway.providers.interfax.received_faxes import ReceivedFaxes
from gateway.providers.interfax.return_codes import TooFrequentError
from gateway.providers.interfax.sent_faxes import SentFaxes
from gateway.providers.interfax.words import record_of

START = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
FIRST = 2_150_000_001


def anything_goes() -> None:
    """Nothing keeps us from asking."""


@dataclass
class Service:
    """What the client sees of InterFAX: faxes that end at a time, lists that lag, answers that take a while."""

    ends: dict[int, float] = field(default_factory=dict)
    submitted: dict[int, float] = field(default_factory=dict)
    delay: float = 0.5
    lag: float = 0.0
    most_rows: int = PAGE_SIZE
    arrivals: list[float] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    async def sent_faxes(self, *, below: int | None = None, above: int | None = None) -> list[Any]:
        await self._arrives("list" if above is None else "neighbours")
        numbers = sorted((number for number in self.submitted if self._is_listed(number)), reverse=above is None)
        wanted = [n for n in numbers if (below is None or n < below) and (above is None or n > above)]
        return self._rows(wanted[: self.most_rows])

    async def search(self, **filters: str) -> list[Any]:
        await self._arrives(f"search {len(filters['ids'].split(','))}")
        assert len(filters["ids"]) <= 1600
        numbers = [int(number) for number in filters["ids"].split(",")]
        known = [number for number in numbers if number in self.submitted and self._is_listed(number)]
        return self._rows(sorted(known, reverse=True)[: self.most_rows])

    async def sent_fax(self, number: int) -> Any:
        await self._arrives("one")
        return self._rows([number])[0] if number in self.submitted else None

    async def received_faxes(self, *, below: int | None = None) -> list[Any]:
        await self._arrives("received")
        return []

    def submit(self, number: int, *, lasts: float) -> None:
        """A fax is handed over; it ends after so many seconds."""
        self.submitted[number] = now()
        self.ends[number] = now() + lasts

    def busiest_minute(self) -> int:
        return max(sum(begin <= at < begin + 60 for at in self.arrivals) for begin in self.arrivals)

    def _is_listed(self, number: int) -> bool:
        return now() >= self.submitted[number] + self.lag

    def _rows(self, numbers: list[int]) -> list[Any]:
        return [
            record_of(
                {
                    "id": number,
                    "status": 0 if now() >= self.ends[number] else -3,
                    "submitTime": (START + timedelta(seconds=self.submitted[number])).isoformat(),
                    "subject": f"F-{number}-1",
                }
            )
            for number in numbers
        ]

    async def _arrives(self, what: str) -> None:
        await asyncio.sleep(self.delay / 2)
        self.arrivals.append(now())
        self.asked.append(what)
        if self.trouble:
            raise self.trouble.pop(0)
        await asyncio.sleep(self.delay / 2)


def faxes_of(service: Service, per_minute: float = 6) -> SentFaxes:
    return SentFaxes(service, Turns(per_minute, anything_goes))  # type: ignore[arg-type]


# --- turns ---


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 30), st.booleans()), min_size=1, max_size=40))
@example([(0, 0, False), (0, 0, True), (0, 0, True), (0, 0, True)])
@settings(max_examples=60)
def test_never_more_than_six_arrive_in_any_minute(polls: list[tuple[float, float, bool]]) -> None:
    """However long a poll is on its way there, and whether or not it is answered or repeated by the HTTP library."""
    arrivals: list[float] = []

    async def poll(turns: Turns, on_its_way: float, *, lost: bool) -> None:
        with suppress(TemporaryError):
            async with turns.turn():
                if lost:
                    arrivals.append(now())
                await asyncio.sleep(on_its_way)
                arrivals.append(now())
                if lost:
                    raise TemporaryError(Reason.PROVIDER_DOWN)

    async def story() -> None:
        turns = Turns(6, anything_goes)
        async with asyncio.TaskGroup() as group:
            for pause, on_its_way, lost in polls:
                await asyncio.sleep(pause)
                group.create_task(poll(turns, on_its_way, lost=lost))

    virtual_time.run(story())
    for begin in arrivals:
        assert sum(begin <= at < begin + 59.999 for at in arrivals) <= 6


def test_after_a_quiet_while_a_question_goes_out_at_once() -> None:
    async def story() -> None:
        service = Service()
        service.submit(FIRST, lasts=100)
        faxes = faxes_of(service)
        await faxes.report(FIRST)
        await asyncio.sleep(50)
        asked_at = now()
        await faxes.report(FIRST)
        assert service.arrivals[-1] - asked_at < 1

    virtual_time.run(story())


def test_told_that_we_ask_too_often_we_are_silent_for_a_minute() -> None:
    async def story() -> None:
        service = Service(trouble=[TooFrequentError(Reason.PROVIDER_DOWN)])
        service.submit(FIRST, lasts=0)
        faxes = faxes_of(service)
        with pytest.raises(TemporaryError):
            await faxes.report(FIRST)
        await faxes.report(FIRST)
        assert service.arrivals[1] - service.arrivals[0] >= 60

    virtual_time.run(story())


def test_while_a_login_rests_nobody_waits_for_a_turn() -> None:
    async def story() -> None:
        def refuse() -> None:
            raise AccountError(Reason.PROVIDER_AUTH)

        service = Service()
        faxes = SentFaxes(service, Turns(6, refuse))  # type: ignore[arg-type]
        answers = await asyncio.gather(*(faxes.report(FIRST + n) for n in range(50)), return_exceptions=True)
        assert all(isinstance(answer, AccountError) for answer in answers)
        assert (now(), service.arrivals) == (0, [])

    virtual_time.run(story())


# --- shared questions ---


def test_who_asks_at_the_same_time_gets_the_same_answer() -> None:
    async def story() -> None:
        asked = []

        async def ask() -> int:
            asked.append(now())
            await asyncio.sleep(1)
            return len(asked)

        question = Shared(ask)
        assert await asyncio.gather(*(question.answer() for _ in range(5))) == [1] * 5
        assert await question.answer() == 2

    virtual_time.run(story())


def test_who_comes_after_the_question_went_out_gets_the_next_answer() -> None:
    async def story() -> None:
        asked = []

        async def ask() -> int:
            asked.append(now())
            number = len(asked)
            await asyncio.sleep(1)
            question.closed()
            await asyncio.sleep(1)
            return number

        question = Shared(ask)
        first = asyncio.create_task(question.answer())
        await asyncio.sleep(0.5)
        second = asyncio.create_task(question.answer())
        await asyncio.sleep(1)
        third = asyncio.create_task(question.answer())
        assert await asyncio.gather(first, second, third) == [1, 1, 2]

    virtual_time.run(story())


def test_one_who_gives_up_does_no_harm_to_the_others() -> None:
    async def story() -> None:
        async def ask() -> str:
            await asyncio.sleep(10)
            return "answer"

        question = Shared(ask)
        impatient = asyncio.create_task(question.answer())
        patient = asyncio.create_task(question.answer())
        await asyncio.sleep(1)
        impatient.cancel()
        assert await patient == "answer"

    virtual_time.run(story())


def test_trouble_is_told_to_all_who_asked_and_not_to_the_next() -> None:
    async def story() -> None:
        service = Service(trouble=[TemporaryError(Reason.PROVIDER_DOWN)])
        for number in range(3):
            service.submit(FIRST + number, lasts=0)
        faxes = faxes_of(service)
        answers = await asyncio.gather(*(faxes.report(FIRST + n) for n in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [TemporaryError] * 3
        assert service.asked == ["list"]
        assert await faxes.report(FIRST) is not None

    virtual_time.run(story())


def test_stopping_gives_up_what_is_being_asked() -> None:
    async def story() -> None:
        faxes = faxes_of(Service(delay=1000))
        asking = asyncio.create_task(faxes.report(FIRST))
        await asyncio.sleep(1)
        for _ in range(2):
            await faxes.stop()
        with pytest.raises(asyncio.CancelledError):
            await asking

    virtual_time.run(story())


# --- lists ---


async def read(pages: list[list[int]], first: int, too_old: int = 0) -> list[int]:
    reports = {number: report(number) for page in pages for number in page}

    async def older(below: int) -> dict[int, FaxReport]:
        for page in pages:
            if page and (max(page) < below or page is pages[-1]):
                return {number: reports[number] for number in page}
        return {}

    found: list[int] = []
    newest = {number: reports[number] for number in pages[first]}
    async for page in newest_first(newest, older, lambda fax: int(fax.provider_fax_id) < too_old):
        found += page
    return found


def report(number: int) -> FaxReport:
    return FaxReport(str(number), inbound=False, phase=Phase.WAITING, number=None, caller=None, created_at=None)


def test_a_list_is_read_until_it_is_empty_or_too_old() -> None:
    async def story() -> None:
        assert await read([[9, 8], [7], [6, 5], []], 0) == [9, 8, 7, 6, 5]
        assert await read([[9, 8], [7], [6, 5], []], 0, too_old=7) == [9, 8, 7, 6, 5]
        assert await read([[9, 8], [7], [6, 5], []], 0, too_old=9) == [9, 8]
        assert await read([[]], 0) == []

    virtual_time.run(story())


def test_a_list_that_does_not_advance_is_not_taken_for_its_end() -> None:
    async def story() -> None:
        with pytest.raises(TemporaryError):
            await read([[9, 8]], 0)

    virtual_time.run(story())


# --- reports ---


def test_one_poll_tells_all_who_wait() -> None:
    async def story() -> None:
        service = Service()
        for number in range(50):
            service.submit(FIRST + number, lasts=0)
        faxes = faxes_of(service)
        reports = await asyncio.gather(*(faxes.report(FIRST + number) for number in range(50)))
        assert {answer.phase for answer in reports if answer} == {Phase.DELIVERED}
        assert service.asked == ["list"]

    virtual_time.run(story())


def test_a_report_is_used_again_for_a_short_while_and_an_event_spoils_it() -> None:
    async def story() -> None:
        service = Service()
        service.submit(FIRST, lasts=15)
        faxes = faxes_of(service)
        await faxes.report(FIRST)
        await asyncio.sleep(16)
        assert (await told(faxes, FIRST)).phase is Phase.WAITING
        faxes.event(FIRST)
        assert (await told(faxes, FIRST)).phase is Phase.DELIVERED
        assert service.asked == ["list", "list"]

    virtual_time.run(story())


def test_an_event_that_comes_while_a_poll_is_out_spoils_its_answer() -> None:
    async def story() -> None:
        service = Service(delay=6)
        service.submit(FIRST, lasts=1000)
        faxes = faxes_of(service)
        asking = asyncio.create_task(faxes.report(FIRST))
        await asyncio.sleep(5)
        service.ends[FIRST] = now()
        faxes.event(FIRST)
        await asking
        assert (await told(faxes, FIRST)).phase is Phase.DELIVERED

    virtual_time.run(story())


def test_events_about_faxes_that_nobody_asks_for_cost_nothing() -> None:
    async def story() -> None:
        service = Service()
        faxes = faxes_of(service)
        for number in range(10_000):
            faxes.event(number)
        assert (faxes._followed, service.asked) == ({}, [])

    virtual_time.run(story())


def test_an_end_that_was_read_along_is_told_at_once_and_never_taken_back() -> None:
    async def story() -> None:
        service = Service()
        for number in (FIRST, FIRST + 1):
            service.submit(number, lasts=0)
        faxes = faxes_of(service)
        await faxes.report(FIRST)
        service.ends[FIRST + 1] = 1e9
        faxes.event(FIRST + 1)
        assert (await told(faxes, FIRST + 1)).phase is Phase.DELIVERED
        assert service.asked == ["list"]

    virtual_time.run(story())


def test_an_end_that_was_read_along_while_somebody_waits_is_told_to_him() -> None:
    async def story() -> None:
        service = Service(delay=4, most_rows=50)
        for number in range(60):
            service.submit(FIRST + number, lasts=1000)
        faxes = faxes_of(service)
        await faxes.report(FIRST + 59)
        await faxes.report(FIRST)
        service.most_rows = 100
        await asyncio.sleep(60)
        other = asyncio.create_task(faxes.report(FIRST + 1))
        await asyncio.sleep(1)
        service.ends[FIRST] = now()
        faxes.event(FIRST)
        assert (await told(faxes, FIRST)).phase is Phase.DELIVERED
        await other

    virtual_time.run(story())


def test_an_older_fax_brings_its_neighbours_and_is_asked_for_by_its_number_from_then_on() -> None:
    async def story() -> None:
        service = Service()
        for number in range(300):
            service.submit(FIRST + number, lasts=1000)
        faxes = faxes_of(service)
        await faxes.report(FIRST + 299)
        await faxes.report(FIRST)
        await faxes.report(FIRST + 99)
        assert service.asked == ["list", "neighbours"]
        await asyncio.sleep(60)
        await faxes.report(FIRST)
        assert service.asked == ["list", "neighbours", "search 100"]

    virtual_time.run(story())


@pytest.mark.parametrize("lag", [5, 60, 900])
def test_a_fax_that_no_list_shows_yet_is_asked_for_alone(lag: float) -> None:
    async def story() -> None:
        service = Service(lag=lag)
        service.submit(FIRST, lasts=0)
        faxes = faxes_of(service)
        assert (await told(faxes, FIRST)).phase is Phase.DELIVERED
        assert service.asked == ["list", "search 1", "one"][: 2 if lag < 10 else 3]

    virtual_time.run(story())


def test_a_fax_that_nobody_knows_is_unknown() -> None:
    async def story() -> None:
        service = Service()
        faxes = faxes_of(service)
        assert await faxes.report(FIRST) is None
        assert faxes._followed == {}

    virtual_time.run(story())


def test_lists_that_give_fewer_rows_than_asked_for_hide_no_fax() -> None:
    async def story() -> None:
        service = Service(most_rows=5)
        for number in range(40):
            service.submit(FIRST + number, lasts=0)
        faxes = faxes_of(service)
        reports = await asyncio.gather(*(faxes.report(FIRST + number) for number in range(40)))
        assert all(answer is not None and answer.phase is Phase.DELIVERED for answer in reports)

    virtual_time.run(story())


def test_a_fax_that_nobody_asks_for_any_more_is_forgotten() -> None:
    async def story() -> None:
        service = Service()
        service.submit(FIRST, lasts=1e9)
        faxes = faxes_of(service)
        await faxes.report(FIRST)
        await asyncio.sleep(901)
        await faxes.report(FIRST + 1)
        assert list(faxes._followed) == []

    virtual_time.run(story())


async def told(faxes: SentFaxes, number: int) -> FaxReport:
    answer = await faxes.report(number)
    assert answer is not None
    return answer


# --- finding ---


def test_many_who_look_for_a_lost_fax_read_the_list_together() -> None:
    async def story() -> None:
        service = Service()
        for number in range(250):
            service.submit(FIRST + number, lasts=1e9)
        faxes = faxes_of(service)
        lists = await asyncio.gather(*(faxes.listed_since(START - timedelta(hours=n)) for n in range(4)))
        assert [len(listed) for listed in lists] == [250] * 4
        assert service.asked == ["list"] * 4

    virtual_time.run(story())


def test_the_list_is_read_as_far_back_as_somebody_needs() -> None:
    async def story() -> None:
        service = Service()
        for number in range(250):
            service.submit(FIRST + number, lasts=1e9)
            await asyncio.sleep(60)
        faxes = faxes_of(service)
        recent = await faxes.listed_since(START + timedelta(minutes=200))
        assert len(recent) == 100
        early = asyncio.create_task(faxes.listed_since(START + timedelta(minutes=120)))
        await asyncio.sleep(0)
        both = await asyncio.gather(early, faxes.listed_since(START - timedelta(minutes=1)))
        assert [len(listed) for listed in both] == [250, 250]
        assert len(await faxes.listed_since(START + timedelta(minutes=200))) == 100

    virtual_time.run(story())


# --- a busy day ---


@dataclass
class Desk:
    """Asks as the gateway does: eight at a time, whoever is due first, with growing waits."""

    faxes: SentFaxes
    due: list[tuple[float, int]] = field(default_factory=list)
    tries: dict[int, int] = field(default_factory=dict)
    noticed: dict[int, float] = field(default_factory=dict)
    slowest: float = 0.0

    def follow(self, number: int) -> None:
        self.tries[number] = 0
        heapq.heappush(self.due, (now() + 15, number))

    def wake(self, number: int) -> None:
        self.faxes.event(number)
        heapq.heappush(self.due, (now(), number))

    async def work(self) -> None:
        while len(self.noticed) < len(self.tries):
            if not self.due or self.due[0][0] > now():
                await asyncio.sleep(0.2)
                continue
            _, number = heapq.heappop(self.due)
            if number in self.noticed:
                continue
            began = now()
            answer = await self.faxes.report(number)
            self.slowest = max(self.slowest, now() - began)
            if answer is not None and answer.phase is not Phase.WAITING:
                self.noticed.setdefault(number, now())
            else:
                heapq.heappush(self.due, (now() + self._wait(number), number))

    def _wait(self, number: int) -> float:
        self.tries[number] += 1
        return ladder(FaxTiming().poll_delays, self.tries[number]).total_seconds()


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize("callbacks", [True, False])
def test_with_500_open_faxes_the_limit_is_kept_and_every_end_is_noticed(
    capsys: pytest.CaptureFixture[str], lag: float, *, callbacks: bool
) -> None:
    service = Service(lag=lag)
    delays: list[float] = []

    async def story() -> None:
        chance = random.Random(7)  # noqa: S311 - a repeatable story
        turns = Turns(6, anything_goes)
        faxes = SentFaxes(service, turns)  # type: ignore[arg-type]
        received = ReceivedFaxes(service, turns, "north-clinic", ())  # type: ignore[arg-type]
        desk = Desk(faxes)
        for number in range(500):
            service.submit(FIRST + number, lasts=chance.uniform(60, 1500))
            desk.follow(FIRST + number)

        async def call_back(number: int) -> None:
            await asyncio.sleep(service.ends[number] - now())
            desk.wake(number)

        async def catch_up() -> None:
            while len(desk.noticed) < 500:
                assert [fax async for fax in received.since(START)] == []
                await asyncio.sleep(300)

        async with asyncio.TaskGroup() as group:
            group.create_task(catch_up())
            for number in service.ends if callbacks else ():
                group.create_task(call_back(number))
            for _ in range(8):
                group.create_task(desk.work())
        delays.extend(sorted(desk.noticed[number] - service.ends[number] for number in service.ends))
        assert desk.slowest < 120  # the patience of the gateway's step

    virtual_time.run(story())
    assert service.busiest_minute() <= 6
    assert delays[0] >= 0
    told = f"noticed after {delays[250]:.0f} s, {delays[-1]:.0f} s at most"
    with capsys.disabled():
        print(f"\n500 open faxes, callbacks {callbacks}, lists {lag} s late: {told}")  # noqa: T201 - figures to publish
    assert delays[-1] < (240 if callbacks else 420)
