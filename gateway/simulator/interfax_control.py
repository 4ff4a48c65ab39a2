"""What only the simulated InterFAX can be told from outside: its credit, and how often it was asked."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from gateway.simulator.control import BadControlError, explained, read_json


def credit_route(set_balance: Callable[[Decimal], None]) -> web.RouteDef:
    """Returns the control route that sets the credit."""

    async def balance(request: web.Request) -> web.Response:
        body = await read_json(request)
        amount = read_amount(body.get("balance") if isinstance(body, dict) else None)
        set_balance(amount)
        return web.json_response({"balance": str(amount)})

    return web.post("/_control/balance", explained(balance))


def polls_route(counts: Callable[[], dict[str, int]]) -> web.RouteDef:
    """Returns the control route that tells how often the account was asked."""

    async def polls(_: web.Request) -> web.Response:
        return web.json_response(counts())

    return web.get("/_control/polls", polls)


def read_amount(text: Any) -> Decimal:
    """Returns an amount of money.

    Raises:
        BadControlError: It is none.
    """
    try:
        amount = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as problem:
        raise BadControlError('the body must be {"balance": text like "12.50"}') from problem
    if not amount.is_finite():
        raise BadControlError("balance must be an amount")
    return amount
