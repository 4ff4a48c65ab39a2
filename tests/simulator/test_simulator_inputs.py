"""Whatever comes in is understood or refused in words: property tests of the parsers."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.control import BadControlError, Inbound, read_inbound
from gateway.simulator.documents import ConversionError, Upload, merge
from gateway.simulator.faults import COMMON_FIELDS, BadFaultError, Faults
from gateway.simulator.sinch import FAULTS
from gateway.simulator.sinch_errors import ApiError
from gateway.simulator.sinch_filter import select
from gateway.simulator.sinch_paging import query_of
from gateway.simulator.webhooks import mask_credentials

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
FAULT_FIELDS = sorted(COMMON_FIELDS | {"retry_after", "type", "code", "pages_sent"})
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL_TEXT = st.text(st.characters(codec="utf-8", exclude_characters='"'))


@given(st.dictionaries(st.sampled_from(FAULT_FIELDS), JSON) | JSON, st.sampled_from(sorted(FAULTS)))
def test_a_list_of_faults_is_taken_or_refused(entry: object, name: str) -> None:
    faults = Faults(FAULTS, 0, lambda _: ())
    with suppress(BadFaultError):
        faults.set([entry | {"fault": name}] if isinstance(entry, dict) else entry)
    faults.take(name, "GET", "/faxes")


@given(st.dictionaries(st.sampled_from(["to", "from", "pages", "pdf_base64", "barcodes", "fail"]), JSON) | JSON)
def test_an_injection_is_taken_or_refused(body: object) -> None:
    with suppress(BadControlError):
        assert isinstance(read_inbound(body), Inbound)


@given(st.dictionaries(URL_TEXT.filter(bool), URL_TEXT))
def test_a_query_comes_back_as_it_was_encoded(query: dict[str, str]) -> None:
    encoded = "&".join(f"{quote(name, safe='+')}={quote(value, safe='+')}" for name, value in query.items())
    assert query_of(make_mocked_request("GET", f"/faxes?{encoded}")) == query


@given(st.dictionaries(st.sampled_from(["createTime", "createTime>", "createTime<", "labels"]), st.text()))
def test_a_filter_is_understood_or_refused(query: dict[str, str]) -> None:
    with suppress(ApiError):
        assert select([], query, NOW) == []


@given(st.binary(max_size=200), st.sampled_from(["PDF", "PNG", "JPG", "TIF", "TXT", "HTML", "DOCX", None]))
def test_an_upload_becomes_pages_or_a_conversion_error(data: bytes, kind: str | None) -> None:
    with suppress(ConversionError):
        assert merge([Upload(kind, data)])[1] >= 1


@given(st.text("abcXYZ019._~%", min_size=1), st.text("abcXYZ019._~%:", min_size=1), st.sampled_from(["http", "HTTPS"]))
def test_credentials_never_show(user: str, password: str, scheme: str) -> None:
    masked = mask_credentials(f"{scheme}://{user}:{password}@fax.example.org:8443/in?at=x@y")
    assert masked == f"{scheme}://***:***@fax.example.org:8443/in?at=x@y"
    assert json.dumps(masked)
    plain = "https://fax.example.org/in?at=x@y"
    assert mask_credentials(plain) == plain
