"""The login of an InterFAX user, kept from locking itself out (interfax-rest 1).

Every request carries user name and password. After too many bad logins InterFAX locks the user for an hour, also for
the right password. So a refused password is not tried again for a while, and one that never worked is tried by one
request at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from gateway.core.reasons import AccountError, Reason
from gateway.providers.http import Answer, Clock, basic_credentials
from gateway.providers.interfax.return_codes import LOGIN_LOCKED, LOGIN_REFUSED, return_code

#: How long no request goes out after a refused login, and after each further one.
_FIRST_REST: Final = timedelta(minutes=10)
_REST: Final = timedelta(hours=1)


class Login:
    """User name and password, and whether they may be tried.

    Args:
        username: of the user at InterFAX.
        password: its password.
        clock: the time.
    """

    def __init__(self, username: str, password: str, clock: Clock) -> None:
        self.header = basic_credentials(username, password)
        self._clock = clock
        self._works = False
        self._first = asyncio.Lock()
        self._refused = False
        self._rests_until = datetime.min.replace(tzinfo=UTC)

    def check(self) -> None:
        """Raises AccountError while a refused login rests."""
        if self._clock() < self._rests_until:
            raise AccountError(
                Reason.PROVIDER_AUTH,
                f"the login was refused; it is not tried again before {self._rests_until:%H:%M} UTC",
                self._rests_until - self._clock(),
            )

    @asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """Surrounds one request: while it is open whether the login works, the others wait for the first.

        Raises:
            AccountError: the login rests; the request must not be sent.
        """
        while not self._works and self._first.locked():
            async with self._first:
                pass
        self.check()
        if self._works:
            yield
            return
        async with self._first:
            yield

    def learn(self, answer: Answer) -> None:
        """Notes what an answer says of the login."""
        code = None if answer.ok else return_code(answer)
        refused = answer.status == HTTPStatus.UNAUTHORIZED or code == LOGIN_REFUSED
        if answer.ok:
            self._refused, self._works = False, True
        elif code == LOGIN_LOCKED:
            self._rest(_REST)
        elif refused and self._clock() >= self._rests_until:  # those that were under way together count as one
            self._rest(_REST if self._refused else _FIRST_REST)

    def _rest(self, duration: timedelta) -> None:
        self._rests_until = self._clock() + duration
        self._refused, self._works = True, False
