"""Services, their numbers and their cover pages (sinch-fax-v3 6 and 7.1)."""

import base64
import binascii
from typing import Any

from aiohttp import web

from gateway.simulator.clock import stamp
from gateway.simulator.documents import ConversionError, Upload, merge
from gateway.simulator.sinch_account import Account, CoverPage, Number, Service, country_of
from gateway.simulator.sinch_errors import ApiError, Violation, not_found, rejected
from gateway.simulator.sinch_fields import SERVICE_FIELDS, SUSPEND_FIELDS, checked, json_object
from gateway.simulator.sinch_paging import page_of, query_of

LIST_SIZE = 20


class ServiceApi:
    """Answers the requests about services, numbers and cover pages.

    Args:
        account: Where they are.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self, base: str) -> list[web.RouteDef]:
        """Returns the routes below a base path."""
        one = f"{base}/services/{{service}}"
        return [
            web.post(f"{base}/services", self.create),
            web.get(f"{base}/services", self.list),
            web.get(one, self.get),
            web.patch(one, self.update),
            web.delete(one, self.delete),
            web.get(f"{one}/numbers", self.numbers),
            web.patch(f"{one}/numbers/{{number}}/suspend", self.suspend),
            web.get(f"{one}/coverPages", self.cover_pages),
            web.post(f"{one}/coverPages", self.add_cover_page),
            web.get(f"{one}/coverPages/{{page}}", self.cover_page),
            web.delete(f"{one}/coverPages/{{page}}", self.delete_cover_page),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Adds a service."""
        settings = self._checked_settings(await json_object(request), None)
        service = self._account.add_service(settings)
        return web.json_response(self._account.service_json(service), status=201)

    async def list(self, request: web.Request) -> web.Response:
        """Lists the services."""
        services = [self._account.service_json(service) for service in self._account.services.values()]
        return web.json_response(page_of(services, "services", query_of(request), size=LIST_SIZE))

    async def get(self, request: web.Request) -> web.Response:
        """Answers with one service."""
        return web.json_response(self._account.service_json(self._service(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Changes the fields that are given."""
        service = self._service(request)
        self._account.change_service(service, self._checked_settings(await json_object(request), service))
        return web.json_response(self._account.service_json(service))

    async def delete(self, request: web.Request) -> web.Response:
        """Removes a service with all it holds, its numbers move to the default service."""
        service = self._service(request)
        if service.settings["defaultForProject"]:
            raise rejected("serviceId", "the default service cannot be deleted")
        self._account.remove_service(service)
        return web.Response(status=204)

    async def numbers(self, request: web.Request) -> web.Response:
        """Lists the numbers of a service."""
        numbers = self._account.numbers_of(self._service(request).id)
        shown = [number_json(self._account, number) for number in numbers]
        return web.json_response(page_of(shown, "numbers", query_of(request), size=LIST_SIZE))

    async def suspend(self, request: web.Request) -> web.Response:
        """Suspends or resumes a number."""
        service = self._service(request)
        number = self._account.numbers.get(request.match_info["number"])
        if number is None or number.service != service.id:
            raise not_found(f"Number {request.match_info['number']}")
        change = checked(await json_object(request), SUSPEND_FIELDS)
        number.suspended = change.get("suspended", number.suspended)
        number.note = change.get("note", number.note)
        number.updated = self._account.clock.now()
        times = {"createdAt": stamp(number.created), "updatedAt": stamp(number.updated)}
        return web.json_response(number_json(self._account, number) | times)

    async def cover_pages(self, request: web.Request) -> web.Response:
        """Lists the cover pages of a service."""
        service = self._service(request)
        pages = [page for page in self._account.cover_pages.values() if page.service == service.id]
        shown = [self._cover_page_json(page) for page in pages]
        return web.json_response(page_of(shown, "coverPages", query_of(request), size=LIST_SIZE))

    async def add_cover_page(self, request: web.Request) -> web.Response:
        """Adds a cover page; the answer is 200, not 201."""
        service = self._service(request)
        name, pdf = _read_cover_page(await json_object(request))
        page = CoverPage(self._account.new_id(), service.id, name, pdf, self._account.clock.now())
        self._account.cover_pages[page.id] = page
        return web.json_response(self._cover_page_json(page))

    async def cover_page(self, request: web.Request) -> web.Response:
        """Answers with one cover page."""
        return web.json_response(self._cover_page_json(self._cover_page(request)))

    async def delete_cover_page(self, request: web.Request) -> web.Response:
        """Removes a cover page."""
        del self._account.cover_pages[self._cover_page(request).id]
        return web.Response(status=204)

    def _service(self, request: web.Request) -> Service:
        return self._account.service(request.match_info["service"])

    def _cover_page(self, request: web.Request) -> CoverPage:
        service = self._service(request)
        page = self._account.cover_pages.get(request.match_info["page"])
        if page is None or page.service != service.id:
            raise not_found(f"Cover page {request.match_info['page']}")
        return page

    def _checked_settings(self, body: dict[str, Any], service: Service | None) -> dict[str, Any]:
        settings = checked(body, SERVICE_FIELDS)
        default_from = settings.get("defaultFrom")
        if default_from and default_from not in self._account.numbers:
            raise rejected("defaultFrom", f"{default_from} is not a number of this account")
        cover = settings.get("coverPageId")
        if cover and (service is None or self._cover_owner(cover) != service.id):
            raise rejected("coverPageId", "is not a cover page of this service")
        if service and service.settings["defaultForProject"] and settings.get("defaultForProject") is False:
            raise rejected("defaultForProject", "make another service the default instead")
        return settings

    def _cover_owner(self, page_id: str) -> str | None:
        page = self._account.cover_pages.get(page_id)
        return page.service if page else None

    def _cover_page_json(self, page: CoverPage) -> dict[str, Any]:
        file = {"fileContent": base64.b64encode(page.pdf).decode(), "fileType": "application/pdf"}
        return {
            "id": page.id,
            "projectId": self._account.project,
            "serviceId": page.service,
            "name": page.name,
            "file": file,
            "createdTime": stamp(page.created),
            "updatedTime": stamp(page.created),
        }


def number_json(account: Account, number: Number, permissions: str = "both") -> dict[str, Any]:
    """Returns the ServicePhoneNumber object (sinch-fax-v3 5.1)."""
    return {
        "phoneNumber": number.number,
        "permissions": permissions,
        "country": country_of(number.number),
        "suspended": number.suspended,
        "note": number.note,
        "projectId": account.project,
        "serviceId": number.service,
    }


def _read_cover_page(body: dict[str, Any]) -> tuple[str, bytes]:
    name, file = body.get("name"), body.get("file")
    missing = [Violation(key, f"{key} is required") for key in ("name", "file") if not body.get(key)]
    if missing:
        raise ApiError(400, "A required field is missing.", missing)
    if not isinstance(name, str) or not isinstance(file, dict) or not isinstance(file.get("fileContent"), str):
        raise rejected("file", "needs fileContent (base64) and fileType")
    if file.get("fileType") not in {"PDF", "application/pdf"}:
        raise rejected("file.fileType", "must be PDF")
    try:
        pdf = base64.b64decode(file["fileContent"], validate=True)
        merge([Upload("PDF", pdf)])
    except (binascii.Error, ConversionError) as problem:
        raise rejected("file.fileContent", "is not a PDF in base64") from problem
    return name, pdf
