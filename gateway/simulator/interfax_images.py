"""The pages of a fax as the service hands them out: TIFF as of a fax machine, or PDF (interfax-rest 4 and 10)."""

import asyncio
import io

import pypdfium2
from aiohttp import web
from PIL import Image

from gateway.simulator.faults import Faults
from gateway.simulator.interfax_account import Account, Fax, Received
from gateway.simulator.interfax_errors import FAX_UNKNOWN, IMAGE_MISSING, ApiError
from gateway.simulator.interfax_fates import PREPARING

#: A fax line has 1728 dots; fine resolution is 204 by 196 dots an inch (ITU-T T.4).
WIDTH = 1728
FINE_DPI = (204, 196)
PDF, TIFF = "application/pdf", "image/tiff"


class Images:
    """Answers with the pages of faxes.

    Args:
        account: Knows how long images are kept.
        faults: not_ready, truncated_image.
        inbound_type: Content type of received faxes, a setting of the account.
    """

    def __init__(self, account: Account, faults: Faults, inbound_type: str) -> None:
        self._account = account
        self._faults = faults
        self._inbound_type = inbound_type
        self._scanner_free = asyncio.Lock()

    async def sent(self, request: web.Request, fax: Fax) -> web.Response:
        """Answers with the pages of a sent fax, always TIFF.

        Raises:
            ApiError: -1005 before they are prepared, -3003 if there are none, -1009 when they are gone.
        """
        if fax.status == PREPARING or self._faults.take_for("not_ready", request):
            raise ApiError(FAX_UNKNOWN, f"The image of {fax.id} is not ready")
        return await self._image(request, fax, TIFF)

    async def received(self, request: web.Request, fax: Received) -> web.Response:
        """Answers with the pages of a received fax.

        Raises:
            ApiError: -3003 if there are none, or none yet, -1009 when they are gone.
        """
        if self._faults.take_for("not_ready", request):
            raise ApiError(IMAGE_MISSING)
        return await self._image(request, fax, self._inbound_type)

    async def _image(self, request: web.Request, fax: Fax | Received, content_type: str) -> web.Response:
        document = self._account.image_of(fax)
        if document is None:
            raise ApiError(IMAGE_MISSING)
        data = document if content_type == PDF else await self._scan(document)
        if self._faults.take_for("truncated_image", request):
            data = data[: len(data) // 2]
        return web.Response(body=data, headers={"Content-Type": content_type})

    async def _scan(self, pdf: bytes) -> bytes:
        async with self._scanner_free:  # the library must not be entered twice at a time
            return await asyncio.to_thread(tiff_of, pdf)


def tiff_of(pdf: bytes) -> bytes:
    """Returns one black and white picture a page, in fine resolution, in CCITT group 4."""
    with pypdfium2.PdfDocument(pdf) as opened:
        first, *others = [_picture(opened[number]) for number in range(len(opened))]
    out = io.BytesIO()
    first.save(out, "TIFF", save_all=True, append_images=others, compression="group4", dpi=FINE_DPI)
    return out.getvalue()


def _picture(page: pypdfium2.PdfPage) -> Image.Image:
    width, height = page.get_size()
    lines = max(1, round(height * WIDTH / width * FINE_DPI[1] / FINE_DPI[0]))
    drawn: Image.Image = page.render(scale=WIDTH / width).to_pil()
    return drawn.resize((WIDTH, lines)).convert("1")
