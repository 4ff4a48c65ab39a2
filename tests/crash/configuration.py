"""The configuration of a gateway under test: everything of a real one, and every wait small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from outside import Outside
from sender import DOMAIN, SENDER

from gateway.simulator.sinch import KEY_ID, KEY_SECRET, PROJECT
from gateway.simulator.sinch_account import DEFAULT_SERVICE

OURS: Final = "+12025550100"
ADDRESSES: Final = ("front@clinic.example", "lab@clinic.example")
CREDENTIALS: Final = ("hook", "crash-webhook-password")
WEBHOOK_PATH: Final = "/webhooks/sinch/crash-path-secret-0001"

#: Every wait small, in their order of size: search < list proven fresh < resend.
_TIMING: Final = """\
not_sent_delays = ["200ms", "300ms"]
render_delays = ["300ms"]
poll_delays = ["200ms", "300ms"]
search_times = ["200ms", "500ms", "1s", "2s", "3s", "4s", "6s", "8s", "10s"]
fresh_after = "2s"
proof_gap = "1s"
number_busy_delay = "200ms"
bug_delays = ["200ms", "200ms", "200ms", "300ms", "500ms"]
pause_delays = ["300ms"]
route_delays = ["200ms", "300ms"]
mail_delays = ["200ms", "300ms"]
catch_up_every = "1s"
"""


def configuration(state: Path, ports: Sequence[int], outside: Outside) -> str:
    """Writes the file.

    Args:
        state: state directory.
        ports: of SMTP, webhooks and health.
        outside: the provider and the mail catcher.
    """
    smtp, web, health = ports
    return f"""\
[gateway]
domain = "{DOMAIN}"
operator = "operator@clinic.example"
state_directory = "{state}"

[smtp]
listen = ["127.0.0.1:{smtp}"]

[[senders]]
address = "{SENDER}"
caller_id = "{OURS}"
header_text = "North Clinic +1 202-555-0100"

[dialling]
busy_pause = "300ms"
fault_pause = "300ms"
message_text = "never"

[providers.sinch]
kind = "sinch"
project_id = "{PROJECT}"
key_id = "{KEY_ID}"
key_secret = "{KEY_SECRET}"
services = ["{DEFAULT_SERVICE}"]
base_url = "{outside.provider}"
auth_url = "{outside.provider}"
webhook_user = "{CREDENTIALS[0]}"
webhook_password = "{CREDENTIALS[1]}"
webhook_path_secret = "crash-path-secret-0001"
requests_per_second = 200.0

[web]
listen = "127.0.0.1:{web}"
public_url = "http://127.0.0.1:{web}"

[health]
listen = "127.0.0.1:{health}"

[smarthost]
host = "127.0.0.1"
port = {outside.smarthost}
tls = "none"

[received]
fallback = "operator@clinic.example"

[[routes]]
number = "{OURS}"
addresses = ["{ADDRESSES[0]}", "{ADDRESSES[1]}"]

[log]
format = "json"

[timing]
{_TIMING}"""
