"""Links for paying in messages that a phone shows outside the app: a page that tells nothing before a proof.

A link holds the id of its message and a keyed hash of it; nothing is stored, and its address names neither a person nor a
debt, nor that it is about paying. It lives 30 days, and is dead once what its message was about is paid.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.domain.errors import ForbiddenError, LinkExpiredError, NotFoundError, RateLimitedError
from app.domain.money import Money
from app.domain.pay_proofs import (
    LINK_LIVES,
    MOST_TRIES,
    PROOF_LIVES,
    TRIES_OF_BORROWER_WITHIN,
    birth_year,
    is_locked,
    is_proven,
)
from app.domain.times import EPOCH
from app.persistence.queries import pay_links as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.queries.pay_links import LinkedLoan, LinkedMessage
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.accounts import everything_due

PATH = "/v1/o/"
"""Neutral: it stands on lock screens, where no word of paying may."""
CHANNELS = frozenset({"sms", "email"})
"""Those whose texts may carry one: the others open the app, or have no room."""
_PURPOSE, _PROOF_PURPOSE = "pay-link", "pay-proof"
_MAC_BYTES = 10
_PROOF_CHARACTERS = 32
_pages: list[str] = []


@dataclass(frozen=True, slots=True)
class DueLoan:
    """What is due of one loan that a link's message is about."""

    loan_id: str
    loan_no: str
    amount: Money
    is_on_its_way: bool
    """Money for it is on its way: paid once more it would be paid twice."""


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that is one of ours and lives."""

    message_id: str
    message: LinkedMessage
    loans: list[LinkedLoan]
    due: list[DueLoan]
    """Empty: what it was about is paid."""
    asks_year: bool
    is_locked: bool


def use_pages(public_url: str | None) -> None:
    """Say where pages are reached and that something can be paid there; None: messages carry no links for paying."""
    _pages[:] = [] if public_url is None else [public_url.rstrip("/")]


def pay_url(ring: Vault, message_id: str, channel: str) -> str | None:
    """Return the link that a message on this channel may carry, or None."""
    return f"{_pages[0]}{PATH}{pay_token(ring, message_id)}" if _pages and channel in CHANNELS else None


def pay_token(ring: Vault, message_id: str) -> str:
    """Return the last part of a link: 35 characters."""
    said = UUID(message_id).bytes + _mac(ring, message_id, ring.current_key_id)
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def open_pay_link(reads: Connection, ring: Vault, token: str, *, now: datetime) -> OpenedLink:
    """Return what a link is about. Raises NotFoundError for one that is none of ours, LinkExpiredError."""
    message_id = _read_token(ring, token)
    message = queries.find_linked_message(reads, message_id)
    if message is None:
        raise NotFoundError("This is no link of ours.")
    if now >= message.created_at + LINK_LIVES:
        raise LinkExpiredError("This link has run out; open the app instead.")
    loans = queries.find_linked_loans(reads, message)
    year = _year_of(reads, ring, message.borrower_id)
    locked = is_locked(
        queries.find_tries(reads, message_id),
        queries.find_tries_of_borrower(reads, message.borrower_id, since=now - TRIES_OF_BORROWER_WITHIN),
    )
    return OpenedLink(message_id, message, loans, _due(reads, message, loans, now), year is not None, locked)


def prove(work: Work, token: str, *, said_last: str, said_year: str, now: datetime) -> int | None:
    """Look at the answers to a link's questions; None: they fit, else how many tries are left.

    The caller commits also when they do not fit: a wrong answer is counted whatever comes after. Raises NotFoundError,
    LinkExpiredError, RateLimitedError for a link that is locked.
    """
    message = queries.find_linked_message(work.session, _read_token(work.vault, token))
    if message is None:
        raise NotFoundError("This is no link of ours.")
    lock_agenda(work.session, [message.borrower_id])  # any number of guesses at once are counted one by one
    link = open_pay_link(work.session.connection(), work.vault, token, now=now)
    if link.is_locked:
        raise RateLimitedError("Too many wrong answers; open the app instead.", {"retry_after_seconds": 86_400})
    year = _year_of(work.session.connection(), work.vault, message.borrower_id)
    if is_proven([loan.loan_no for loan in link.loans], year, said_last=said_last, said_year=said_year):
        _audit(work, link, "pay_link.proven", now)
        return None
    tries = queries.add_try(work.session, link.message_id, message.borrower_id, now=now)
    _audit(work, link, "pay_link.refused", now)
    return max(MOST_TRIES - tries, 0)


def proof_for(ring: Vault, token: str, *, now: datetime) -> str:
    """Return what a page that was shown after a proof brings back: it says until when, and for this link alone."""
    until = str(int((now + PROOF_LIVES - EPOCH).total_seconds()))
    return f"{until}.{ring.mac(_PROOF_PURPOSE, f'{until}/{token}')[:_PROOF_CHARACTERS]}"


def check_proof(ring: Vault, token: str, proof: str, *, now: datetime) -> None:
    """Raise ForbiddenError unless a page of this link was shown after a proof, not long ago."""
    until, _, mac = proof.partition(".")
    ours = [ring.mac(_PROOF_PURPOSE, f"{until}/{token}", key_id=key)[:_PROOF_CHARACTERS] for key in ring.key_ids]
    fits = any([hmac.compare_digest(each.encode(), mac.encode()) for each in ours])
    if not fits or not until.isdigit() or (now - EPOCH).total_seconds() >= int(until):
        raise ForbiddenError("Answer the question again.")


def _due(reads: Connection, message: LinkedMessage, loans: list[LinkedLoan], now: datetime) -> list[DueLoan]:
    """Return what is due now of each loan, with instalments the message speaks of that fall due later."""
    by_id = {loan.id: loan for loan in loans}
    open_minor: dict[str, int] = {}
    currency: dict[str, str] = {}
    is_open: set[str] = set()
    for row in everything_due(reads, message.borrower_id, now=now)[0]:
        loan = by_id.get(row.loan.id)
        if loan is None or (row.state == "upcoming" and row.row_no not in loan.rows):
            continue
        if row.row_no is None or row.row_no in loan.rows:
            is_open.add(loan.id)
        open_minor[loan.id] = open_minor.get(loan.id, 0) + row.open.total
        currency[loan.id] = row.loan.currency
    if not is_open:
        return []
    moving = queries.find_on_its_way(reads, message.borrower_id, open_minor)
    return [
        DueLoan(loan.id, loan.loan_no, Money(open_minor[loan.id], currency[loan.id]), loan.id in moving)
        for loan in loans
        if open_minor.get(loan.id)
    ]


def _year_of(reads: Connection, ring: Vault, borrower_id: str) -> int | None:
    row = queries.find_identity(reads, borrower_id)
    if row is None or row.national_id_sealed is None:
        return None
    return birth_year(ring.open(row.national_id_sealed, place=f"borrowers.national_id:{borrower_id}"), row.country)


def _read_token(ring: Vault, token: str) -> str:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) == 16 + _MAC_BYTES:
        message_id = str(UUID(bytes=raw[:16]))
        if any([hmac.compare_digest(_mac(ring, message_id, key), raw[16:]) for key in ring.key_ids]):
            return message_id
    raise NotFoundError("This is no link of ours.")


def _mac(ring: Vault, message_id: str, key_id: str) -> bytes:
    return bytes.fromhex(ring.mac(_PURPOSE, message_id, key_id=key_id))[:_MAC_BYTES]


def _audit(work: Work, link: OpenedLink, action: str, now: datetime) -> None:
    facts = {"message_id": link.message_id}
    add_audit(work.session, at=now, actor="link", action=action, borrower_id=link.message.borrower_id, facts=facts)
