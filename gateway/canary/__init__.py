"""The canary: each night every leg of the gateway is tried from outside, so that silence means that all is well."""

from gateway.canary.nightly import Canary

__all__ = ["Canary"]
