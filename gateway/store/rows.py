"""Between rows and nouns: the columns that are more than plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from gateway.core.model import Document
from gateway.core.reasons import Reason

Noun = TypeVar("Noun")

_DOCUMENT_FIELDS = ("owner", "role", "sha256", "size", "type", "pages")


def document_columns(document: Document | None, prefix: str = "document") -> dict[str, Any]:
    """Spreads a document over its columns."""
    if document is None:
        return {f"{prefix}_{name}": None for name in _DOCUMENT_FIELDS}
    values = (
        document.owner,
        document.role,
        document.sha256,
        document.size,
        document.media_type,
        document.pages,
    )
    return {f"{prefix}_{name}": value for name, value in zip(_DOCUMENT_FIELDS, values, strict=True)}


def take_document(row: dict[str, Any], prefix: str = "document") -> Document | None:
    """Gathers a document from its columns, taking them out of ``row``."""
    values = [row.pop(f"{prefix}_{name}") for name in _DOCUMENT_FIELDS]
    return None if values[0] is None else Document(*values)


def take_reason(row: Mapping[Any, Any]) -> Reason | None:
    """Reads the reason column."""
    return Reason.of(row["reason"]) if row["reason"] else None
