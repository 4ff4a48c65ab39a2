"""InterFAX as the provider of a gateway under test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from kind import OURS, SECRET, Kind, Webhook

from gateway.simulator.interfax import PASSWORD, USERNAME, InterfaxSimulator

#: Their minutes that pass in a second here: the waits of configuration.py are as much shorter than those of production.
MINUTES_A_SECOND: Final = 3
_FORM: Final = "application/x-www-form-urlencoded"


def interfax(polls_per_minute: int) -> Kind:
    """Makes an InterFAX that takes so many polls a minute, and a gateway that knows it."""

    def section(url: str) -> str:
        return f"""\
[providers.interfax]
kind = "interfax"
username = "{USERNAME}"
password = "{PASSWORD}"
numbers = ["{OURS}"]
marker_number = "+99999990"
base_url = "{url}"
webhook_path_secret = "{SECRET}"
polls_per_minute = {polls_per_minute}.0
requests_per_second = 200.0
"""

    def options(webhook: str) -> Mapping[str, Any]:
        return {"callback_url": webhook, "inbound_callback_url": webhook, "polls_per_minute": polls_per_minute}

    return Kind(
        name="interfax",
        simulator=InterfaxSimulator,
        options=options,
        section=section,
        sending={"method": "POST", "path": "/outbound/faxes"},
        busy={"fault": "fail", "code": 6017},
        unconfirmed={"fault": "fail", "code": 3268, "pages_sent": 1},
        received=_received,
        ended=_ended,
    )


def _received(fax_id: str, _document: bytes) -> Webhook:
    return _FORM, urlencode({"TransactionIDType": "Inbound", "TransactionID": fax_id, "Status": 0}).encode()


def _ended(fax: Mapping[str, Any]) -> Webhook:
    fields = {"TransactionIDType": "Outbound", "TransactionID": fax["id"], "Status": fax["code"]}
    return _FORM, urlencode(fields).encode()


#: Six a minute of theirs.
INTERFAX: Final = interfax(polls_per_minute=6 * MINUTES_A_SECOND * 60)
