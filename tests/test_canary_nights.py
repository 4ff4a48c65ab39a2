"""Each local day has exactly one night, whatever the clocks do; a leg is well only by what came back."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.canary import CanaryPlan, is_token, legs_of, night_at, night_of, week_until
from gateway.core.ids import make_id

NEW_YORK = ZoneInfo("America/New_York")
ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "UTC",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Beirut",
)


def plan(at: str = "03:30", zone: str = "America/New_York", weekly_on: int = 0) -> CanaryPlan:
    return CanaryPlan(at=time.fromisoformat(at), zone=ZoneInfo(zone), weekly_on=weekly_on)


def begins(day: str, at: str, zone: str = "America/New_York") -> str:
    return night_of(date.fromisoformat(day), plan(at, zone)).begins.isoformat()


def test_an_ordinary_night_begins_by_local_clocks() -> None:
    assert begins("2026-01-10", "03:30") == "2026-01-10T08:30:00+00:00"
    assert begins("2026-07-10", "03:30") == "2026-07-10T07:30:00+00:00"


def test_a_time_that_the_clocks_skip_counts_all_the_same() -> None:
    """8 March 2026: 02:00 EST is followed by 03:00 EDT; 02:30 is half an hour after that moment."""
    assert begins("2026-03-08", "02:30") == "2026-03-08T07:30:00+00:00"


def test_a_time_that_happens_twice_counts_the_first_time() -> None:
    """1 November 2026: 01:30 EDT at 05:30 UTC, 01:30 EST at 06:30 UTC."""
    assert begins("2026-11-01", "01:30") == "2026-11-01T05:30:00+00:00"
    both = [night_at(datetime(2026, 11, 1, hour, 30, tzinfo=UTC), plan("01:30")).key for hour in (5, 6)]
    assert both == ["2026-11-01", "2026-11-01"], "the second time is the same night"


def test_a_day_that_a_country_skips_does_no_harm() -> None:
    """Samoa had no 30 December 2011; its moment is that of the 31st, which takes its place."""
    apia = plan("03:30", "Pacific/Apia")
    start = datetime(2011, 12, 29, 0, tzinfo=UTC)
    keys = {night_at(start + timedelta(minutes=10 * count), apia).key for count in range(6 * 96)}
    assert {"2011-12-29", "2011-12-31"} < keys
    assert "2011-12-30" not in keys


@given(
    zone=st.sampled_from(ZONES),
    at=st.times(),
    start=st.integers(0, 3 * 365 * 24 * 60).map(
        lambda minute: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    ),
    steps=st.lists(st.integers(1, 600), min_size=1, max_size=200),
)
def test_however_often_one_looks_nights_follow_each_other_and_none_comes_twice(
    zone: str, at: time, start: datetime, steps: list[int]
) -> None:
    chosen = CanaryPlan(at=at.replace(second=0, microsecond=0), zone=ZoneInfo(zone))
    now, seen = start, []
    for minutes in steps:
        night = night_at(now, chosen)
        assert night.begins <= now < night_of(night.day + timedelta(days=1), chosen).begins
        seen.append(night)
        now += timedelta(minutes=minutes)
    for earlier, later in pairwise(seen):
        assert earlier.begins <= later.begins
        assert (earlier.key == later.key) == (earlier.begins == later.begins)
        assert later.day - earlier.day <= timedelta(days=1)


@given(day=st.dates(date(2025, 1, 1), date(2028, 1, 1)), zone=st.sampled_from(ZONES), at=st.times())
def test_two_nights_are_about_a_day_apart(day: date, zone: str, at: time) -> None:
    chosen = CanaryPlan(at=at, zone=ZoneInfo(zone))
    apart = night_of(day + timedelta(days=1), chosen).begins - night_of(day, chosen).begins
    assert timedelta(hours=23) <= apart <= timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "last"),
    [
        ("2026-11-23", "2026-11-23"),
        ("2026-11-24", "2026-11-23"),
        ("2026-11-29", "2026-11-23"),
        ("2026-11-30", "2026-11-30"),
    ],
)
def test_a_week_ends_with_the_night_of_its_day(day: str, last: str) -> None:
    night = night_of(date.fromisoformat(day), plan(weekly_on=0))
    assert week_until(night, plan(weekly_on=0)).key == last


def test_the_legs_of_a_night_follow_from_what_is_wanted() -> None:
    usual = CanaryPlan(at=time(3, 30), zone=NEW_YORK)
    assert legs_of(usual, ["a", "b"]) == ["fax a", "fax b", "webhook a", "webhook b", "mail"]
    assert legs_of(usual, []) == ["mail"]
    own = CanaryPlan(at=time(3, 30), zone=NEW_YORK, fax=False, webhook=False, mail="off", own_fax=("+1", "+2"))
    assert legs_of(own, ["a"]) == ["own fax"]


@given(st.binary(min_size=5, max_size=5))
def test_a_token_of_ours_is_known_and_no_other_reference_is(entropy: bytes) -> None:
    assert is_token(make_id("C", entropy))
    assert not is_token(make_id("F", entropy))
    assert not is_token(make_id("C", entropy) + "-1")
