"""What the simulated Sinch account holds: services, numbers, e-mail addresses, cover pages, faxes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import phonenumbers

from gateway.simulator.clock import Clock, stamp
from gateway.simulator.sinch_errors import not_found
from gateway.simulator.sinch_fates import TEST_NUMBER, Fate, FaxError
from gateway.simulator.webhooks import mask_credentials

#: The id of the default service, the same at each start: a gateway has it in its configuration.
DEFAULT_SERVICE = "01KA0000000000000000SERV01"
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH, ULID_RANDOM_BITS = 26, 80
PRICE_PER_PAGE_THOUSANDTHS = 45
SERVICE_DEFAULTS: dict[str, Any] = {
    "name": "Default service",
    "webhookContentType": "multipart/form-data",
    "defaultForProject": False,
    "numberOfRetries": 3,
    "retryDelaySeconds": 60,
    "imageConversionMethod": "HALFTONE",
    "saveOutboundFaxDocuments": True,
    "saveInboundFaxDocuments": True,
    "scanIncomingBarcodes": False,
    "resolution": "FINE",
    "inProgressNotifications": False,
}


@dataclass(slots=True)
class Service:
    """A fax service; `settings` are its API fields, with the URL credentials unmasked."""

    id: str
    settings: dict[str, Any]
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Number:
    """A number of the account and the service it belongs to."""

    number: str
    service: str
    created: datetime
    updated: datetime
    suspended: bool = False
    note: str = ""


@dataclass(slots=True)
class EmailRecord:
    """An e-mail address of a service with the permission it has for each number."""

    email: str
    service: str
    permissions: dict[str, str]
    created: datetime
    updated: datetime


@dataclass(slots=True)
class CoverPage:
    """A cover page of a service."""

    id: str
    service: str
    name: str
    pdf: bytes
    created: datetime


@dataclass(slots=True, kw_only=True)
class Fax:
    """A fax record; `options` are the request fields that the API echoes, with URL credentials unmasked."""

    id: str
    direction: str
    to: str
    sender: str | None
    service: str
    created: datetime
    options: dict[str, Any]
    document: bytes | None
    sha256: str
    pages: int
    fate: Fate = field(default_factory=Fate)
    status: str = "IN_PROGRESS"
    number_of_pages: int | None = None
    pages_sent: int | None = None
    retries: int = 0
    completed: datetime | None = None
    error: FaxError | None = None
    has_file: bool = False
    barcodes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """Everything one project holds. Nothing here waits or talks to anyone.

    Args:
        project: The project id.
        clock: Stamps ids and times.
    """

    project: str
    clock: Clock
    services: dict[str, Service] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    emails: dict[tuple[str, str], EmailRecord] = field(default_factory=dict)
    cover_pages: dict[str, CoverPage] = field(default_factory=dict)
    faxes: dict[str, Fax] = field(default_factory=dict)

    def seed(self, numbers: Sequence[str], settings: dict[str, Any]) -> None:
        """Empties the account and gives it a default service that owns the numbers."""
        for things in (self.services, self.numbers, self.emails, self.cover_pages, self.faxes):
            things.clear()
        service = self.add_service({**settings, "defaultForProject": True}, DEFAULT_SERVICE)
        now = self.clock.now()
        self.numbers.update({number: Number(number, service.id, now, now) for number in numbers})

    def new_id(self) -> str:
        """Returns a new ULID; ids sort by their time (sinch-fax-v3 1)."""
        stamp = int(self.clock.now().timestamp() * 1000)
        value = stamp << ULID_RANDOM_BITS | secrets.randbits(ULID_RANDOM_BITS)
        return "".join(_CROCKFORD[value >> 5 * place & 31] for place in reversed(range(ULID_LENGTH)))

    def add_service(self, settings: dict[str, Any], service_id: str | None = None) -> Service:
        """Adds a service with the documented defaults where nothing else is said."""
        now = self.clock.now()
        service = Service(service_id or self.new_id(), dict(SERVICE_DEFAULTS), now, now)
        self.services[service.id] = service
        self.change_service(service, settings)
        return service

    def change_service(self, service: Service, settings: dict[str, Any]) -> None:
        """Changes settings; the default of the project is always exactly one service."""
        if settings.get("defaultForProject"):
            for other in self.services.values():
                other.settings["defaultForProject"] = False
        service.settings.update(settings)
        service.updated = self.clock.now()

    def remove_service(self, service: Service) -> None:
        """Removes a service with its addresses and cover pages; its numbers go to the default one."""
        del self.services[service.id]
        self.emails = {key: each for key, each in self.emails.items() if each.service != service.id}
        self.cover_pages = {key: each for key, each in self.cover_pages.items() if each.service != service.id}
        for number in self.numbers_of(service.id):
            number.service = self.default_service().id

    def default_service(self) -> Service:
        """Returns the service used when none is named."""
        return next(each for each in self.services.values() if each.settings["defaultForProject"])

    def service(self, service_id: str) -> Service:
        """Returns a service.

        Raises:
            ApiError: 404, there is none with that id.
        """
        if service_id not in self.services:
            raise not_found(f"Service {service_id}")
        return self.services[service_id]

    def fax(self, fax_id: str) -> Fax:
        """Returns a fax.

        Raises:
            ApiError: 404, there is none with that id.
        """
        if fax_id not in self.faxes:
            raise not_found(f"Fax {fax_id}")
        return self.faxes[fax_id]

    def numbers_of(self, service_id: str) -> list[Number]:
        """Returns the numbers of a service, in the order they were given."""
        return [number for number in self.numbers.values() if number.service == service_id]

    def has_number(self, service_id: str, number: str) -> bool:
        """Tells whether a number belongs to a service."""
        return number in self.numbers and self.numbers[number].service == service_id

    def place_numbers(self, numbers: Sequence[str], service_id: str | None) -> None:
        """Gives numbers to a service, new ones as well as those of another; without a service they are released."""
        now = self.clock.now()
        for number in numbers:
            if service_id is None:
                self.numbers.pop(number, None)
            else:
                self.numbers.setdefault(number, Number(number, service_id, now, now)).service = service_id

    def is_suspended(self, number: str) -> bool:
        """Tells whether it is a number of the account that takes no calls at present."""
        return number in self.numbers and self.numbers[number].suspended

    def service_json(self, service: Service) -> dict[str, Any]:
        """Returns the Service object, its URL credentials masked (sinch-fax-v3 6)."""
        return {
            "id": service.id,
            "projectId": self.project,
            **masked(service.settings),
            "createdAt": stamp(service.created),
            "updatedAt": stamp(service.updated),
        }

    def fax_json(self, fax: Fax) -> dict[str, Any]:
        """Returns the Fax object (sinch-fax-v3 3.5); what is not known yet is absent."""
        error = fax.error
        shown = {
            "id": fax.id,
            "direction": fax.direction,
            "from": fax.sender,
            "to": fax.to,
            "status": fax.status,
            "numberOfPages": fax.number_of_pages,
            "pagesSentSuccessfully": fax.pages_sent,
            "price": _price(fax),
            "barCodes": fax.barcodes or None,
            **masked(fax.options),
            "createTime": stamp(fax.created),
            "completedTime": stamp(fax.completed) if fax.completed else None,
            "errorType": error.type if error else None,
            "errorCode": error.code if error else None,
            "errorMessage": error.message if error else None,
            "retryCount": fax.retries,
            "hasFile": fax.has_file,
            "fromCountry": country_of(fax.sender),
            "toCountry": country_of(fax.to),
            "projectId": self.project,
            "serviceId": fax.service,
        }
        return {name: value for name, value in shown.items() if value is not None}


def masked(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields with the credentials in each URL masked."""
    return {
        name: mask_credentials(value) if name in {"callbackUrl", "incomingWebhookUrl"} else value
        for name, value in fields.items()
    }


def country_of(number: str | None) -> str | None:
    """Returns the ISO country of an E.164 number; if unassigned, the main country of its code."""
    try:
        parsed = phonenumbers.parse(number or "")
    except phonenumbers.NumberParseException:
        return None
    code = parsed.country_code or 0
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(code)
    return region if region and len(region) == 2 and region != "ZZ" else None  # noqa: PLR2004 - ISO 3166-1 alpha-2


def _price(fax: Fax) -> dict[str, str] | None:
    if fax.completed is None:
        return None
    pages = fax.pages_sent if fax.direction == "OUTBOUND" else fax.number_of_pages
    thousandths = 0 if fax.to == TEST_NUMBER else (pages or 0) * PRICE_PER_PAGE_THOUSANDTHS
    return {"currencyCode": "USD", "amount": f"{thousandths // 1000}.{thousandths % 1000:03d}"}
