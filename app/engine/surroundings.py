"""What an installation adds to its messages: where receipts go, one-click unsubscribing, the documents of letters."""

from collections.abc import Callable

from app.engine.outgoing import Surroundings
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import Work
from app.services.letter_documents import set_letters
from app.services.unsubscribe import url_for
from config import Settings


def surroundings_of(settings: Settings) -> Surroundings:
    """Return what the settings of this installation make of it."""
    return Surroundings(
        status_url=status_urls(settings.public_url),
        unsubscribe_url=unsubscribe_urls(settings.public_url),
        set_letters=set_letters,
        app_url=settings.app_url,
    )


def unsubscribe_urls(public_url: str | None) -> Callable[[Work, Claimable], str | None]:
    """Return the address at which an e-mail is ended, by message; None where that is not offered.

    A notice of law and a code are not ended by a link; where we cannot be reached from outside there is none.
    """

    def unsubscribe_url(work: Work, message: Claimable) -> str | None:
        if public_url is None or message.message_class in ("statutory", "security"):
            return None
        return url_for(work.vault, public_url, message.borrower_id, message.channel)

    return unsubscribe_url


def status_urls(public_url: str | None) -> Callable[[str], str | None]:
    """Return the address at which a provider's receipts arrive, by provider; None: we cannot be reached from outside.

    Providers that are told it with a message sign what they post: the installation's word, by which those are known that
    sign nothing, has no place in it. It would stand in the logs of a provider that has no need of it.
    """

    def status_url(provider: str) -> str | None:
        return None if public_url is None else f"{public_url}/v1/callbacks/{provider}"

    return status_url
