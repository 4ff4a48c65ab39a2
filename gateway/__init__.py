"""Fax-to-Email and Email-to-Fax gateway: accepts, decides, queues, sends, delivers, reports."""

__version__ = "0.1.0"
