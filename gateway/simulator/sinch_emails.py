"""Fax to Email: addresses of a service and the numbers each may use (sinch-fax-v3 5)."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from gateway.simulator.clock import stamp
from gateway.simulator.faults import Faults
from gateway.simulator.sinch_account import Account, EmailRecord, Service
from gateway.simulator.sinch_errors import ApiError, Violation, not_found, rejected
from gateway.simulator.sinch_fields import PERMISSIONS, json_object
from gateway.simulator.sinch_paging import page_of, query_of
from gateway.simulator.sinch_services import number_json

EMAILS_SIZE = 100
NUMBERS_SIZE = 20


class EmailApi:
    """Answers the requests about e-mail addresses.

    Args:
        account: Where they are.
        faults: email_conflict, legacy_emails, legacy_strings.
    """

    def __init__(self, account: Account, faults: Faults) -> None:
        self._account = account
        self._faults = faults

    def routes(self, base: str) -> list[web.RouteDef]:
        """Returns the routes below a base path: those of a service, and the old ones of the project."""
        routes = []
        for emails in (f"{base}/services/{{service}}/emails", f"{base}/emails"):
            routes += [
                web.get(emails, self.list),
                web.post(emails, self.add),
                web.put(f"{emails}/{{email}}", self.set_numbers),
                web.delete(f"{emails}/{{email}}", self.remove),
                web.get(f"{emails}/{{email}}/numbers", self.numbers),
            ]
        return [*routes, web.get(f"{base}/services/{{service}}/numbers/{{number}}/emails", self.of_number)]

    async def list(self, request: web.Request) -> web.Response:
        """Lists the addresses of a service."""
        page = page_of(self._records(self._service(request)), "emails", query_of(request), size=EMAILS_SIZE)
        page["emails"] = [self._json(record) for record in page["emails"]]
        if self._faults.take_for("legacy_strings", request):
            for shown in page["emails"]:
                shown["phoneNumbers"] = [pair["number"] for pair in shown["phoneNumbers"]]
        return web.json_response(page)

    async def add(self, request: web.Request) -> web.Response:
        """Adds an address; one that exists gets the numbers added to those it has."""
        service = self._service(request)
        body = await json_object(request)
        email = body.get("email")
        if not isinstance(email, str) or "@" not in email:
            raise ApiError(400, "A required field is missing.", [Violation("email", "email is required")])
        permissions = self._permissions(service, body)
        if not permissions:  # seen on the old project path: an echo, and nothing is created
            return web.json_response({"email": email, "phoneNumbers": []})
        record = self._account.emails.get((service.id, email.lower()))
        if record is None:
            now = self._account.clock.now()
            record = EmailRecord(email, service.id, permissions, now, now)
            self._account.emails[service.id, email.lower()] = record
        elif self._faults.take_for("email_conflict", request):
            raise ApiError(409, f"{email} exists already.")
        else:
            self._change(record, {**record.permissions, **permissions})
        return web.json_response(self._json(record), status=201)

    async def set_numbers(self, request: web.Request) -> web.Response:
        """Replaces the numbers of an address; an empty list keeps the address without numbers."""
        service, record = self._record(request)
        self._change(record, self._permissions(service, await json_object(request)))
        return web.json_response(self._json(record))

    async def remove(self, request: web.Request) -> web.Response:
        """Removes an address; a body is ignored, the vendor's client sends one."""
        service, record = self._record(request)
        del self._account.emails[service.id, record.email.lower()]
        return web.Response(status=204)

    async def numbers(self, request: web.Request) -> web.Response:
        """Lists the numbers of an address."""
        _, record = self._record(request)
        shown = [
            number_json(self._account, self._account.numbers[number], permission)
            for number, permission in self._current(record).items()
        ]
        return web.json_response(page_of(shown, "phoneNumbers", query_of(request), size=NUMBERS_SIZE))

    async def of_number(self, request: web.Request) -> web.Response:
        """Lists the addresses of a number, as plain texts."""
        service = self._service(request)
        number = self._account.numbers.get(request.match_info["number"])
        if number is None or number.service != service.id:
            raise not_found(f"Number {request.match_info['number']}")
        emails = [record.email for record in self._records(service) if number.number in record.permissions]
        return web.json_response(page_of(emails, "emails", query_of(request), size=EMAILS_SIZE))

    def _service(self, request: web.Request) -> Service:
        if "service" in request.match_info:
            return self._account.service(request.match_info["service"])
        if not self._faults.take_for("legacy_emails", request):
            raise not_found("This path")
        return self._account.default_service()

    def _record(self, request: web.Request) -> tuple[Service, EmailRecord]:
        service = self._service(request)
        email = request.match_info["email"]
        record = self._account.emails.get((service.id, email.lower()))
        if record is None:
            raise not_found(f"Email {email}")
        return service, record

    def _records(self, service: Service) -> Sequence[EmailRecord]:
        return [record for record in self._account.emails.values() if record.service == service.id]

    def _permissions(self, service: Service, body: dict[str, Any]) -> dict[str, str]:
        """Returns number -> permission; the last entry of a number wins."""
        entries = body.get("phoneNumbers") or []
        if not isinstance(entries, list):
            raise rejected("phoneNumbers", "must be a list")
        permissions = dict(_read_entry(entry) for entry in entries)
        if strange := [number for number in permissions if not self._account.has_number(service.id, number)]:
            raise rejected("phoneNumbers", f"{strange[0]} is not a number of this service")
        return permissions

    def _change(self, record: EmailRecord, permissions: dict[str, str]) -> None:
        record.permissions = permissions
        record.updated = self._account.clock.now()

    def _current(self, record: EmailRecord) -> dict[str, str]:
        """Returns the pairs that still hold; a number that moved to another service drops out."""
        has = self._account.has_number
        return {number: value for number, value in record.permissions.items() if has(record.service, number)}

    def _json(self, record: EmailRecord) -> dict[str, Any]:
        numbers = [{"number": number, "permissions": value} for number, value in self._current(record).items()]
        return {
            "email": record.email,
            "phoneNumbers": numbers,
            "projectId": self._account.project,
            "createdAt": stamp(record.created),
            "updatedAt": stamp(record.updated),
        }


def _read_entry(entry: Any) -> tuple[str, str]:
    """Returns number and permission of an entry in any of the forms clients send (sinch-fax-v3 5.5)."""
    if isinstance(entry, str):
        return entry, "both"
    if not isinstance(entry, dict):
        raise rejected("phoneNumbers", "each entry needs number and permissions")
    number = entry.get("number") or entry.get("phoneNumber") or entry.get("faxNumber")
    permission = entry.get("permissions") or "both"
    if not isinstance(number, str) or permission not in PERMISSIONS:
        raise rejected("phoneNumbers", f"permissions must be one of {', '.join(PERMISSIONS)}")
    return number, permission
