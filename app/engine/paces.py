"""How fast each provider may be given messages: FCM by its quota, the others by the table of channel figures."""

from collections.abc import Mapping
from decimal import Decimal

from app.domain.pacing import FCM, PacePolicy
from app.engine.routes import way_key
from app.services.rehearsals.channel_figures import load_figures
from config import Settings

_USED = 0.8


def paces_of(settings: Settings) -> Mapping[str, PacePolicy]:
    """Return the pace of each provider, by channel and provider. Raises ValidationError for a table that cannot be read.

    A provider's own `per_second` in the providers file comes before the table's. What is paced so slowly needs no ramp.
    """
    figures = load_figures()
    paces = {way_key("push", "fcm"): FCM}
    for channel, entries in settings.providers.items():
        for entry in entries:
            given = entry.get("per_second")
            rate = Decimal(str(given)) if given is not None else figures[channel].per_second
            paces[way_key(channel, entry["provider"])] = _pace(rate)
    return paces


def _pace(per_second: Decimal) -> PacePolicy:
    """The figure is what goes out; the quota is taken to lie above it as it does at FCM."""
    return PacePolicy(per_minute=float(per_second) * 60 / _USED, used=_USED, ramp_seconds=0.0)
