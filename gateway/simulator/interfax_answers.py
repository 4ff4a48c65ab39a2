"""Answers in the forms of InterFAX: JSON under two content types, XML, empty ones (interfax-rest 1 and 2)."""

import json
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import web

from gateway.simulator.interfax_errors import ApiError

XML_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NIL = f"{{{XML_INSTANCE}}}nil"


def answer(request: web.Request, value: Any, name: str) -> web.Response:
    """Returns a 200 in the form that the client accepts.

    Args:
        request: Its `Accept` decides: `text/json` exactly without one, JSON with a charset, or XML.
        value: An object, a list of objects, or a single value.
        name: What XML calls the object, or one item of the list.
    """
    accepted = request.headers.get("Accept", "*/*").lower()
    if "text/xml" in accepted or "application/xml" in accepted:
        return _chunked(_xml(value, name), "text/xml; charset=utf-8")
    if "application/json" in accepted:
        return _chunked(_json(value).encode(), "application/json; charset=utf-8")
    return _chunked(_json(value).encode(), "text/json")


def error_answer(error: ApiError) -> web.Response:
    """Returns the answer that tells an error, always as `text/json`."""
    body = json.dumps(error.body).encode()
    return web.Response(status=error.status, body=body, headers={"Content-Type": "text/json"})


def base_of(request: web.Request) -> str:
    """Returns the URL of the service as the client knows it, for links."""
    return str(request.url.origin())


def created(location: str, status: int = 201) -> web.Response:
    """Returns the answer to whatever makes something new: the id is in the path of `Location` and nowhere else."""
    return web.Response(status=status, headers={"Location": location})


def _chunked(body: bytes, content_type: str) -> web.Response:
    response = web.Response(body=body, headers={"Content-Type": content_type})
    response.enable_chunked_encoding()
    return response


def _json(value: Any) -> str:
    """Writes JSON with decimals as they are, zeros at their end included."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(name)}:{_json(each)}' for name, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return json.dumps(value)


def _xml(value: Any, name: str) -> bytes:
    root = _element(f"ArrayOf{name}" if isinstance(value, list) else name, value, name)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _element(tag: str, value: Any, item: str = "item") -> ET.Element:
    element = ET.Element(tag)
    if isinstance(value, dict):
        element.extend(_element(name, each) for name, each in value.items())
    elif isinstance(value, list):
        element.extend(_element(item, each) for each in value)
    elif value is None:
        element.set(NIL, "true")
    else:
        element.text = str(value).lower() if isinstance(value, bool) else str(value)
    return element
