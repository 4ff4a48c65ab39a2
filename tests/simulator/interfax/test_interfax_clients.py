"""InterFAX's own clients for Python and Node work against the simulator (interfax-rest 15)."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from interfax import InterFAX
from interfax_caller import OURS, THEIRS, Caller, Start
from node_client import said_by
from requests import HTTPError
from simulated import pdf_of, until

from gateway.simulator import Clock

CALLER = "+13125550177"


class RedirectedClient(InterFAX):
    """The client, asking a simulator instead of the one host that it knows."""

    base_url = ""

    def _url_for(self, *arguments: Any) -> str:
        return str(super()._url_for(*arguments)).replace(f"https://{self.DOMAIN}", self.base_url, 1)


@pytest.fixture
def client(interfax: Caller) -> RedirectedClient:
    client = RedirectedClient(interfax.simulator.username, interfax.simulator.password)
    client.base_url = interfax.base_url
    return client


async def test_the_python_client_sends_lists_searches_and_fetches(interfax: Caller, client: RedirectedClient) -> None:
    letter = client.files.create(pdf_of(2), mime_type="application/pdf")
    options = {"reference": "job-1", "retries_to_perform": 1, "page_size": "A4", "page_orientation": "Portrait"}
    sent = await asyncio.to_thread(client.deliver, fax_number=THEIRS, files=[letter], **options)
    other = await asyncio.to_thread(client.deliver, fax_number=THEIRS, files=[letter, letter])
    await interfax.simulator.advance(60)

    found = await asyncio.to_thread(sent.reload)
    assert (found.status, found.subject, found.pages_sent, found.attempts_to_perform) == (0, "job-1", 2, 1)
    listed = await asyncio.to_thread(client.outbound.all, limit=5)
    assert [fax.id for fax in listed] == [int(other.id), int(sent.id)]
    searched = await asyncio.to_thread(client.outbound.search, reference="job-1", fax_number=THEIRS)
    assert [fax.id for fax in searched] == [int(sent.id)]
    completed = await asyncio.to_thread(client.outbound.completed, int(sent.id), int(other.id), 4711)
    assert [fax.pages_sent for fax in completed] == [2, 4]
    assert (await asyncio.to_thread(sent.image)).data[:2] == b"II"
    assert round(await asyncio.to_thread(client.account.balance), 4) == Decimal("9999.1000")


async def test_the_python_client_cancels_and_is_refused(interfax: Caller, client: RedirectedClient) -> None:
    letter = client.files.create(pdf_of(1), mime_type="application/pdf")
    sent = await asyncio.to_thread(client.deliver, fax_number=THEIRS, files=[letter])
    await asyncio.to_thread(sent.cancel)
    assert (await asyncio.to_thread(sent.reload)).status == 403
    with pytest.raises(HTTPError, match="409"):
        await asyncio.to_thread(sent.cancel)
    with pytest.raises(HTTPError, match="404"):
        await asyncio.to_thread(client.outbound.find, 1)


async def test_the_python_client_uploads_a_document(client: RedirectedClient) -> None:
    document = await asyncio.to_thread(client.documents.create, "letter.pdf", 10, disposition="permanent")
    await asyncio.to_thread(document.upload, 0, 4, b"01234")
    await asyncio.to_thread(document.upload, 5, 9, b"56789")
    state = await asyncio.to_thread(document.reload)
    assert (state.status, state.uploaded, state.disposition) == ("Ready", 10, "Permanent")
    assert [each.id for each in await asyncio.to_thread(client.documents.all)] == [document.id]
    await asyncio.to_thread(document.cancel)
    assert await asyncio.to_thread(client.documents.all) == []


async def test_the_python_client_receives(interfax: Caller, client: RedirectedClient) -> None:
    fax_id = int(await interfax.simulator.receive_fax(OURS, sender=CALLER, pages=2))
    [fax] = await asyncio.to_thread(client.inbound.all, unread_only=True)
    assert (fax.id, fax.remote_csid, fax.pages, fax.image_status) == (fax_id, CALLER, 2, "UNREAD")
    assert (await asyncio.to_thread(fax.image)).data[:5] == b"%PDF-"
    await asyncio.to_thread(fax.mark)
    assert (await asyncio.to_thread(fax.reload)).image_status == "READ"
    assert await asyncio.to_thread(client.inbound.all, unread_only=True, all_users=False) == []
    await asyncio.to_thread(fax.mark, read=False)
    assert (await asyncio.to_thread(fax.reload)).image_status == "UNREAD"
    await asyncio.to_thread(fax.resend, "ann@example.org")
    assert [mail.email_address for mail in await asyncio.to_thread(fax.emails)] == ["ann@example.org"]


@pytest.mark.slow
async def test_the_node_client_understands_everything(client_folder: Path, started: Start) -> None:
    interfax = await started(clock=Clock(speed=10))
    fax_id = await interfax.simulator.receive_fax(OURS, sender=CALLER, pages=2)
    simulator = interfax.simulator
    login = (simulator.username, simulator.password)
    said = await said_by(client_folder, "interfax.mjs", interfax.base_url, *login, THEIRS, fax_id)
    await until(lambda: all(fax["status"] == "COMPLETED" for fax in simulator.faxes()))

    first, second = simulator.faxes()
    assert said["sent"] == {"url": f"{interfax.base_url}/outbound/faxes/{first['id']}", "id": first["id"]}
    assert (first["labels"], first["pages"], first["attemptsToPerform"]) == ({"reference": "job-1"}, 1, 1)
    assert (second["labels"], second["pages"]) == ({"reference": "job-2"}, 2)
    assert said["joined"]["id"] == second["id"]
    assert said["documents"] == [], "a document for one use is gone"
    assert (said["document"]["status"], said["document"]["disposition"]) == ("Ready", "Permanent")
    assert said["gone"]["code"] == -1062

    assert (said["found"]["status"], said["found"]["subject"]) == (0, "job-1")
    assert [str(fax) for fax in said["listed"]] == [second["id"], first["id"]]
    assert [str(fax) for fax in said["searched"]] == [first["id"]]
    assert said["completed"] == [0]
    assert said["image"] == {"extension": "tiff", "begins": "II"}
    assert (said["refused"]["code"], said["postponed"]["code"]) == (-162, -114)
    assert said["balance"] <= 9999.85

    assert said["received"] == [int(fax_id)]
    assert (said["receivedFax"]["phoneNumber"], said["receivedFax"]["imageStatus"]) == ("2079460000", "UNREAD")
    assert said["pages"] == {"extension": "pdf", "begins": "%PDF-"}
    assert (said["marked"], said["unread"], said["resent"]) == (True, [], True)
    assert [mail["emailAddress"] for mail in said["emails"]] == ["ann@example.org"]
    assert said["nothing"]["code"] == -3001
