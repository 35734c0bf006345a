"""The one gate before every contact that a person makes: what the engine would ask of it, asked by the same code."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.contact_gates import ContactAnswer, ContactAsked


def ask_contact(
    session: Session, borrower_id: str, asked: ContactAsked, *, lender_id: str, now: datetime, locale: str = "en"
) -> ContactAnswer:
    """Return what stands in the way of a contact now. It changes nothing."""
    raise NotImplementedError


def require_contact(answer: ContactAnswer, *, role: str, override_reason: str | None = None) -> bool:
    """Let a contact pass; return whether a policy was overridden for it.

    Raises LawRefusedError for what stands by law, ConflictError's kin (quiet-hours, contact-cap-reached, consent-missing,
    forbidden) for the rest, each saying what stands in the way and until when.
    """
    raise NotImplementedError
