"""What an installation adds to its messages: where receipts go, one-click unsubscribing, the document of a letter."""

from collections.abc import Callable

from app import clock
from app.channels.base import Document
from app.engine.outgoing import Surroundings, Text
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import Work
from app.services.letters import document_of
from app.services.unsubscribe import url_for
from config import Settings


def surroundings_of(settings: Settings) -> Surroundings:
    """Return what the settings of this installation make of it."""
    return Surroundings(
        status_url=status_urls(settings.public_url),
        unsubscribe_url=unsubscribe_urls(settings.public_url),
        document_of=letter_document,
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


def letter_document(work: Work, message: Claimable, _text: Text) -> Document:
    """Return the document of a letter, made now or held against the facts of now. Raises LetterRefusedError."""
    made = document_of(work, message.id, now=clock.now())
    return Document(made.pdf, made.sha256, made.pages, made.recipient, made.country, made.sender, made.inserts)


def status_urls(public_url: str | None) -> Callable[[str], str | None]:
    """Return the address at which a provider's receipts arrive, by provider; None: we cannot be reached from outside.

    Providers that are told it with a message sign what they post: the installation's word, by which those are known that
    sign nothing, has no place in it. It would stand in the logs of a provider that has no need of it.
    """

    def status_url(provider: str) -> str | None:
        return None if public_url is None else f"{public_url}/v1/callbacks/{provider}"

    return status_url
