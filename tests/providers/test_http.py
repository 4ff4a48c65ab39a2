"""What the shared HTTP client proves, refuses and reads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from aiohttp import web
from faulty_server import FaultyServer, Received
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.core.reasons import AmbiguousError, NotSentError
from gateway.providers.http import Answer, HttpClient, retry_after, short_text, their_words

NOW = datetime(2026, 11, 20, 9, 15, tzinfo=UTC)


class Echo(FaultyServer):
    async def answer(self, request: Received) -> web.Response:
        response = web.json_response({"path": request.path, "cookie": request.headers.get("Cookie")})
        response.set_cookie("seen", "yes")
        return response


@pytest.fixture
async def server() -> AsyncIterator[Echo]:
    server = Echo()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient(requests_per_second=1000, timeout=20)
    yield client
    await client.close()


def answer_with(**headers: str) -> Answer:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(429, CIMultiDictProxy(named), b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_addresses_and_names_of_the_hosts_file_are_resolved(http: HttpClient, server: Echo, host: str) -> None:
    answer = await http.request("GET", f"http://{host}:{server.port}/here", headers={})
    assert (answer.ok, answer.json_object()) == (True, {"path": "/here", "cookie": None})


async def test_a_name_that_does_not_exist_proves_that_nothing_was_sent(http: HttpClient) -> None:
    with pytest.raises(NotSentError) as failed:
        await http.request("POST", "http://nobody.invalid/", headers={}, body=b"x")
    assert failed.value.detail == "nobody.invalid: name not found"


async def test_a_refused_connection_is_told_in_plain_words_and_without_the_path(http: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotSentError) as failed:
        await http.request("POST", f"http://127.0.0.1:{port}/secret", headers={}, body=b"x")
    assert failed.value.detail == f"cannot connect to 127.0.0.1:{port}: connection refused"


async def test_a_silent_peer_is_told_with_the_time_it_was_given() -> None:
    client = HttpClient(requests_per_second=1000, timeout=0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(AmbiguousError) as failed:
            await client.request("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/", headers={})
        await client.close()
    assert failed.value.detail == "no answer within 0.2 s"


async def test_a_failed_tls_handshake_proves_that_nothing_was_sent(http: HttpClient, server: Echo) -> None:
    with pytest.raises(NotSentError):
        await http.request("POST", f"https://127.0.0.1:{server.port}/", headers={}, body=b"x")
    assert server.received == []


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(
    http: HttpClient,
) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read())
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    stranger = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    async with stranger:
        port = stranger.sockets[0].getsockname()[1]
        with pytest.raises(NotSentError, match="TLS: .*certificate"):
            await http.request("POST", f"https://localhost:{port}/", headers={}, body=b"secret")
    assert heard == b""


async def test_connecting_in_vain_proves_that_nothing_was_sent() -> None:
    """A full accept queue leaves the client waiting in connect, as an unreachable host does."""
    async with contextlib.AsyncExitStack() as sockets:
        client = HttpClient(requests_per_second=1000, timeout=1)
        sockets.push_async_callback(client.close)
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with pytest.raises(NotSentError):
            await client.request("POST", f"http://127.0.0.1:{listener.getsockname()[1]}/", headers={}, body=b"x")


async def test_redirects_and_cookies_are_ignored(http: HttpClient, server: Echo) -> None:
    server.order(server.answers(307, b"", {"Location": "/other"}), "/first")
    assert (await http.request("POST", f"{server.url}/first", headers={}, body=b"x")).status == 307
    assert server.received == []
    for _ in range(2):
        answer = await http.request("GET", f"http://localhost:{server.port}/again", headers={})
        assert answer.json_object() == {"path": "/again", "cookie": None}


async def test_proxies_of_the_environment_are_not_used(
    http: HttpClient, server: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert (await http.request("GET", server.url + "/", headers={})).ok


async def test_requests_are_paced(server: Echo) -> None:
    slow, other = (HttpClient(requests_per_second=pace, timeout=20) for pace in (0.001, 1000))
    await slow.request("GET", server.url + "/slow", headers={})
    second = asyncio.create_task(slow.request("GET", server.url + "/slow", headers={}))
    for _ in range(3):
        await other.request("GET", server.url + "/other", headers={})
    assert not second.done()
    assert [request.path for request in server.received] == ["/slow", "/other", "/other", "/other"]
    second.cancel()
    for client in (slow, other):
        await client.close()


async def test_the_url_goes_out_as_it_was_written(http: HttpClient, server: Echo) -> None:
    await http.request("GET", f"{server.url}/a%2Fb?createTime%3E=2026&to=%2B1202", headers={})
    assert server.received[0].raw_query == "createTime%3E=2026&to=%2B1202"


async def test_an_answer_over_the_limit_is_not_read_to_its_end(http: HttpClient, server: Echo) -> None:
    server.order(server.answers(200, bytes(5000)), "/")
    with pytest.raises(AmbiguousError, match="larger than 4000"):
        await http.request("GET", server.url + "/", headers={}, limit=4000)


@pytest.mark.parametrize(
    "headers", [{"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}, {"Content-Encoding": "deflate"}]
)
async def test_an_answer_that_cannot_be_decoded_is_no_answer(
    http: HttpClient, server: Echo, headers: dict[str, str]
) -> None:
    server.order(server.answers(200, b"this is not compressed", headers), "/")
    with pytest.raises(AmbiguousError):
        await http.request("POST", server.url + "/", headers={}, body=b"x")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
async def test_whatever_speaks_no_http_is_ambiguous(http: HttpClient, wire: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(wire)
        writer.close()

    stranger = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with stranger:
        port = stranger.sockets[0].getsockname()[1]
        with pytest.raises(AmbiguousError):
            await http.request("POST", f"http://127.0.0.1:{port}/", headers={}, body=b"x")


async def test_a_closed_client_opens_again(http: HttpClient, server: Echo) -> None:
    await http.request("GET", server.url + "/", headers={})
    await http.close()
    assert (await http.request("GET", server.url + "/", headers={})).ok


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("9" * 400, timedelta(days=1)),
        ("Fri, 20 Nov 2026 09:16:00 GMT", timedelta(minutes=1)),
        ("Fri, 20 Nov 2026 04:16:00 -0500", timedelta(minutes=1)),
        ("Fri, 20 Nov 2026 08:00:00 GMT", timedelta(0)),
        ("Fri, 20 Nov 2099 08:00:00 GMT", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text: str, wait: timedelta | None) -> None:
    assert retry_after(answer_with(Retry_After=text), NOW) == wait


def test_no_retry_after_is_none() -> None:
    assert retry_after(answer_with(), NOW) is None


@given(st.text())
def test_retry_after_never_fails(text: str) -> None:
    wait = retry_after(answer_with(Retry_After=text), NOW)
    assert wait is None or timedelta(0) <= wait <= timedelta(days=1)


@given(st.text())
def test_short_text_is_one_short_printable_line(text: str) -> None:
    line = short_text(text)
    assert len(line) <= 200
    assert line.isprintable()


@given(st.binary())
def test_any_body_is_a_json_object_or_none(body: bytes) -> None:
    value = Answer(200, CIMultiDictProxy(CIMultiDict()), body).json_object()
    assert value is None or isinstance(value, dict)


@pytest.mark.parametrize(
    "said",
    [
        "incomingWebhookUrl: https://faxgw:pw-4711@fax.example/webhooks/sinch/Zk3xPq7L is not reachable",
        r'{"callbackUrl": "https:\/\/faxgw:pw-4711@fax.example\/webhooks\/sinch\/Zk3xPq7L"}',
        "bad value HTTPS://faxgw:pw-4711@fax.example/Zk3xPq7L",
    ],
)
def test_a_provider_that_quotes_our_url_does_not_spread_its_secrets(said: str) -> None:
    shown = their_words(said)
    assert "pw-4711" not in shown
    assert "Zk3xPq7L" not in shown
    assert "(a URL)" in shown
