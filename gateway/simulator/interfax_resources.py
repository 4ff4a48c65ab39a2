"""Account and helper resources: credit, media types, return codes, address books (interfax-rest 9)."""

from decimal import Decimal

from aiohttp import web

from gateway.simulator.interfax_account import Account
from gateway.simulator.interfax_answers import answer
from gateway.simulator.interfax_errors import RETURN_CODES
from gateway.simulator.interfax_parts import MEDIA_TYPES

#: Amounts are shown with four places.
CENT_OF_A_CENT = Decimal("0.0001")


class ResourceApi:
    """Answers the requests about everything that is no fax.

    Args:
        account: Has the credit.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes."""
        return [
            web.get("/accounts/self/ppcards/balance", self.balance),
            web.get("/outbound/help/mediatype", self.media_types),
            web.get("/outbound/addressbooks", self.address_books),
            web.get("/tests/errorcodes", self.return_codes),
        ]

    async def balance(self, request: web.Request) -> web.Response:
        """Answers with the credit left, a bare number."""
        return answer(request, self._account.balance.quantize(CENT_OF_A_CENT), "decimal")

    async def media_types(self, request: web.Request) -> web.Response:
        """Lists what can be faxed."""
        types = [{"MediaType": media_type, "FileType": file_type} for media_type, file_type in MEDIA_TYPES.items()]
        return answer(request, types, "MediaType")

    async def address_books(self, request: web.Request) -> web.Response:
        """Lists the address books, of which the simulated account has none."""
        return answer(request, [], "ContactListHead")

    async def return_codes(self, request: web.Request) -> web.Response:
        """Lists every API return code."""
        codes = [{"code": code, "message": message} for code, (_, message) in RETURN_CODES.items()]
        return answer(request, codes, "ErrorCode")
