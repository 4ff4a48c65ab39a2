"""Only the lines that mail programs write by themselves count as such: anything a person wrote is faxed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.signature_line import is_only_signature


@pytest.mark.parametrize(
    "text",
    [
        "Sent from my iPhone",
        "\n\n  Sent from my  iPad. \n\n",
        "-- \nSent from my Samsung Galaxy S23",
        "Sent from Outlook for iOS<https://aka.ms/o0ukef>",
        "Get Outlook for Android",
        "________________________________\nGet Outlook for iOS <https://aka.ms/o0ukef>",
        "Sent from Mail for Windows",
        "Von meinem iPhone gesendet",
        "Gesendet von Outlook für Android",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPad",
    ],
)
def test_what_programs_write_is_known(text: str) -> None:
    assert is_only_signature(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--",
        "Dr. Ana Example",
        "Please call. Sent from my iPhone",
        "See page 2\nSent from my iPhone",
        "Sent from my office, ask for Mary",
        "Sent from my iPhone, please call back at once about the patient in room 4",
        "Sent from my iPhone\n\nGet Outlook for iOS\nSent from my iPad",
    ],
)
def test_what_people_write_is_not(text: str) -> None:
    assert not is_only_signature(text)


@given(st.text(min_size=0, max_size=3000))
def test_any_text_is_answered(text: str) -> None:
    assert is_only_signature(text) in {True, False}
