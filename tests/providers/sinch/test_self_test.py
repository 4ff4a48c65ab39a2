"""Sinch can be tried out for nothing: a page to their test number, and the event that they would send."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_world import NOW, OUR_NUMBER
from sinch_world import SERVICE, SinchWorld

from gateway.core.model import FaxEvent, FaxReport, Phase
from gateway.core.reasons import AmbiguousError, NotSentError
from gateway.providers.sinch.webhooks import event_about, parse_webhook
from gateway.providers.sinch.words import report_of

CALLBACK = "https://fax.example.com/webhooks/main/s3cret?ref=K-1"
RECEIVED = FaxReport(
    provider_fax_id="01KB2D7F9H1K3M5P7R9T1V3X5Z",
    inbound=True,
    phase=Phase.DELIVERED,
    number=OUR_NUMBER,
    caller="+13125550177",
    created_at=NOW,
    completed_at=NOW + timedelta(minutes=1),
    pages=3,
    price=Decimal("0.135"),
    currency="USD",
    service=SERVICE,
    has_document=True,
)


async def test_a_test_fax_is_one_free_page_with_a_callback(world: SinchWorld) -> None:
    fax_id = await world.provider.send_test_fax("K-1", CALLBACK)
    [(order, _)] = world.server.orders
    [sent] = world.submissions()
    assert (sent.reference, sent.number, sent.calls) == ("K-1", "+19898989898", 1)
    with pikepdf.open(io.BytesIO(sent.document)) as pdf:
        assert len(pdf.pages) == 1
    assert order["callbackUrl"] == CALLBACK.replace("//", "//hook:new-one@")
    assert order["callbackUrlContentType"] == "application/json"
    assert order["serviceId"] == SERVICE
    assert (await world.provider.report(fax_id)).references == {"K-1"}


async def test_a_marker_is_the_same_without_a_callback(world: SinchWorld) -> None:
    await world.provider.send_test_fax("K-1", CALLBACK)
    await world.provider.send_marker("K-2")
    [(tried, _), (marker, _)] = world.server.orders
    assert tried.keys() - marker.keys() == {"callbackUrl", "callbackUrlContentType"}
    assert marker["to"] == tried["to"]


async def test_a_test_fax_fails_like_any_other(world: SinchWorld) -> None:
    world.will_answer(429)
    with pytest.raises(NotSentError):
        await world.provider.send_test_fax("K-1", CALLBACK)
    world.will_drop_the_answer()
    with pytest.raises(AmbiguousError):
        await world.provider.send_test_fax("K-1", CALLBACK)
    assert len(world.submissions()) == 1


async def test_an_event_is_what_they_would_send(world: SinchWorld) -> None:
    headers, body = world.provider.event_about(RECEIVED)
    assert world.provider.authentic(headers)
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "event": "INCOMING_FAX",
        "eventTime": "2026-11-20T09:16:00Z",
        "fax": {
            "id": "01KB2D7F9H1K3M5P7R9T1V3X5Z",
            "direction": "INBOUND",
            "from": "+13125550177",
            "to": OUR_NUMBER,
            "status": "COMPLETED",
            "numberOfPages": 3,
            "price": {"currencyCode": "USD", "amount": "0.135"},
            "createTime": "2026-11-20T09:15:00Z",
            "completedTime": "2026-11-20T09:16:00Z",
            "hasFile": True,
            "serviceId": SERVICE,
            "projectId": world.server.project,
        },
    }


async def test_an_event_carries_the_password_of_today(world: SinchWorld) -> None:
    """One that is on its way out is accepted, but no longer sent."""
    headers, _ = world.provider.event_about(RECEIVED)
    newer = world.build(webhook_password="newest", old_webhook_password="new-one")
    assert newer.authentic(headers)
    assert newer.event_about(RECEIVED)[0] != headers


async def test_the_event_of_a_real_report_names_fax_and_reference(world: SinchWorld) -> None:
    fax_id = world.has_sent("F-7K3M9QX2-1", NOW, phase=Phase.FAILED)
    _, body = world.provider.event_about(await world.provider.report(fax_id))
    assert json.loads(body)["event"] == "FAX_COMPLETED"
    assert world.provider.parse_webhook("application/json", body) == [
        FaxEvent(fax_id, inbound=False, reference="F-7K3M9QX2-1")
    ]


reports = st.builds(
    FaxReport,
    provider_fax_id=st.from_regex(r"[0-9A-Z]{26}", fullmatch=True),
    inbound=st.booleans(),
    phase=st.sampled_from(list(Phase)),
    number=st.none() | st.just(OUR_NUMBER),
    caller=st.none() | st.just("+13125550177"),
    created_at=st.none() | st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is beside
    completed_at=st.none(),
    pages=st.none() | st.integers(0, 200),
    references=st.sampled_from([frozenset(), frozenset({"F-7K3M9QX2-1"})]),
    service=st.none() | st.just(SERVICE),
    has_document=st.booleans(),
)


@given(reports)
def test_the_event_about_any_fax_is_read_as_a_hint_to_it(report: FaxReport) -> None:
    body = event_about(report, "project")
    reference = next(iter(report.references), None)
    assert parse_webhook("application/json", body) == [FaxEvent(report.provider_fax_id, report.inbound, reference)]
    told = report_of(json.loads(body)["fax"], report.provider_fax_id)
    same = ("inbound", "phase", "number", "caller", "pages", "references", "service", "has_document")
    assert [getattr(told, name) for name in same] == [getattr(report, name) for name in same]
