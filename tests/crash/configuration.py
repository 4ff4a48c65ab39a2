"""The configuration of a gateway under test: everything of a real one, and every wait small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from kind import OURS, Kind
from outside import Outside
from sender import DOMAIN, SENDER

ADDRESSES: Final = ("front@clinic.example", "lab@clinic.example")

#: Every wait small, in their order of size: search < list proven fresh < resend. A second stands for some minutes.
_TIMING: Final = """\
not_sent_delays = ["200ms", "300ms"]
render_delays = ["300ms"]
poll_delays = ["200ms", "300ms"]
search_times = ["200ms", "500ms", "1s", "2s", "3s", "4s", "6s", "8s", "10s", "15s", "20s"]
fresh_after = "2s"
proof_gap = "1s"
number_busy_delay = "200ms"
bug_delays = ["200ms", "200ms", "200ms", "300ms", "500ms"]
pause_delays = ["300ms"]
route_delays = ["200ms", "300ms"]
mail_delays = ["200ms", "300ms"]
catch_up_every = "1s"
"""


def configuration(state: Path, ports: Sequence[int], outside: Outside, kind: Kind) -> str:
    """Writes the file.

    Args:
        state: state directory.
        ports: of SMTP, webhooks and health.
        outside: the provider and the mail catcher.
        kind: of the provider.
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

{kind.section(outside.provider)}
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
