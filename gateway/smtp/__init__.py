"""The SMTP side: takes messages from listed clients and hands them to the fax desk."""

from gateway.smtp.limits import SmtpLimits
from gateway.smtp.listener import SmtpListener

__all__ = ["SmtpLimits", "SmtpListener"]
