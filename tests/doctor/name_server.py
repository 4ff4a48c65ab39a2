"""A name server on loopback that answers what a test put into its zone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.asyncresolver import Resolver


@dataclass
class NameServer:
    """Knows the names of ``zone``: (name, type) to records as a zone file has them."""

    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    is_broken: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def texts(self, name: str, *texts: str) -> None:
        """Publishes TXT records, each cut into pieces as long ones have to be."""
        self.zone[name, "TXT"] = [
            " ".join(f'"{text[place : place + 200]}"' for place in range(0, len(text), 200)) for text in texts
        ]

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[Resolver]:
        """Serves until the block ends; gives a resolver that asks it and nobody else."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Answers(self), ("127.0.0.1", 0))
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port = transport.get_extra_info("sockname")[1]
        try:
            yield resolver
        finally:
            transport.close()

    def answer(self, question: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.RA
        asked = question.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        self.asked.append(name)
        if self.is_broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif records := self.zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *records))
        elif all(known != name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(self._server.answer(dns.message.from_wire(data)).to_wire(), addr)
