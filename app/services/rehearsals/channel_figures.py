"""What channels take and cost: the table that ships with the product, or an installation's own."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from app.domain.errors import ValidationError
from app.domain.policies import OUTWARD_CHANNELS

FIGURES = Path(__file__).resolve().parents[2] / "content" / "channels" / "figures.yaml"
_HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One channel's provider: messages a second, and the price of a message by currency, in units of it."""

    per_second: Decimal
    costs: dict[str, Decimal] = field(default_factory=dict)

    @property
    def per_hour(self) -> int:
        """What an hour takes."""
        return int(self.per_second * _HOUR_SECONDS)


def load_figures(path: Path | None = None) -> dict[str, ChannelFigures]:
    """Return the figures by channel. Raises ValidationError for a file that has another form."""
    try:
        read: Any = yaml.safe_load((path or FIGURES).read_text(encoding="utf-8"))
        return {
            channel: ChannelFigures(
                Decimal(str(given["per_second"])),
                {currency: Decimal(str(price)) for currency, price in (given.get("costs") or {}).items()},
            )
            for channel, given in read.items()
            if channel in OUTWARD_CHANNELS
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise ValidationError(f"The table of channel figures cannot be read: {error}.") from None
