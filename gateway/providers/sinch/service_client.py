"""The services of a Sinch project over HTTP: settings, numbers, e-mail addresses (sinch-fax-v3 5 and 6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson

from gateway.core.model import Permission
from gateway.core.reasons import AccountError, AmbiguousError, PermanentError, Reason, TemporaryError
from gateway.providers.base import MappingConflictError
from gateway.providers.http import retry_after
from gateway.providers.sinch.mappings import (
    Numbers,
    merged,
    read_email,
    read_pair,
    read_service_number,
    write_numbers,
)
from gateway.providers.sinch.project import NothingThereError, Project
from gateway.providers.sinch.service_settings import Value
from gateway.providers.sinch.words import error_text, refusal

_Value = TypeVar("_Value")

#: What may mean, after POST, that the address exists already, and after PUT that it does not, or has changed (5.3).
_MAY_EXIST: Final = frozenset({400, 409, 412, 422})
_MAY_BE_GONE: Final = frozenset({404, 409, 412})


class ServiceClient:
    """The endpoints of the services of one project.

    Every change may be repeated; an answer that got lost is a TemporaryError.

    Args:
        project: the project whose services these are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    async def service(self, service: str) -> Mapping[str, Any]:
        """Reads the Service object. Safe to repeat.

        Raises:
            AccountError: there is no such service.
            TemporaryError, AccountError: no usable answer.
        """
        answer = await self._project.ask("GET", _path(service))
        if answer is None:
            raise _no_such_service(service)
        found = answer.json_object() or {}
        if found.get("id") != service:
            raise TemporaryError(Reason.PROVIDER_DOWN, "the answer is not the service that was asked for")
        return found

    async def change_service(self, service: str, values: Mapping[str, Value]) -> None:
        """Sets these fields of a service and no others.

        Raises:
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """
        await self._change("PATCH", _path(service), values)

    async def numbers(self, service: str) -> dict[str, bool]:
        """Reads all numbers of a service, each with whether it is suspended. Safe to repeat.

        Raises:
            TemporaryError, AccountError: they could not all be read.
        """
        return await self._all(service, "numbers", read_service_number)

    async def addresses(self, service: str) -> dict[str, dict[str, Permission]]:
        """Reads all addresses of a service, each with its numbers. Safe to repeat.

        Raises:
            TemporaryError, AccountError: they could not all be read.
        """
        return await self._all(service, "emails", read_email)

    async def numbers_of(self, service: str, address: str) -> dict[str, Permission] | None:
        """Reads all numbers of one address; None if the service does not know the address. Safe to repeat.

        Raises:
            TemporaryError, AccountError: they could not all be read.
        """

        def read(entry: Any) -> tuple[tuple[str, Permission], None] | None:
            pair = read_pair(entry)
            return None if pair is None else (pair, None)

        path = _path(service, "emails", address, "numbers")
        try:
            return merged([pair async for pair, _ in self._project.entries(path, "phoneNumbers", read, {})])
        except NothingThereError:
            return None

    async def add_address(self, service: str, address: str, numbers: Numbers) -> None:
        """Makes an address with these numbers. They may add them to the numbers of one that exists (5.3).

        Raises:
            MappingConflictError: it may exist already; with their words.
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """
        if not numbers:  # they would answer with success, and make nothing
            raise PermanentError(Reason.OTHER, "an address cannot be made without a number")
        body = {"email": address, "phoneNumbers": write_numbers(numbers)}
        await self._change("POST", _path(service, "emails"), body, _MAY_EXIST)

    async def set_numbers(self, service: str, address: str, numbers: Numbers) -> None:
        """Replaces all numbers of an address.

        Raises:
            MappingConflictError: it does not exist, or changed meanwhile; with their words.
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """
        body = {"phoneNumbers": write_numbers(numbers)}
        await self._change("PUT", _path(service, "emails", address), body, _MAY_BE_GONE)

    async def remove_address(self, service: str, address: str) -> None:
        """Removes an address; one that is gone already is as good.

        Raises:
            PermanentError, TemporaryError, AccountError: it was refused, or nobody knows.
        """
        await self._change("DELETE", _path(service, "emails", address))

    async def _all(
        self, service: str, what: str, read: Callable[[Any], tuple[str, _Value] | None]
    ) -> dict[str, _Value]:
        try:
            return {name: value async for name, value in self._project.entries(_path(service, what), what, read, {})}
        except NothingThereError:
            raise _no_such_service(service) from None

    async def _change(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, conflicts: Collection[int] = ()
    ) -> None:
        try:
            answer = await self._project.call(method, path, body=None if body is None else orjson.dumps(body))
        except AmbiguousError as error:
            raise TemporaryError(Reason.PROVIDER_DOWN, error.detail) from error
        if answer.ok or (method == "DELETE" and answer.status == HTTPStatus.NOT_FOUND):
            return
        if answer.status in conflicts:
            raise MappingConflictError(error_text(answer))
        now = self._project.clock()
        failure = refusal(answer, now)
        if isinstance(failure, AmbiguousError):
            raise TemporaryError(Reason.PROVIDER_DOWN, failure.detail, retry_after(answer, now))
        raise failure


def _path(service: str, *parts: str) -> str:
    return "/".join(["/services", *(quote(part, safe="") for part in (service, *parts))])


def _no_such_service(service: str) -> AccountError:
    return AccountError(Reason.PROVIDER_AUTH, f"HTTP 404: no such project or service: {service}")
