"""A rehearsal's result as one page with charts (stub)."""

from collections.abc import Mapping

from app.services.rehearsals.channel_figures import ChannelFigures
from app.services.rehearsals.runs import RehearsalResult
from app.services.rehearsals.settings import RehearsalSettings


def page_of(result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures]) -> str:
    """Return the page."""
    return ""
