"""Sinch as the provider of a gateway under test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from kind import OURS, SECRET, Kind, Webhook

from gateway.simulator.sinch import KEY_ID, KEY_SECRET, PROJECT, SinchSimulator
from gateway.simulator.sinch_account import DEFAULT_SERVICE
from gateway.simulator.sinch_events import INCOMING, event_of

_LOGIN: Final = ("hook", "crash-webhook-password")


def _section(url: str) -> str:
    return f"""\
[providers.sinch]
kind = "sinch"
project_id = "{PROJECT}"
key_id = "{KEY_ID}"
key_secret = "{KEY_SECRET}"
services = ["{DEFAULT_SERVICE}"]
base_url = "{url}"
auth_url = "{url}"
webhook_user = "{_LOGIN[0]}"
webhook_password = "{_LOGIN[1]}"
webhook_path_secret = "{SECRET}"
requests_per_second = 200.0
"""


def _received(fax_id: str, document: bytes) -> Webhook:
    fax = {"id": fax_id, "direction": "INBOUND", "from": "+13125550177", "to": OURS, "numberOfPages": 1}
    fax |= {"status": "COMPLETED", "createTime": "2026-11-02T09:00:00Z"}
    now = datetime.now(UTC)
    event = event_of(INCOMING, "", "multipart/form-data", fax=fax, document=document, now=now, swapped=False)
    return event.content_type, event.body


def _ended(fax: Mapping[str, Any]) -> Webhook:
    event = {"event": "FAX_COMPLETED", "eventTime": fax["completedTime"], "fax": fax}
    return "application/json", json.dumps(event).encode()


SINCH: Final = Kind(
    name="sinch",
    simulator=SinchSimulator,
    options=lambda webhook: {"webhook": webhook},
    section=_section,
    sending={"method": "POST", "path": "/faxes"},
    busy={"fault": "fail", "type": "CALL_ERROR", "code": 17},
    unconfirmed={"fault": "fail", "type": "FAX_ERROR", "code": 139, "pages_sent": 1},
    received=_received,
    ended=_ended,
    login=_LOGIN,
)
