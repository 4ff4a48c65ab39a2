"""The two web feedbacks of InterFAX: posted forms, day first, GMT, without any proof of origin (interfax-rest 11)."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from gateway.simulator.clock import Clock
from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import COST_PER_UNIT, Fax, Received
from gateway.simulator.interfax_numbers import inbound_form, outbound_form
from gateway.simulator.interfax_records import time_text
from gateway.simulator.webhooks import HOUR, MINUTE, Event, WebhookSender

OUTBOUND, INBOUND = "Outbound", "Inbound"
#: Used only by the fault `retry_callback`: the vendor documents no retries, so by default there are none.
RETRY_DELAYS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR)
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "https://CallBack.Interfax.net/"
#: What the fault `callback_wrong_status` tells instead of the truth.
WRONG = {0: 6017}

Fields = dict[str, Any]


class Callbacks:
    """Tells about finished and received faxes, wherever a URL is set.

    Args:
        clock: Plans late ones.
        faults: late_callback, callback_form, callback_extra, callback_wrong_status, retry_callback.
        sender: Delivers them.
        user: Owner of the faxes.
        outbound_url: Told of finished faxes; None for nobody.
        inbound_url: Told of received faxes; None for nobody.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        sender: WebhookSender,
        user: str,
        outbound_url: str | None,
        inbound_url: str | None,
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._sender = sender
        self._user = user
        self._outbound_url = outbound_url
        self._inbound_url = inbound_url

    def finished(self, fax: Fax) -> None:
        """Tells how a sent fax ended."""
        if self._outbound_url:
            self._tell(OUTBOUND, self._outbound_url, fax.id, _outbound(fax), _outbound_extra(fax, self._user))

    def received(self, fax: Received) -> None:
        """Tells that a fax has come in."""
        if self._inbound_url:
            self._tell(INBOUND, self._inbound_url, fax.id, _inbound(fax), _inbound_extra(fax, self._user))

    def _tell(self, name: str, url: str, fax_id: int, fields: Fields, extra: Fields) -> None:
        if self._faults.take("callback_extra"):
            fields = {**fields, **extra, "FutureField": "value"}
        if self._faults.take("callback_wrong_status"):
            fields = {**fields, "Status": WRONG.get(fields["Status"], 0)}
        form = self._faults.take("callback_form")
        content_type, body = _encode(name, fields, form.extra.get("form", "multipart") if form else "urlencoded")
        event = Event(url=url, name=name, fax=str(fax_id), content_type=content_type, body=body)
        retry = self._faults.take("retry_callback") is not None
        late = self._faults.take("late_callback")

        async def send() -> None:
            self._sender.send(event, retry=retry)

        self._clock.after(late.seconds if late else 0, send)


def _outbound(fax: Fax) -> Fields:
    """Returns the fields that the vendor's pages or a working receiver confirm."""
    return {
        "TransactionIDType": OUTBOUND,
        "TransactionID": fax.id,
        "Status": fax.status,
        "CompletionTime": fax.completed,
        "Contact": fax.options.contact or "",
        "CostPerUnit": COST_PER_UNIT,
        "Units": fax.units,
        "DeleteAfterUsage": False,
        "DestinationFax": outbound_form(fax.to),
    }


def _outbound_extra(fax: Fax, user: str) -> Fields:
    """Returns the fields that only the SOAP interface is known to have."""
    return {
        "UserID": user,
        "SubmitTime": fax.created,
        "PagesSent": fax.pages_sent,
        "PagesSubmitted": fax.pages,
        "Duration": int(fax.seconds),
        "Subject": fax.options.reference or "",
        "SenderCSID": fax.options.csid or user,
        "ReplyEmail": fax.options.reply_address,
        "TrialsPerformed": fax.attempts,
    }


def _inbound(fax: Received) -> Fields:
    return {"TransactionIDType": INBOUND, "TransactionID": fax.id, "Status": fax.status}


def _inbound_extra(fax: Received, user: str) -> Fields:
    return {
        "UserID": user,
        "PhoneNumber": inbound_form(fax.to),
        "RemoteCSID": fax.sender or "",
        "MessageStatus": fax.status,
        "Pages": fax.pages,
        "MessageType": 1,
        "ReceiveTime": fax.created,
        "CallerID": fax.sender or "",
    }


def _encode(name: str, fields: Fields, form: str) -> tuple[str, bytes]:
    """Returns content type and body of an event."""
    if form == "soap":
        return "text/xml; charset=utf-8", _soap(
            name, {field: _text(value, time_text) for field, value in fields.items()}
        )
    texts = {field: _text(value, _day_first) for field, value in fields.items()}
    if form == "multipart":
        boundary = secrets.token_hex(16)
        lines = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'
            for field, text in texts.items()
        ]
        return f"multipart/form-data; boundary={boundary}", f"{''.join(lines)}--{boundary}--\r\n".encode()
    return "application/x-www-form-urlencoded", urlencode(texts).encode()


def _soap(name: str, texts: dict[str, str]) -> bytes:
    envelope = ET.Element(f"{{{SOAP}}}Envelope")
    item = ET.SubElement(ET.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{NAMESPACE}}}{name}")
    for field, text in texts.items():
        ET.SubElement(item, f"{{{NAMESPACE}}}{field}").text = text
    return bytes(ET.tostring(envelope, encoding="utf-8", xml_declaration=True))


def _text(value: Any, write_time: Callable[[datetime], str]) -> str:
    return write_time(value) if isinstance(value, datetime) else str(value)


def _day_first(time: datetime) -> str:
    return f"{time:%d/%m/%Y %H:%M:%S}"
