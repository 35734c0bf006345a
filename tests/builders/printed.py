"""Letters on their way to a printer, valid by default."""

import hashlib
from typing import Any

from app.channels.base import Document, Outgoing, Target
from app.wording.letter_pdf import letter_pdf
from tests.builders.letters import a_letter
from tests.builders.outgoing import an_outgoing

US_ADDRESS = ("Jane Roe", "2 Low Road", "Springfield, IL 62701")


def a_document(recipient: tuple[str, ...] = US_ADDRESS, **changes: Any) -> Document:
    made = letter_pdf(a_letter(recipient=recipient))
    sender = ("Acme Finance Ltd", "1 High Street", "New York, NY 10001")
    given = {"recipient": recipient, "country": "US", "sender": sender, **changes}
    return Document(made.pdf, hashlib.sha256(made.pdf).hexdigest(), made.pages, **given)


def a_printed(recipient: tuple[str, ...] = US_ADDRESS, **changes: Any) -> Outgoing:
    document = changes.pop("document", None) or a_document(recipient)
    target = Target("borrower-1", "post", "\n".join(recipient))
    return an_outgoing(target, **{"kind": "letter_arrears", "document": document, **changes})
