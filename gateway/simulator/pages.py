"""Received faxes to show: real multi-page PDFs that look as if they came out of a fax machine."""

import math
from datetime import datetime
from functools import lru_cache

from fpdf import FPDF
from fpdf.enums import TextMode
from PIL import Image, ImageDraw, ImageFont

#: A fax line has 1728 dots; at 204 by 196 dots an inch that is a Letter page (ITU-T T.4).
WIDTH, HEIGHT = 1728, 2156
PAGE_MM = (215.9, 279.4)
MARGIN = 110
MAX_PAGES = 200


def received_fax(*, pages: int, caller: str | None, called: str, time: datetime) -> bytes:
    """Returns a PDF of so many fax pages, each a black and white scan with a transmit header.

    The words of a page also lie invisibly behind its picture, so that a search or a test can read them.

    Args:
        pages: 1 to 200.
        caller: The calling number, None for a caller who hid it.
        called: The number that was dialled.
        time: When the fax came in, for the header and the date of the file.
    """
    pdf = FPDF(unit="mm", format=PAGE_MM)
    pdf.set_auto_page_break(auto=False)
    pdf.set_creation_date(time)
    pdf.set_title(f"Fax from {caller or 'unknown caller'}")
    pdf.set_font("Helvetica", size=12)
    for number in range(1, pages + 1):
        words = _words(number, pages, caller, called, time)
        pdf.add_page()
        pdf.image(_scan(words, number), 0, 0, *PAGE_MM)
        with pdf.local_context(text_mode=TextMode.INVISIBLE):
            for line, text in enumerate(words):
                pdf.text(x=MARGIN / WIDTH * PAGE_MM[0], y=12 + 9 * line, text=text)
    return bytes(pdf.output())


def _words(number: int, pages: int, caller: str | None, called: str, time: datetime) -> list[str]:
    who = caller or "unknown caller"
    return [
        f"{time:%Y-%m-%d %H:%M} UTC   FROM {who}   TO {called}   PAGE {number}/{pages}",
        f"Page {number} of {pages}",
        f"From: {who}",
        f"To: {called}",
        f"Received: {time:%Y-%m-%d %H:%M:%S} UTC",
        "This page was made by a fax simulator. Nothing on it is about a real person.",
        f"Reference line {number * 7919 % 10007:05d}, so that no two pages look the same.",
    ]


def _scan(words: list[str], number: int) -> Image.Image:
    page = Image.new("1", (WIDTH, HEIGHT), 1)
    draw = ImageDraw.Draw(page)
    header, title, *lines = words
    draw.text((MARGIN, 40), header, font=_font(34), fill=0)
    draw.line((MARGIN, 92, WIDTH - MARGIN, 92), fill=0, width=3)
    draw.text((MARGIN, 170), title, font=_font(96), fill=0)
    for place, line in enumerate(lines):
        draw.text((MARGIN, 340 + 70 * place), line, font=_font(44), fill=0)
    page.paste(_picture(), (MARGIN, 800))
    for dot in range(60):  # specks of dirt, as every scanner adds them
        x, y = (dot * 7349 + number * 911) % WIDTH, (dot * 5171 + number * 577) % HEIGHT
        draw.rectangle((x, y, x + dot % 2, y + 1), fill=0)
    return page


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=1)
def _picture() -> Image.Image:
    """Draws hills under a sun in coarse halftone, the hard part of a page for a fax."""
    coarse = 4  # dots a halftone dot is wide: finer ones would make each page half a megabyte
    width, height = WIDTH - 2 * MARGIN, 1100
    picture = Image.linear_gradient("L").resize((width, height))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width - 480, 120, width - 180, 420), fill=250, outline=0, width=6)
    for hill, shade in enumerate((170, 110, 50)):
        ridge = [
            (x, 480 + 190 * hill + int(90 * math.sin(x / (190 - 30 * hill) + 2 * hill))) for x in range(0, width + 1, 8)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=shade)
    draw.rectangle((0, 0, width - 1, height - 1), outline=0, width=6)
    return picture.resize((width // coarse, height // coarse)).convert("1").resize((width, height))
