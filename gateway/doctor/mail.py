"""The smarthost: whether it would take our mails, and for how long its certificate is good."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from gateway.doctor.certificates import judge_days, judge_refusal
from gateway.doctor.findings import Findings, FoundError, ok, skipped, warning, wrong
from gateway.doctor.installation import Installation
from gateway.mail.headers import clean

_SECONDS: Final = 15.0
_MOST_REPLY: Final = 200
_PERMANENT: Final = 500
#: A hundred pages in fine resolution are about 10 MB, and a third more inside a mail.
_HUNDRED_PAGES: Final = 14_000_000


async def smarthost(at: Installation) -> Findings:
    """The smarthost lets us in, and would take a mail from us, as large as they get; none is sent."""
    server, where = at.smarthost, _where(at)
    with _tls_left_aside():
        async with _connected(at) as client:
            if server.username is not None:
                with _step(f"{where} refuses our log-in", "Look at [smarthost] username and its password."):
                    await client.login(server.username, server.password)
            await _offer_a_mail(client, at)
            yield ok(f"{where} lets us in, and takes mails from {_sender(at)} to {at.fallback}")
            size = client.esmtp_extensions.get("size", "")
            if size.isdecimal() and 0 < int(size) < _HUNDRED_PAGES:
                what = f"{where} takes mails of up to {int(size) // 1_000_000} MB: fewer than a hundred pages"
                yield warning(what, "Raise its limit (Postfix: message_size_limit), or longer faxes go to nobody.")


async def _offer_a_mail(client: SMTP, at: Installation) -> None:
    """Asks whether the server would take a mail to the fallback address, and takes the question back."""
    advice = "Let the smarthost relay mail for this machine, or give it a log-in under [smarthost]."
    with _step(f"{_where(at)} would take no mail from {_sender(at)} to {at.fallback}", advice):
        await client.mail(_sender(at))
        await client.rcpt(at.fallback)
        await client.rset()


async def mail_certificate(at: Installation) -> Findings:
    """The certificate of the smarthost is in order, and will be tomorrow."""
    if at.smarthost.tls == "none":
        yield skipped("mails go to the smarthost unencrypted, on this machine")
        return
    try:
        async with _connected(at) as client:
            certificate = client.get_transport_info("peercert")
    except ssl.SSLError as error:
        yield judge_refusal(_where(at), error)
    except FoundError:
        yield skipped(f"{_where(at)} cannot be asked for it: see smarthost")
    else:
        yield judge_days(_where(at), certificate, at.clock())


@asynccontextmanager
async def _connected(at: Installation) -> AsyncIterator[SMTP]:
    """Opens a connection as our mails would, up to the log-in.

    Raises:
        FoundError: the server cannot be used.
        ssl.SSLError: TLS failed.
    """
    server, where = at.smarthost, _where(at)
    client = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=server.hostname,
        use_tls=server.tls == "implicit",
        start_tls=False,  # done below, so that its failures are told apart
        tls_context=None if server.tls == "none" else at.tls,
        timeout=_SECONDS,
    )
    try:
        with _step(f"{where} cannot be used", "Look at [smarthost] host, port and tls, and at the firewall."):
            await client.connect()
            await client.ehlo()
        if server.tls == "starttls":
            advice = 'Let it offer STARTTLS, or set [smarthost] tls = "implicit" with its port for that (465).'
            with _step(f"{where} does not encrypt", advice):
                await client.starttls()
                await client.ehlo()
        yield client
        with suppress(SMTPException, OSError):  # nothing hangs on its good-bye
            await client.quit()
    finally:
        client.close()


@contextmanager
def _step(failure: str, advice: str) -> Iterator[None]:
    """Makes of a failure the last finding of the check, with the server's words; failures of TLS it lets through."""
    try:
        yield
    except SMTPResponseException as error:
        said = f"{failure}: {clean(f'{error.code} {error.message}', _MOST_REPLY)}"
        finding = wrong(said, advice) if error.code >= _PERMANENT else warning(said, f"Try again. {advice}")
        raise FoundError(finding) from error
    except (SMTPException, OSError) as error:
        tls = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(tls, ssl.SSLError):
            raise tls from None
        raise FoundError(wrong(f"{failure}: {clean(str(error), _MOST_REPLY)}", advice)) from error


@contextmanager
def _tls_left_aside() -> Iterator[None]:
    """Leaves failures of TLS to the check of the certificate."""
    try:
        yield
    except ssl.SSLError as error:
        raise FoundError(skipped("nothing is said to it without a good certificate: see mail-certificate")) from error


def _where(at: Installation) -> str:
    return f"{at.smarthost.host}:{at.smarthost.port}"


def _sender(at: Installation) -> str:
    return f"postmaster@{at.fax_domain}"


CHECKS: Final[tuple[Callable[[Installation], Findings], ...]] = (smarthost, mail_certificate)
