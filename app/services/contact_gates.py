"""The one gate before every contact that a person makes: what the engine would ask of it, asked by the same code.

`ask_contact` only looks. Whoever acts takes the borrower's agenda row first (`agenda.touch`), asks in the same unit of work,
and lets `require_contact` judge the answer: then nothing can change between the question and the act.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.contact_checks import ContactCheck, Found
from app.domain.contact_gates import LAW, PERSON, POLICY, Block, ContactAnswer, ContactAsked, Room
from app.domain.decided import Stop
from app.domain.errors import (
    ConsentMissingError,
    ContactCapReachedError,
    ContactRefusedError,
    DomainError,
    FieldError,
    ForbiddenError,
    LawRefusedError,
    NotFoundError,
    QuietHoursError,
    refused_at,
)
from app.domain.permissions import PERMISSIONS, may
from app.domain.policies import Rules, TemplateInfo
from app.domain.reasons import Reason
from app.persistence.queries.cases import load_cases
from app.persistence.queries.contact_loans import find_loans_now
from app.services.policies import load_rules, shipped_policy
from app.services.rule_parts import parts_of_rules
from app.wording.free_text_lint import lint_free_text, markers_of_free_text, speaks_of_debt
from app.wording.gate_words import block_sentence, room_sentence
from app.wording.template_texts import purpose_of

OVERRIDE = "contacts.override_policy"
SHORTEST_REASON = 10
"""Characters of a written reason: a dot is none."""
LONGEST_REASON = 500
_DAY = timedelta(days=1)
_HOURS = frozenset({Reason.QUIET_HOURS, Reason.LEGAL_QUIET_HOURS, Reason.TIMEZONE_UNKNOWN_NARROWED})
_CAPS = frozenset({Reason.CAP_PERSON, Reason.CAP_CHANNEL})
_CONSENTS = frozenset({Reason.CONSENT_MISSING, Reason.CONSENT_WITHDRAWN, Reason.OPTED_OUT, Reason.NOT_SUBSCRIBED})


def ask_contact(
    session: Session, borrower_id: str, asked: ContactAsked, *, lender_id: str, now: datetime, locale: str = "en"
) -> ContactAnswer:
    """Return what stands in the way of a contact now. It changes nothing.

    Raises NotFoundError for a borrower, or a loan named, that is not this lender's.
    """
    return answer_of(open_check(session, borrower_id, asked, lender_id=lender_id, now=now), locale=locale)


def open_check(session: Session, borrower_id: str, asked: ContactAsked, *, lender_id: str, now: datetime) -> ContactCheck:
    """Return the check of a contact, with all it is made from. Raises as `ask_contact` does."""
    rules = rules_now(session)
    loaded = load_cases(session, [borrower_id], now=now, rules=rules).get(borrower_id)
    horizon = now.date() + timedelta(days=rules.lead_days + 2)
    loans = [] if loaded is None else find_loans_now(session, borrower_id, lender_id, now, horizon=horizon)
    if loaded is None or not loans or not set(asked.loan_ids) <= {loan.loan_id for loan in loans}:
        raise NotFoundError("There is no such borrower or loan.")
    says = asked.text is not None
    info = TemplateInfo(True, markers_of_free_text(asked.channel, asked.title, asked.text or "")) if says else None
    purpose = None if asked.template is None else purpose_of(asked.template)
    return ContactCheck(
        loaded.case, loans, asked, rules, now, info=info,
        speaks_of_debt=says and speaks_of_debt(f"{asked.title}\n{asked.text}"),
        notice_kind=None if purpose is None else purpose.notice(asked.channel),
    )  # fmt: skip


def rules_now(session: Session) -> Rules:
    """Return the rules in force; before any policy is active, those of the policy that ships with the product."""
    return load_rules(session) or Rules(shipped_policy(), 0, **parts_of_rules(session))


def answer_of(check: ContactCheck, *, locale: str = "en") -> ContactAnswer:
    """Return what a check found, in words."""
    zone = check.zones[0] if check.zones else None
    found = [*check.run(), *_lint(check)]
    opens_at = check.opens_at()
    is_open = opens_at == check.now
    return ContactAnswer(
        tuple(_block(check, each, locale, zone) for each in sorted(found, key=lambda one: _ORDER.index(one.layer))),
        tuple(
            Room(each.rule, each.layer, each.left, each.most, each.resets_at,
                 room_sentence(each, check.law.rule(check.candidates[0], each.rule), locale, zone))
            for each in check.rooms()
        ),
        check.zones,
        None if is_open else opens_at,
        check.closes_at(check.now + _DAY) if is_open else None,
        check.message_class,
        check.takes_place,
    )  # fmt: skip


_ORDER = (LAW, PERSON, POLICY)


def _lint(check: ContactCheck) -> list[Found]:
    """Return what the house's check of words says against free text; nobody may say it."""
    asked = check.asked
    if asked.text is None:
        return []
    late = check.message_class == "collection"
    problems = lint_free_text(
        channel=asked.channel, locale=asked.locale or check.case.locale or "en", title=asked.title, body=asked.text,
        message_class=check.message_class, is_late=late, is_reply=asked.is_reply,
    )  # fmt: skip
    return [
        Found(PERSON, Stop(Reason.CONTENT_LINT, f"lint.{each.code}", facts={"problem": each.detail})) for each in problems
    ]


def _block(check: ContactCheck, found: Found, locale: str, zone: str | None) -> Block:
    stop = found.stop
    rule = check.law.rule(check.candidates[0], stop.rule) if found.layer == LAW and stop.rule else None
    return Block(
        found.layer, stop.reason.value, stop.rule, block_sentence(stop, rule, locale, zone), stop.until,
    )  # fmt: skip


def require_contact(answer: ContactAnswer, *, role: str, override_reason: str | None = None) -> bool:
    """Let a contact pass; return whether a policy was overridden for it.

    Raises LawRefusedError for what stands by law, ConflictError's kin (quiet-hours, contact-cap-reached, consent-missing,
    contact-refused) for the rest, each saying what stands in the way and until when; ForbiddenError where a role may not
    override; ValidationError for a reason that is none.
    """
    if answer.may_happen:
        return False
    if not answer.may_be_overridden:
        raise _refusal(answer)
    if override_reason is None:
        raise _refusal(answer)
    if not may(role, OVERRIDE):
        roles = ", ".join(sorted(PERMISSIONS[OVERRIDE].roles))
        raise ForbiddenError(f"Your role is {role}; to go beyond the policy is for {roles}. Ask one of them to do it.")
    if not SHORTEST_REASON <= len(override_reason.strip()) <= LONGEST_REASON:
        raise refused_at(
            "/override_reason", f"Say in {SHORTEST_REASON} to {LONGEST_REASON} characters why the policy is set aside."
        )
    return True


def _refusal(answer: ContactAnswer) -> DomainError:
    first = answer.blocks[0]
    errors = [FieldError("", block.reason.lower().replace("_", "-"), block.sentence) for block in answer.blocks]
    facts = {
        "layer": first.layer,
        "reason": first.reason,
        "rule": first.rule,
        "until": None if first.until is None else first.until.isoformat(),
        "may_be_overridden": answer.may_be_overridden,
    }
    kind, detail = _kind(first, may_be_overridden=answer.may_be_overridden)
    return kind(detail, facts=facts, errors=errors)


def _kind(first: Block, *, may_be_overridden: bool) -> tuple[Callable[..., DomainError], str]:
    reason = Reason(first.reason)
    if first.layer == LAW:
        return LawRefusedError, "The law does not allow this contact now."
    also = " Who may set the policy aside gives a reason." if may_be_overridden else ""
    if reason in _HOURS:
        return QuietHoursError, f"It is not an hour at which this borrower may be contacted so.{also}"
    if reason in _CAPS:
        return ContactCapReachedError, f"This borrower was contacted often enough.{also}"
    if reason in _CONSENTS:
        return ConsentMissingError, "The borrower has not agreed to be contacted so, or has refused it."
    return ContactRefusedError, f"This contact may not be made now.{also}"
