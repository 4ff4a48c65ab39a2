"""Paper sizes and margins, in points (1/72 inch)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Fax machines cannot print to the edge, and the header line takes the top: half an inch all around.
MARGIN: Final = 36.0


@dataclass(frozen=True, slots=True)
class Paper:
    """One sheet, upright."""

    width: float
    height: float

    @property
    def printable(self) -> tuple[float, float]:
        """Gives width and height inside the margins."""
        return self.width - 2 * MARGIN, self.height - 2 * MARGIN


PAPERS: Final = {"letter": Paper(612, 792), "a4": Paper(595.28, 841.89)}
