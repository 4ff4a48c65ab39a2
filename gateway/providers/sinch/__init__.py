"""Sinch Fax API v3."""

from gateway.providers.sinch.provider import Sinch, SinchSettings

__all__ = ["Sinch", "SinchSettings"]
