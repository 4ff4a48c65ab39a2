"""Received faxes: records, images, reading marks, mails, and how they are made to come in (interfax-rest 10)."""

import io

import pytest
from interfax_caller import DAY, OURS, Caller, Start
from PIL import Image
from simulated import base64_of, page_count, pdf_of

from gateway.simulator.control import BadControlError

CALLER = "+13125550177"


async def test_a_received_fax_as_recorded(interfax: Caller) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS, sender=CALLER, pages=2)
    assert await interfax.get(f"/inbound/faxes/{fax_id}") == {
        "userId": "simulator",
        "messageId": int(fax_id),
        "phoneNumber": "2079460000",
        "remoteCSID": CALLER,
        "messageStatus": 0,
        "pages": 2,
        "messageSize": 49200,
        "messageType": 1,
        "receiveTime": "2026-11-20T12:00:00",
        "callerId": None,
        "recordingDuration": 68,
        "imageStatus": "UNREAD",
        "numOfEmails": 0,
        "numOfFailedEmails": 0,
    }
    assert int(fax_id) > 2**31


async def test_the_caller_may_be_known_or_hide(interfax: Caller) -> None:
    known = await interfax.simulator.receive_fax(OURS, sender=CALLER)
    hidden = await interfax.simulator.receive_fax("+12025550100")
    assert (await interfax.get(f"/inbound/faxes/{hidden}"))["remoteCSID"] == ""
    assert (await interfax.get(f"/inbound/faxes/{hidden}"))["phoneNumber"] == "2025550100"
    await interfax.faults({"fault": "caller_id"})
    assert (await interfax.get(f"/inbound/faxes/{known}"))["callerId"] == CALLER


async def test_sent_and_received_faxes_have_ids_of_their_own(interfax: Caller) -> None:
    sent, received = await interfax.send(), await interfax.simulator.receive_fax(OURS)
    assert (await interfax.call("GET", f"/inbound/faxes/{sent}")).status == 404
    assert (await interfax.call("GET", f"/outbound/faxes/{received}")).status == 404
    for fax_id in (str(sent), received):
        answer = await interfax.control("GET", f"/faxes/{fax_id}/document")
        assert (answer.status, answer.body[:5]) == (200, b"%PDF-")
    for fax_id in ("4711", "no-number"):
        assert (await interfax.control("GET", f"/faxes/{fax_id}/document")).status == 404


async def test_the_list_is_newest_first_and_goes_on_below_an_id(interfax: Caller) -> None:
    ids = [int(await interfax.simulator.receive_fax(OURS)) for _ in range(4)]

    async def listed(**query: object) -> list[int]:
        return [record["messageId"] for record in await interfax.get("/inbound/faxes", **query)]

    assert await listed() == ids[::-1]
    assert await listed(limit=2, sortOrder="asc") == [ids[3], ids[2]]
    assert await listed(lastId=ids[2], allUsers="TRUE") == [ids[1], ids[0]]
    await interfax.faults({"fault": "list_lag", "seconds": 60})
    assert await listed() == []


async def test_a_mark_reads_and_unreads(interfax: Caller) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS)

    async def state() -> tuple[str, int]:
        unread = await interfax.get("/inbound/faxes", unreadOnly="true")
        return (await interfax.get(f"/inbound/faxes/{fax_id}"))["imageStatus"], len(unread)

    states = [await state()]
    for query in ({}, {"unread": "True"}, {"unread": "false"}, {"unread": "false"}):
        answer = await interfax.post(f"/inbound/faxes/{fax_id}/mark", **query)
        assert (answer.status, answer.body) == (200, b"true")
        states.append(await state())
    assert states == [("UNREAD", 1), ("READ", 0), ("UNREAD", 1), ("READ", 0), ("READ", 0)]


async def test_the_image_is_the_pdf_that_came_in(interfax: Caller) -> None:
    pdf = pdf_of(3)
    fax_id = (await interfax.control("POST", "/inbound", json={"to": OURS, "pdf_base64": base64_of(pdf)})).json["id"]
    answer = await interfax.call("GET", f"/inbound/faxes/{fax_id}/image")
    assert (answer.headers["Content-Type"], answer.body) == ("application/pdf", pdf)
    record = await interfax.get(f"/inbound/faxes/{fax_id}")
    assert (record["pages"], record["imageStatus"]) == (3, "UNREAD")


async def test_an_account_may_have_its_images_as_tiff(started: Start) -> None:
    interfax = await started(inbound_images="tiff")
    fax_id = await interfax.simulator.receive_fax(OURS, pages=2)
    answer = await interfax.call("GET", f"/inbound/faxes/{fax_id}/image")
    assert answer.headers["Content-Type"] == "image/tiff"
    with Image.open(io.BytesIO(answer.body)) as tiff:
        assert (getattr(tiff, "n_frames", 1), tiff.width, tiff.mode) == (2, 1728, "1")
    document = interfax.simulator.document(fax_id)
    assert document is not None
    assert page_count(document) == 2


async def test_fetching_an_image_can_mark_it_as_read_can_fail_and_can_be_torn(interfax: Caller) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS)
    image = f"/inbound/faxes/{fax_id}/image"
    await interfax.faults({"fault": "not_ready", "times": 1}, {"fault": "truncated_image", "times": 1})
    late = await interfax.call("GET", image)
    assert (late.status, late.json["code"]) == (404, -3003)
    torn, whole = (await interfax.call("GET", image)).body, (await interfax.call("GET", image)).body
    assert torn == whole[: len(whole) // 2]
    assert (await interfax.get(f"/inbound/faxes/{fax_id}"))["imageStatus"] == "UNREAD"
    await interfax.faults({"fault": "image_marks_read"})
    await interfax.call("GET", image)
    assert (await interfax.get(f"/inbound/faxes/{fax_id}"))["imageStatus"] == "READ"


async def test_images_go_before_records(interfax: Caller) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS)
    await interfax.simulator.advance(7 * DAY)
    gone = await interfax.call("GET", f"/inbound/faxes/{fax_id}/image")
    assert (gone.status, gone.json["code"]) == (404, -1009)
    assert len(await interfax.get("/inbound/faxes")) == 1
    await interfax.simulator.advance(53 * DAY)
    assert (await interfax.call("GET", f"/inbound/faxes/{fax_id}")).json["code"] == -3001
    assert await interfax.get("/inbound/faxes") == []


@pytest.mark.parametrize(("fail", "status"), [(True, 3220), ({"code": 8010}, 8010)])
async def test_a_failed_reception_has_a_record_and_no_pages(interfax: Caller, fail: object, status: int) -> None:
    fax_id = (await interfax.control("POST", "/inbound", json={"to": OURS, "fail": fail})).json["id"]
    record = await interfax.get(f"/inbound/faxes/{fax_id}")
    assert (record["messageStatus"], record["pages"], record["imageStatus"]) == (status, 0, "DONT_EXIST")
    assert (await interfax.call("GET", f"/inbound/faxes/{fax_id}/image")).json["code"] == -3003
    assert await interfax.get("/inbound/faxes") == []


@pytest.mark.parametrize("parameter", ["email", "emailAddress"])
async def test_a_received_fax_is_mailed_once(interfax: Caller, parameter: str) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS)
    emails = f"/inbound/faxes/{fax_id}/emails"
    assert await interfax.get(emails) == []
    answer = await interfax.post(f"/inbound/faxes/{fax_id}/resend", **{parameter: "a@example.org, b@example.org"})
    assert (answer.status, answer.body) == (200, b"true")
    mail = {"emailAddress": "a@example.org", "messageStatus": 0, "completionTime": "2026-11-20T12:00:00"}
    assert await interfax.get(emails) == [mail, mail | {"emailAddress": "b@example.org"}]
    assert (await interfax.get(f"/inbound/faxes/{fax_id}"))["numOfEmails"] == 2
    again = await interfax.post(f"/inbound/faxes/{fax_id}/resend")
    assert (again.status, again.json["code"]) == (400, -312)
    await interfax.faults({"fault": "single_email"})
    assert await interfax.get(emails) == mail


@pytest.mark.parametrize("query", [{}, {"email": "nobody"}, {"email": "a@example.org,b"}])
async def test_a_mail_needs_somebody_to_go_to(interfax: Caller, query: dict[str, str]) -> None:
    fax_id = await interfax.simulator.receive_fax(OURS)
    answer = await interfax.post(f"/inbound/faxes/{fax_id}/resend", **query)
    assert (answer.status, answer.json["code"]) == (400, -170)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"to": "+12025550199"}, "not a number of this account, which has +12025550100, +442079460000"),
        ({"to": OURS, "service": "x"}, "no services"),
        ({"to": OURS, "barcodes": [{}]}, "no barcodes"),
        ({"to": OURS, "pdf_base64": "eA=="}, "can be opened"),
    ],
)
async def test_what_cannot_come_in_says_why(interfax: Caller, body: dict[str, object], words: str) -> None:
    answer = await interfax.control("POST", "/inbound", json=body)
    assert (answer.status, words in answer.json["error"]) == (400, True)


async def test_python_callers_get_an_exception(interfax: Caller) -> None:
    with pytest.raises(BadControlError, match="not a number"):
        await interfax.simulator.receive_fax("+12025550199")
