"""Documents uploaded in chunks, how long they stay, and batches of faxes (interfax-rest 7 and 8)."""

import io
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from interfax_caller import BUSY, MINUTE, THEIRS, Caller, id_of
from simulated import Answer, page_count, pdf_of

MEGABYTE = 1024 * 1024
PDF = pdf_of(2)


async def create(interfax: Caller, size: int = len(PDF), name: str = "letter.pdf", **options: str) -> str:
    """Begins an upload and returns the path of the document."""
    answer = await interfax.post("/outbound/documents", size=size, name=name, **options)
    assert answer.status == 201, answer.body
    assert (answer.body, answer.headers["Content-Length"]) == (b"", "0")
    assert re.fullmatch(rf"{interfax.base_url}/outbound/documents/[0-9a-f]{{32}}", answer.headers["Location"])
    return answer.headers["Location"].removeprefix(interfax.base_url)


async def upload(interfax: Caller, path: str, first: int, chunk: bytes) -> Answer:
    headers = {"Range": f"bytes={first}-{first + len(chunk) - 1}"}
    return await interfax.call("POST", path, data=io.BytesIO(chunk), headers=headers)


async def uploaded(interfax: Caller, **options: str) -> str:
    path = await create(interfax, **options)
    assert (await upload(interfax, path, 0, PDF)).status == 200
    return path


async def send(interfax: Caller, path: str) -> Answer:
    headers = {"Content-Location": f"{interfax.base_url}{path}"}
    return await interfax.call("POST", "/outbound/faxes", query=f"faxNumber=%2B{THEIRS[1:]}", headers=headers)


async def test_chunks_in_their_order_make_a_document(interfax: Caller) -> None:
    path = await create(interfax)
    half = len(PDF) // 2
    first = await upload(interfax, path, 0, PDF[:half])
    assert (first.status, first.body) == (202, b"")
    assert first.headers["X-Content-Range"] == f"bytes 0-{half - 1}/{len(PDF)}"
    last = await upload(interfax, path, half, PDF[half:])
    assert (last.status, last.body) == (200, b"")

    assert (await send(interfax, path)).status == 201
    [fax] = interfax.simulator.faxes()
    assert interfax.simulator.document(fax["id"]) == PDF


async def test_a_chunk_may_come_without_a_length(interfax: Caller) -> None:
    async def chunk() -> AsyncIterator[bytes]:
        yield PDF

    path = await create(interfax)
    headers = {"Range": f"bytes=0-{len(PDF) - 1}"}
    assert (await interfax.call("POST", path, data=chunk(), headers=headers)).status == 200


async def test_the_state_of_an_upload(interfax: Caller) -> None:
    path = await create(interfax, disposition="multiUse", sharing="shared")
    state = await interfax.get(path)
    assert state == {
        "userId": "simulator",
        "fileName": "letter.pdf",
        "fileSize": len(PDF),
        "uploaded": 0,
        "uri": f"{interfax.base_url}{path}",
        "creationTime": "2026-11-20T12:00:00",
        "lastusageTime": "2026-11-20T12:00:00",
        "status": "Created",
        "disposition": "MultiUse",
        "sharing": "Shared",
    }
    states = []
    for first, chunk in ((0, PDF[:10]), (10, PDF[10:])):
        await upload(interfax, path, first, chunk)
        record = await interfax.get(path)
        states.append((record["status"], record["uploaded"]))
    assert states == [("PartiallyUploaded", 10), ("Ready", len(PDF))]


async def test_documents_are_listed_oldest_first(interfax: Caller) -> None:
    paths = [await create(interfax, name=f"{number}.pdf") for number in range(3)]

    async def listed(**query: int) -> list[str]:
        return [record["fileName"] for record in await interfax.get("/outbound/documents", **query)]

    assert await listed() == ["0.pdf", "1.pdf", "2.pdf"]
    assert await listed(limit=1, offset=1) == ["1.pdf"]
    assert (await interfax.call("DELETE", paths[0])).status == 200
    assert await listed() == ["1.pdf", "2.pdf"]


@pytest.mark.parametrize(
    ("first", "chunk", "status", "code"),
    [
        (1, PDF[1:], 400, -1061),
        (0, PDF + b"x", 413, -1063),
        (len(PDF), b"x", 413, -1063),
    ],
    ids=["gap", "too long", "beyond the end"],
)
async def test_a_chunk_that_does_not_fit_is_refused(
    interfax: Caller, first: int, chunk: bytes, status: int, code: int
) -> None:
    path = await create(interfax)
    answer = await upload(interfax, path, first, chunk)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert (await interfax.get(path))["uploaded"] == 0


async def test_nothing_follows_the_last_chunk(interfax: Caller) -> None:
    path = await uploaded(interfax)
    assert (await upload(interfax, path, len(PDF) - 1, b"x")).status == 413


async def test_a_chunk_has_one_megabyte_at_most(interfax: Caller) -> None:
    path = await create(interfax, size=2 * MEGABYTE)
    assert (await upload(interfax, path, 0, b"x" * (MEGABYTE + 1))).status == 413
    assert (await upload(interfax, path, 0, b"x" * MEGABYTE)).status == 202


@pytest.mark.parametrize("text", ["", "bytes=0-", "bytes=0-3", "0-1", "bytes=-1"])
async def test_the_range_says_what_comes(interfax: Caller, text: str) -> None:
    path = await create(interfax)
    answer = await interfax.call("POST", path, data=b"xx", headers={"Range": text})
    assert (answer.status, answer.json["code"]) == (400, -3005)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"size": 5}, 400, -710),
        ({"name": "a.pdf"}, 400, -710),
        ({"size": 0, "name": "a.pdf"}, 400, -710),
        ({"size": 20 * MEGABYTE + 1, "name": "a.pdf"}, 413, -1063),
        ({"size": 5, "name": "a.pdf", "disposition": "once"}, 400, -710),
        ({"size": 5, "name": "a.pdf", "sharing": "world"}, 400, -710),
    ],
)
async def test_a_bad_upload_is_refused(interfax: Caller, query: dict[str, object], status: int, code: int) -> None:
    answer = await interfax.post("/outbound/documents", **query)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_the_word_shared_of_some_clients_is_ignored(interfax: Caller) -> None:
    path = await create(interfax, shared="shared")
    assert (await interfax.get(path))["sharing"] == "Private"


async def test_a_document_for_one_use_is_gone_after_it(interfax: Caller) -> None:
    path = await uploaded(interfax)
    assert (await send(interfax, path)).status == 201
    for answer in (await interfax.call("GET", path), await send(interfax, path)):
        assert (answer.status, answer.json["code"], answer.json["moreInfo"]) == (404, -1062, None)


async def test_a_document_for_more_uses_is_gone_an_hour_after_the_last(interfax: Caller) -> None:
    path = await uploaded(interfax, disposition="multiUse")
    for _ in range(3):
        assert (await send(interfax, path)).status == 201
        await interfax.simulator.advance(59 * MINUTE)
    assert (await interfax.get(path))["lastusageTime"] == "2026-11-20T13:58:00"
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.call("GET", path)).status == 404


async def test_a_permanent_document_stays(interfax: Caller) -> None:
    path = await uploaded(interfax, disposition="permanent")
    await send(interfax, path)
    await interfax.simulator.advance(86_400)
    assert (await send(interfax, path)).status == 201


async def test_a_document_that_is_not_complete_cannot_be_sent(interfax: Caller) -> None:
    path = await create(interfax)
    await upload(interfax, path, 0, PDF[:10])
    answer = await send(interfax, path)
    assert (answer.status, answer.json["code"]) == (400, -1061)
    assert interfax.simulator.faxes() == []


async def test_uploaded_and_direct_documents_are_joined(interfax: Caller) -> None:
    path = await uploaded(interfax)
    body = (
        b"--b1\r\nContent-Type: application/pdf\r\n\r\n" + pdf_of(1) + b"\r\n"
        b"--b1\r\nContent-Location: " + f"{interfax.base_url}{path}".encode() + b"\r\n\r\n--b1--\r\n"
    )
    assert (await interfax.send_body(body, "multipart/mixed; boundary=b1")).status == 201
    [fax] = interfax.simulator.faxes()
    document = interfax.simulator.document(fax["id"])
    assert document is not None
    assert page_count(document) == 3


@pytest.mark.parametrize(("name", "pages"), [("a.txt", 1), ("a.bin", 0)])
async def test_the_name_of_a_document_tells_its_type(interfax: Caller, name: str, pages: int) -> None:
    path = await create(interfax, size=5, name=name)
    await upload(interfax, path, 0, b"hello")
    await send(interfax, path)
    assert interfax.simulator.faxes()[0]["pages"] == pages


async def test_a_creation_can_be_202(interfax: Caller) -> None:
    await interfax.faults({"fault": "create_202"})
    answer = await interfax.post("/outbound/documents", size=5, name="a.txt")
    assert (answer.status, "Location" in answer.headers) == (202, True)


# --- batches ----------------------------------------------------------------------------------------------------------

LIST = json.dumps([{"faxNumber": THEIRS, "contact": "Ann"}, {"faxNumber": BUSY}])
XML = (
    f"<ArrayOfDestination><Destination><faxNumber>{THEIRS}</faxNumber><contact>Ann</contact></Destination>"
    f"<Destination><faxNumber>{BUSY}</faxNumber></Destination></ArrayOfDestination>"
)


async def send_batch(interfax: Caller, recipients: str = LIST, query: str = "reference=job-1") -> Answer:
    query = f"list={quote(recipients, safe='')}&{query}"
    headers = {"Content-Type": "application/pdf"}
    return await interfax.call("POST", "/outbound/batches", query=query, data=PDF, headers=headers)


@pytest.mark.parametrize("recipients", [LIST, XML])
async def test_a_batch_is_a_fax_for_each_recipient(interfax: Caller, recipients: str) -> None:
    answer = await send_batch(interfax, recipients)
    batch = id_of(answer)
    assert (answer.status, answer.body) == (201, b"")
    assert answer.headers["Location"] == f"{interfax.base_url}/outbound/batches/{batch}"
    assert [(fax["to"], fax["labels"]) for fax in interfax.simulator.faxes()] == [
        (THEIRS, {"reference": "job-1"}),
        (BUSY, {"reference": "job-1"}),
    ]
    children = await interfax.get(f"/outbound/batches/{batch}/children")
    assert children[0]["id"] == batch, "a batch has the id of its first fax"
    assert [(await interfax.fax(child["id"]))["contact"] for child in children] == ["Ann", None]


async def test_lists_leave_batches_out_and_a_search_does_not(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    assert await interfax.get("/outbound/faxes") == []
    assert len(await interfax.get("/outbound/search", reference="job-1")) == 2
    assert (await interfax.fax(batch))["subject"] == "job-1"


async def test_the_head_of_a_batch_says_how_far_it_is(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    head = await interfax.get(f"/outbound/batches/{batch}")
    assert (head["totalOK"], head["totalFailed"], head["totalInProcess"]) == (0, 0, 2)
    await interfax.simulator.advance(MINUTE)
    head = await interfax.get(f"/outbound/batches/{batch}")
    assert (head["totalOK"], head["totalFailed"], head["totalInProcess"]) == (1, 1, 0)
    assert (head["batchHeadId"], head["numOfTransactions"], head["reference"]) == (batch, 2, "job-1")
    [listed] = await interfax.get("/outbound/batches")
    assert listed.items() < head.items()


async def test_batches_and_their_children_come_in_pages(interfax: Caller) -> None:
    batches = [id_of(await send_batch(interfax)) for _ in range(3)]

    async def listed(**query: object) -> list[int]:
        return [head["batchHeadId"] for head in await interfax.get("/outbound/batches", **query)]

    assert await listed(limit=2) == [batches[2], batches[1]]
    assert await listed(lastId=batches[1]) == [batches[0]]
    assert await listed(sortOrder="asc", lastId=batches[1]) == [batches[2]]
    [second] = await interfax.get(f"/outbound/batches/{batches[0]}/children", limit=1, offset=1)
    assert second["id"] > batches[0]


async def test_a_batch_is_sent_again_as_far_as_it_failed(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    await interfax.simulator.advance(MINUTE)
    failed = await interfax.post(f"/outbound/batches/{batch}/resend", reference="job-2")
    everything = await interfax.post(f"/outbound/batches/{batch}/resend", sendAlsoOK="True")
    assert (failed.status, everything.status) == (201, 201)
    assert [(fax["to"], fax["labels"]["reference"]) for fax in interfax.simulator.faxes()[2:]] == [
        (BUSY, "job-2"),
        (THEIRS, "job-1"),
        (BUSY, "job-1"),
    ]
    assert id_of(failed) != batch


async def test_a_batch_that_arrived_is_not_sent_again(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax, json.dumps([{"faxNumber": THEIRS}])))
    await interfax.simulator.advance(MINUTE)
    assert (await interfax.post(f"/outbound/batches/{batch}/resend")).json["code"] == -112


async def test_a_batch_is_cancelled_as_far_as_it_waits(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    for _ in range(2):
        assert (await interfax.post(f"/outbound/batches/{batch}/cancel")).status == 200
    assert [fax["code"] for fax in interfax.simulator.faxes()] == [403, 403]


async def test_a_hidden_batch_is_in_no_list(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    assert (await interfax.post(f"/outbound/batches/{batch}/hide")).status == 200
    assert await interfax.get("/outbound/batches") == []
    assert await interfax.get("/outbound/search") == []


async def test_a_batch_has_one_image(interfax: Caller) -> None:
    batch = id_of(await send_batch(interfax))
    await interfax.simulator.advance(MINUTE)
    answer = await interfax.call("GET", f"/outbound/batches/{batch}/image")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/tiff")


@pytest.mark.parametrize(
    ("recipients", "code"),
    [
        ("", -113),
        ("my address book", -113),
        ("[]", -112),
        ("[1]", -112),
        ("[{", -112),
        ('[{"contact":"Ann"}]', -112),
        ('[{"faxNumber":"x"}]', -112),
        ("<ArrayOfDestination/>", -112),
        ("<ArrayOfDestination>", -112),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><ArrayOfDestination/>", -112),
    ],
)
async def test_a_list_that_cannot_be_read_sends_nothing(interfax: Caller, recipients: str, code: int) -> None:
    answer = await send_batch(interfax, recipients)
    assert (answer.status, answer.json["code"]) == (400, code)
    assert interfax.simulator.faxes() == []


async def test_a_fax_that_is_no_batch_is_404(interfax: Caller) -> None:
    fax = await interfax.send()
    answer = await interfax.call("GET", f"/outbound/batches/{fax}")
    assert (answer.status, answer.json["code"]) == (404, -1005)
