"""The faults of the simulated InterFAX: whatever its documents leave open, at its worst (interfax-rest 16 and 17)."""

from gateway.simulator.faults import CALLBACK_FAULTS, FieldRules, Rule
from gateway.simulator.interfax_errors import RETURN_CODES
from gateway.simulator.transport_faults import RETRY_AFTER, TRANSPORT_FAULTS


def _one_of(*words: str) -> Rule:
    return str, words.__contains__, f"one of {', '.join(words)}"


#: Every fault this simulator knows, with the fields only that fault has.
FAULTS: dict[str, FieldRules] = {
    **TRANSPORT_FAULTS,
    **CALLBACK_FAULTS,
    "bare_errors": {},
    "callback_extra": {},
    "callback_form": {"form": _one_of("multipart", "soap")},
    "callback_wrong_status": {},
    "caller_id": {},
    "cancel_done_200": {},
    "clock_skew": {},
    "create_202": {},
    "early_callback": {},
    "fail": {
        "code": (int, lambda code: code >= 0, "a final status code"),
        "pages_sent": (int, lambda pages: pages >= 0, "a number of pages"),
    },
    "image_marks_read": {},
    "late_callback": {},
    "list_lag": {},
    "not_ready": {},
    "odd_json": {"odd": _one_of("strings", "missing", "extra", "null")},
    "poll_answer": RETRY_AFTER,
    "reference_match": {"match": _one_of("ignore_case", "substring")},
    "refuse": {"api_code": (int, lambda code: code in RETURN_CODES, "an API return code, such as -111")},
    "retry_callback": {},
    "single_email": {},
    "skip_unsupported": {},
    "stuck": {},
    "truncated_image": {},
    "unlisted_state": {},
}
