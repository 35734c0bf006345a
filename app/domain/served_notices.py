"""Notices that a person was served: which kinds there are, and what proves that one arrived.

Sent is not served. A notice is delivered only by proof: the post's own word, a receipt of the channel, a document that was
opened by its addressee, a receipt that they signed. One that came back is none, whatever was told before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

LETTER = "letter"
CHANNELS = (LETTER, "sms", "email", "wechat")
"""What a notice can be served on. A letter lies in the app as well, and whoever opens it there has it."""
LAW_WORD: Mapping[str, str] = {"arrears_notice": "debt_notice", "repayment_letter": "debt_notice"}
"""Kinds of ours that the law packs know by another word; their own words (vocabulary: notice_kind) stand for themselves."""
WHEN_PAID = frozenset(
    {
        "arrears_notice", "repayment_letter", "debt_notice", "notice_of_sums_in_arrears", "default_notice",
        "default_registration_notice", "negative_info_notice", "collateral_notice", "register_notice",
    }
)  # fmt: skip
"""Kinds that speak of money which is not paid: once it is, one that has not left is taken back."""

RECEIPT, OPENED = "receipt", "opened_in_app"
BY_STAFF = ("registered_post", "signed_receipt", "handed_over", "courier")
"""What people record: what the post says of a number, a receipt with a signature, a hand-over in person, a courier's."""
PROOFS = (RECEIPT, OPENED, *BY_STAFF)
SEEN = "seen_in_app"
"""It was opened in the app, where the law of that notice does not take that for delivery, or not without a consent that was
not given. It is kept, and proves nothing."""
KEPT = (*PROOFS, SEEN)
"""All that is recorded of a notice's arrival."""
OUTLASTS_RETURN = frozenset({OPENED, "signed_receipt", "handed_over"})
"""Proofs by the addressee's own hand: what the post tells later of its own copy takes none of them away."""


@dataclass(frozen=True, slots=True)
class NoticeWanted:
    """One notice to be served.

    `kind`: of the law packs' `notice_kind`, or one of ours (arrears_notice, repayment_letter, collateral_notice,
    register_notice). `template`: of content/templates.yaml. `values`: its variables beside those that every notice about a
    loan has (count, amount, due_on, loan, lender), which stand in the book. `key`: the same again is the same notice.
    """

    borrower_id: str
    loan_id: str
    kind: str
    template: str
    values: Mapping[str, object]
    key: str
    channel: str = LETTER


@dataclass(frozen=True, slots=True)
class ServedNotice:
    """A notice that was written, and how far it is known to have come.

    `sent_at`: when it left. `delivered_at`: the earliest instant for which there is a proof, `proof` which; None: nobody
    knows. `returned_at`: when it came back; then it counts as delivered only by the addressee's own hand.
    `document_sha256`: of the PDF as it was posted; of other channels, of the words as they were sent. `answer_by`: the last
    day that a letter leaves to pay or to answer, where the borrower lives: what it announces waits until that is over.
    """

    message_id: str
    borrower_id: str
    loan_id: str
    kind: str
    channel: str
    sent_at: datetime | None
    delivered_at: datetime | None
    returned_at: datetime | None
    proof: str | None
    document_sha256: str | None
    answer_by: date | None = None


Proof = tuple[str, datetime]
"""(kind, the instant it proves)."""


def delivery_of(proofs: Sequence[Proof], returned_at: datetime | None) -> tuple[datetime, str] | None:
    """Return since when a notice counts as delivered, and by which proof; None: nothing proves it, or it came back."""
    standing = [each for each in proofs if each[0] != SEEN and (returned_at is None or each[0] in OUTLASTS_RETURN)]
    if not standing:
        return None
    kind, at = min(standing, key=lambda each: (each[1], PROOFS.index(each[0])))
    return at, kind


def proofs_told(
    channel: str, *, post_at: datetime | None, receipt_at: datetime | None, opened_at: datetime | None
) -> list[Proof]:
    """Return what the ways themselves tell: the post of a letter, a receipt of the channel, that the app showed it opened.

    That a message lies in the inbox proves nothing before it is opened; nor does what was told of a letter's e-mail, say.
    """
    found: list[Proof] = [] if opened_at is None else [(OPENED, opened_at)]
    told_at = post_at if channel == LETTER else None if channel == "in_app" else receipt_at
    return found if told_at is None else [*found, (RECEIPT, told_at)]
