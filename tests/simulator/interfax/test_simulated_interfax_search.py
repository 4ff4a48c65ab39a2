"""Finding faxes again: search with all its filters, what it overlooks, lists, pages (interfax-rest 4 and 6)."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from interfax_caller import BUSY, MINUTE, THEIRS, Caller

from gateway.simulator.interfax_errors import ApiError
from gateway.simulator.interfax_query import Query
from gateway.simulator.interfax_search import search

PARAMETERS = ["ids", "reference", "dateFrom", "dateTo", "status", "faxNumber", "sortOrder", "limit", "offset", "userId"]
OTHER = "+442079460999"


async def found(interfax: Caller, **query: object) -> list[int]:
    return [record["id"] for record in await interfax.get("/outbound/search", **query)]


@pytest.fixture
async def three(interfax: Caller) -> list[int]:
    """A sent fax, a failed one and one in process, a minute between each two."""
    ids = []
    for to, reference in ((THEIRS, "job-1"), (BUSY, "JOB-1"), (OTHER, "job-1-2")):
        ids.append(await interfax.send(to, reference=reference))
        if len(ids) < 3:
            await interfax.simulator.advance(MINUTE)
    return ids


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({}, [2, 1, 0]),
        ({"sortOrder": "asc"}, [0, 1, 2]),
        ({"sortOrder": "DESC"}, [2, 1, 0]),
        ({"limit": 2}, [2, 1]),
        ({"limit": 2, "offset": 2}, [0]),
        ({"reference": "job-1"}, [0]),
        ({"REFERENCE": "job-1"}, [0]),
        ({"status": "All"}, [2, 1, 0]),
        ({"status": "Completed"}, [1, 0]),
        ({"status": "Success"}, [0]),
        ({"status": "Failed"}, [1]),
        ({"status": "Inprocess"}, [2]),
        ({"status": "6017"}, [1]),
        ({"status": "-1"}, [2]),
        ({"faxNumber": THEIRS}, [0]),
        ({"faxNumber": "00442079460999"}, [2]),
        ({"dateFrom": "2026-11-20T12:01:00"}, [2, 1]),
        ({"dateFrom": "2026-11-20T13:01:00+01:00"}, [2, 1]),
        ({"dateTo": "2026-11-20T12:01:00Z"}, [1, 0]),
        ({"dateFrom": "2026-11-20T12:00:30", "dateTo": "2026-11-20T12:01:30"}, [1]),
        ({"userId": "simulator"}, [2, 1, 0]),
        ({"userId": "other,Simulator"}, [2, 1, 0]),
        ({"userId": "other"}, []),
    ],
)
async def test_a_search_shows_what_fits(
    interfax: Caller, three: list[int], query: dict[str, object], places: list[int]
) -> None:
    assert await found(interfax, **query) == [three[place] for place in places]


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.text(st.characters(codec="utf-8"))))
def test_any_search_is_understood_or_refused(query: dict[str, str]) -> None:
    encoded = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    with suppress(ApiError):
        assert search([], Query(make_mocked_request("GET", f"/outbound/search?{encoded}")), "simulator", None) == []


@pytest.mark.parametrize("form", ["{0},{1}", "({0}, {1})", "{0}, {1},", "[{0};,{1}]"])
async def test_ids_are_taken_however_they_are_written(interfax: Caller, three: list[int], form: str) -> None:
    assert await found(interfax, ids=form.format(*three)) == [three[1], three[0]]
    done = await interfax.get("/outbound/faxes/completed", ids=form.format(*three))
    assert [record["id"] for record in done] == [three[0], three[1]]


async def test_completed_leaves_out_what_is_not_final_or_not_known(interfax: Caller, three: list[int]) -> None:
    done = await interfax.get("/outbound/faxes/completed", ids=",".join(map(str, [*three, 4711])))
    assert [record["id"] for record in done] == three[:2]
    assert "destinationFax" not in done[0]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/outbound/search", {"limit": 2001}, -707),
        ("/outbound/search", {"limit": 0}, -710),
        ("/outbound/search", {"limit": "x"}, -710),
        ("/outbound/search", {"offset": -1}, -710),
        ("/outbound/search", {"sortOrder": "up"}, -710),
        ("/outbound/search", {"status": "Done"}, -710),
        ("/outbound/search", {"dateFrom": "yesterday"}, -710),
        ("/outbound/search", {"faxNumber": "x"}, -112),
        ("/outbound/faxes", {"lastId": "x"}, -710),
        ("/outbound/faxes/completed", {}, -710),
        ("/inbound/faxes", {"unreadOnly": 1}, -710),
        ("/inbound/faxes", {"limit": 5000}, -707),
    ],
)
async def test_a_bad_query_is_400(interfax: Caller, path: str, query: dict[str, object], code: int) -> None:
    answer = await interfax.call("GET", path, query="&".join(f"{name}={value}" for name, value in query.items()))
    assert (answer.status, answer.json["code"]) == (400, code)


@pytest.mark.parametrize(("match", "places"), [("ignore_case", [1, 0]), ("substring", [2, 0]), (None, [2, 0])])
async def test_references_may_be_compared_loosely(
    interfax: Caller, three: list[int], match: str | None, places: list[int]
) -> None:
    await interfax.faults({"fault": "reference_match", "match": match})
    assert await found(interfax, reference="job-1") == [three[place] for place in places]


@pytest.mark.parametrize("seconds", [5, 60, 900])
async def test_lists_can_lag_while_a_read_by_id_does_not(interfax: Caller, seconds: int) -> None:
    await interfax.faults({"fault": "list_lag", "seconds": seconds})
    fax = await interfax.send(reference="job-1")
    for _ in range(2):
        assert (await interfax.fax(fax))["id"] == fax
        assert await found(interfax, reference="job-1") == []
        assert await found(interfax, ids=fax) == []
        assert await interfax.get("/outbound/faxes") == []
        await interfax.simulator.advance(seconds / 2)
    assert await found(interfax, reference="job-1") == []
    await interfax.simulator.advance(1)
    assert await found(interfax, reference="job-1") == [fax]


async def test_a_list_goes_on_below_or_above_an_id(interfax: Caller) -> None:
    ids = [await interfax.send() for _ in range(5)]

    async def listed(**query: object) -> list[int]:
        return [record["id"] for record in await interfax.get("/outbound/faxes", **query)]

    assert await listed(limit=2) == [ids[4], ids[3]]
    assert await listed(limit=2, lastId=ids[3]) == [ids[2], ids[1]]
    assert await listed(limit=2, sortOrder="asc") == [ids[0], ids[1]]
    assert await listed(sortOrder="asc", lastId=ids[1]) == ids[2:]


async def test_25_are_shown_unless_told_otherwise(interfax: Caller) -> None:
    ids = [await interfax.send() for _ in range(26)]
    assert await found(interfax) == ids[:0:-1]
    assert len(await interfax.get("/outbound/faxes")) == 25
    assert len(await found(interfax, limit=2000)) == 26
