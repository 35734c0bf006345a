"""Codes that prove another phone or e-mail: sent there, told back by the borrower, computed and never stored.

A code of a change is none of a sign-in, and the other way round. A wrong try counts also when all else is taken back: so
checking one has a unit of work of its own, or says what is wrong as a value.
"""

import hmac
from datetime import datetime, timedelta

from app.domain.contact_changes import CODE, CODE_CHANNEL, ChangeState, check_move, check_proof
from app.domain.errors import (
    ConflictError,
    DomainError,
    OtpExpiredError,
    OtpInvalidError,
    OtpLockedError,
    RateLimitedError,
)
from app.domain.lanes import SECURITY
from app.domain.permissions import check_may
from app.persistence.ids import new_id
from app.persistence.models.access import OtpChallengeRow
from app.persistence.models.contact_changes import ContactChangeRow
from app.persistence.models.messages import MessageRow
from app.persistence.queries.challenges import (
    add_challenge,
    find_last_challenge_at,
    lock_challenge,
    mark_challenge_tried,
)
from app.persistence.queries.contact_changes import get_borrower_row
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import contact_change_steps as steps
from app.services.contact_change_rules import change_rules
from app.services.contact_changes import lock_of_lender
from app.services.contact_feed import new_value
from app.services.desk_payments import DeskStaff
from app.services.limits import count_all
from app.services.sign_in import CODE_DIGITS, POLICY, otp_code
from app.wording.catalogue import match_locale, render

PURPOSE = "contact_change"
TEMPLATE = "contact_code"
COOL_DOWN = timedelta(seconds=30)
"""The wait between two codes to one address."""


def send_code(work: Work, change_id: str, *, staff: DeskStaff, now: datetime) -> datetime:
    """Send a code to the new phone or e-mail; return until when it is good. An earlier one is none any more.

    Raises NotFoundError, ForbiddenError, ValidationError (an address takes no code), ConflictError (too many, or it is
    over), RateLimitedError.
    """
    check_may(staff.role, "contacts.change")
    row = lock_of_lender(work, change_id, staff)
    check_proof(row.kind, CODE)
    check_move(row.state, ChangeState.COOLING_OFF)
    rules = change_rules()
    if row.codes_sent >= rules.codes:
        raise ConflictError("Enough codes were sent for this change; have it confirmed in the app or by a supervisor.")
    address = new_value(work, row)
    hashes = work.vault.search_hashes(row.kind, address)
    _check_limits(work, address, [each.digest for each in hashes], now=now)
    row.codes_sent += 1
    row.challenge_id = new_id()
    row.version += 1
    borrower = get_borrower_row(work.session, row.borrower_id)
    locale = match_locale(borrower.locale or get_lender(work.session, row.lender_id).locale)
    add_challenge(
        work.session,
        OtpChallengeRow(
            id=row.challenge_id, borrower_id=None, phone_digest=hashes[0].digest,
            phone_sealed=work.vault.seal(address, place=f"otp_challenges.phone:{row.challenge_id}"),
            installation_id="desk", locale=locale, created_at=now, expires_at=now + rules.code_lifetime, purpose=PURPOSE,
            address_kind=row.kind,
        ),
    )  # fmt: skip
    _queue(work, row, locale, now=now, until=now + rules.code_lifetime)
    steps.audit(work, row, "code_sent", by=staff.by, now=now, codes=row.codes_sent)
    return now + rules.code_lifetime


def prove_by_code(change_id: str, code: str, *, staff: DeskStaff, now: datetime) -> None:
    """Prove a change by the code that the borrower tells back. A try counts also when it fails.

    Raises OtpInvalidError, OtpExpiredError, OtpLockedError, NotFoundError, ConflictError, ForbiddenError.
    """
    with unit_of_work() as work:
        wrong = try_code(work, change_id, code, staff=staff, now=now)
    if wrong is not None:
        raise wrong


def try_code(work: Work, change_id: str, code: str, *, staff: DeskStaff, now: datetime) -> DomainError | None:
    """Do as `prove_by_code` does; return what is wrong with the code, so that the try stays counted."""
    check_may(staff.role, "contacts.change")
    row = lock_of_lender(work, change_id, staff)
    if row.state == ChangeState.COOLING_OFF and row.proof == CODE:
        return None
    check_move(row.state, ChangeState.COOLING_OFF)
    challenge = None if row.challenge_id is None else lock_challenge(work.session, row.challenge_id)
    if challenge is None or challenge.used_at is not None or now >= challenge.expires_at:
        return OtpExpiredError("The code has run out or was used; send a new one.")
    if challenge.tries >= change_rules().tries:
        return OtpLockedError("Too many wrong codes; send a new one.", {"retry_after_seconds": COOL_DOWN.total_seconds()})
    fits = hmac.compare_digest(otp_code(work.vault, challenge.id, challenge.resend_no, purpose=PURPOSE), code)
    if not fits:
        mark_challenge_tried(work.session, challenge.id)
        steps.audit(work, row, "code_wrong", by=staff.by, now=now)
        return OtpInvalidError("The code does not fit; check it or send a new one.")
    mark_challenge_tried(work.session, challenge.id, used_at=now)
    steps.begin_cooling(work, row, proof=CODE, by=staff.by, now=now)
    return None


def _check_limits(work: Work, address: str, digests: list[str], *, now: datetime) -> None:
    """Count the code with those of signing in: an address is sent so many, whatever for. Raises RateLimitedError."""
    limits = ((POLICY.codes_per_phone, address), (POLICY.codes_per_phone_day, address), (POLICY.codes_sent, "all"))
    count_all(work, limits, now=now)
    last = find_last_challenge_at(work.session, digests)
    wait = 0.0 if last is None else (last + COOL_DOWN - now).total_seconds()
    if wait > 0:
        raise RateLimitedError("A code was sent just now; wait before sending another.", {"retry_after_seconds": wait})


def _queue(work: Work, row: ContactChangeRow, locale: str, *, now: datetime, until: datetime) -> None:
    channel = CODE_CHANNEL[row.kind]
    version = render(TEMPLATE, channel, locale, {"code": "0" * CODE_DIGITS}).template_version
    work.session.add(
        MessageRow(
            id=new_id(), borrower_id=row.borrower_id, challenge_id=row.challenge_id, channel=channel, message_class=SECURITY,
            template=TEMPLATE, template_version=version, locale=locale, state="queued", not_before=now,
            not_after=until, next_attempt_at=now, created_at=now,
        )
    )  # fmt: skip
    work.session.flush()
