"""Reads and checks a request to send a fax, in every documented form (sinch-fax-v3 3.1)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from gateway.simulator import sinch_fields
from gateway.simulator.documents import TYPES, Upload, kind_of
from gateway.simulator.sinch_errors import ApiError, Violation, rejected

FILE_MAX = 20 * 1024 * 1024
KEYED = re.compile(r"(labels|coverPageData)\[(.*)\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request to send, checked as far as it can be without looking at the account."""

    recipients: list[str]
    urls: list[str]
    uploads: list[Upload]
    options: dict[str, Any]


@dataclass(slots=True)
class _Form:
    """A request as it came, still unchecked, the same for both encodings."""

    fields: dict[str, Any] = field(default_factory=dict)
    recipients: list[Any] = field(default_factory=list)
    urls: list[Any] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)


async def read_send(request: web.Request, *, oversize_status: int) -> SendRequest:
    """Reads a send.

    Args:
        request: Holds multipart/form-data or application/json.
        oversize_status: What a file above 20 MB is answered with.

    Raises:
        ApiError: 400 for a missing field or another content type, 422 for bad values.
    """
    if request.content_type == "multipart/form-data":
        form = await _read_multipart(request)
    elif request.content_type == "application/json":
        form = _read_json(await sinch_fields.json_object(request))
    else:
        raise ApiError(400, "The body must be multipart/form-data or application/json.")
    return _check(form, oversize_status)


def _check(form: _Form, oversize_status: int) -> SendRequest:
    missing = []
    if not form.recipients:
        missing.append(Violation("to", "to is required"))
    if not form.uploads and not form.urls:
        missing.append(Violation("file", "at least one file or contentUrl is required"))
    if missing:
        raise ApiError(400, "A required field is missing.", missing)
    wrong = [Violation("to", text) for number in form.recipients if (text := sinch_fields.is_e164(number))]
    if wrong:
        raise ApiError(422, "One or more fields were rejected.", wrong)
    if not all(isinstance(url, str) for url in form.urls):
        raise rejected("contentUrl", "must be text or a list of texts")
    if any(len(upload.data) > FILE_MAX for upload in form.uploads):
        raise ApiError(oversize_status, "A file is larger than 20 MB.", [Violation("file", "is too large")])
    options = sinch_fields.checked(form.fields, sinch_fields.SEND_FIELDS)
    if form.urls:
        options["contentUrl"] = form.urls[0] if len(form.urls) == 1 else form.urls
    return SendRequest(form.recipients, form.urls, form.uploads, options)


def _read_json(body: Mapping[str, Any]) -> _Form:
    if "contentBase64" in body:
        raise rejected("contentBase64", "is not a field of this API; use files")
    files = body.get("files") or []
    if not isinstance(files, list):
        raise rejected("files", "must be a list")
    return _Form(
        fields=_with_alias(dict(body)),
        recipients=_listed(body.get("to")),
        urls=_listed(body.get("contentUrl"), split=False),
        uploads=[_decode(file) for file in files],
    )


def _decode(file: Any) -> Upload:
    if not isinstance(file, dict) or not isinstance(file.get("file"), str):
        raise rejected("files", "each entry needs file (base64) and fileType")
    kind = file.get("fileType")
    if kind not in TYPES:
        raise rejected("files.fileType", f"must be one of {', '.join(TYPES)}")
    try:
        return Upload(kind, base64.b64decode(file["file"], validate=True))
    except binascii.Error as problem:
        raise rejected("files.file", "is not base64") from problem


async def _read_multipart(request: web.Request) -> _Form:
    form = _Form()
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise ApiError(400, "A part of the form has no name.")
            if part.name in {"file", "files"}:
                form.uploads.append(await _read_file(part))
            else:
                _add_text(form, part.name, (await part.read()).decode())
    except (ValueError, AssertionError) as problem:  # what aiohttp raises for a broken form
        raise ApiError(400, "The form cannot be read.") from problem
    form.fields = _with_alias(form.fields)
    return form


async def _read_file(part: BodyPartReader) -> Upload:
    name = part.filename
    data = bytearray()
    while chunk := await part.read_chunk():
        if len(data) <= FILE_MAX:  # the rest is read and forgotten, so that the client can hear the answer
            data += chunk
    if name is None:
        raise rejected("file", "the part needs a filename")
    return Upload(kind_of(name), bytes(data), name)


def _add_text(form: _Form, name: str, text: str) -> None:
    if name == "to":
        form.recipients += _listed(text)
    elif name == "contentUrl":
        form.urls += _listed(text)
    elif keyed := KEYED.fullmatch(name):
        form.fields.setdefault(keyed[1], {})[keyed[2]] = text
    elif name in sinch_fields.FORM_NUMBERS:
        form.fields[name] = int(text) if text.isdecimal() else text
    elif name in sinch_fields.FORM_FLAGS:
        form.fields[name] = {"true": True, "false": False}.get(text, text)
    else:
        form.fields[name] = text


def _listed(value: Any, *, split: bool = True) -> list[Any]:
    """Returns one text, a comma-separated text or a list as a list, which is empty for nothing."""
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [item for each in (value.split(",") if split else [value]) if (item := each.strip())]
    return [] if value is None else [value]


def _with_alias(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields with the older name of the callback encoding understood (sinch-fax-v3 12)."""
    if "callbackContentType" in fields:
        fields.setdefault("callbackUrlContentType", fields["callbackContentType"])
    return fields
