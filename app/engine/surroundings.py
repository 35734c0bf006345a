"""What an installation adds to its messages: where receipts go, one-click unsubscribing, the document of a letter."""

from collections.abc import Callable

from app.engine.outgoing import Surroundings
from config import Settings


def surroundings_of(settings: Settings) -> Surroundings:
    """Return what the settings of this installation make of it."""
    return Surroundings(status_url=status_urls(settings.public_url, settings.callback_secret))


def status_urls(public_url: str | None, secret: str) -> Callable[[str], str | None]:
    """Return the address at which a provider's receipts arrive, by provider; None: we cannot be reached from outside.

    The installation's word is its last part, for providers that sign nothing; those that sign are sent it too and lose
    nothing by it.
    """

    def status_url(provider: str) -> str | None:
        if public_url is None:
            return None
        return f"{public_url}/v1/callbacks/{provider}" + (f"/{secret}" if secret else "")

    return status_url
