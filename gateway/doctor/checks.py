"""Every check there is, in the order in which they are told. A new one is one function in the file of its subject."""

from __future__ import annotations

from typing import Final

from gateway.doctor import dns, files, machine, mail, mappings, provider, store, web
from gateway.doctor.examination import Check, checks_of
from gateway.doctor.installation import Installation, Machine

#: Of the installation that a configuration describes.
OF_INSTALLATION: Final = (
    *provider.CHECKS,
    *mappings.CHECKS,
    *web.CHECKS,
    *mail.CHECKS,
    *dns.CHECKS,
    *store.CHECKS,
    *files.CHECKS,
)
#: Of the machine, whatever the configuration says.
OF_MACHINE: Final = machine.CHECKS


def all_checks(machine: Machine, installation: Installation | None) -> list[Check]:
    """Makes every check that can be made; without an installation those of the machine alone."""
    described = [] if installation is None else checks_of(OF_INSTALLATION, installation)
    return [*described, *checks_of(OF_MACHINE, machine)]
