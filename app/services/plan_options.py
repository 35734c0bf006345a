"""Plan options of a stored loan: what its borrower may choose now, and the document of what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.calendars import BusinessDayRule, Calendar
from app.domain.caps import CN_SOURCE, Cap
from app.domain.contracts import Contract
from app.domain.errors import ConflictError, NotFoundError, ValidationError
from app.domain.holds import Hold
from app.domain.option_cases import OptionCase
from app.domain.option_offers import option_for, options_for
from app.domain.option_rules import OptionRules
from app.domain.plan_options import OptionKind, PlanOption, PlanOptions
from app.domain.plans import PlanVersion, version_for
from app.domain.positions import Snapshot, replay
from app.domain.replay import terms_under
from app.domain.times import business_date
from app.domain.wind_downs import LENGTHENING
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.accounts import find_plan_option_account
from app.persistence.queries.holds import find_holds
from app.persistence.queries.positions import load_ledger
from app.services.calendars import calendar_for
from app.services.earlier_agreements import find_earlier_agreements
from app.services.law_gates import ask_law
from app.services.mismatches import shown_to_borrower
from app.services.option_rules import option_rules_for
from app.services.positions import position_by
from app.services.quotes import basis_of
from app.services.terms import contract_of, kernel_terms
from app.services.wind_downs import terms_in_force
from app.wording.option_words import credit_effect_words, kind_words


class OwnLoan(Protocol):
    """A loan by its id and whose it is; a `LoanRow` has both."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def borrower_id(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LoanOptions:
    """A loan with its options as of `today`, the day in its zone."""

    loan: Any
    """The loan's columns (queries/accounts.py)."""
    today: date
    options: PlanOptions


def own_options(reads: Connection, borrower_id: str, loan_id: str, *, now: datetime) -> LoanOptions:
    """Return what a borrower may choose about a loan. Raises NotFoundError, also for another borrower's loan;
    ConflictError for one that has no plan."""
    with Session(bind=reads, join_transaction_mode="rollback_only") as session:
        return options_of(session, borrower_id, loan_id, now=now)


def options_of(session: Session, borrower_id: str, loan_id: str, *, now: datetime) -> LoanOptions:
    """Return the same in a session that is open; errors as of `own_options`."""
    loan, case, rules = _load(session, borrower_id, loan_id, now, asks_law=True)
    return LoanOptions(loan, case.today, options_for(case, rules))


def option_of(session: Session, loan: OwnLoan, kind: OptionKind, terms: Mapping[str, Any], *, now: datetime) -> PlanOption:
    """Return one option with exactly these terms, the same for the same book and day.

    Raises PlanNotEligibleError with the reason (`facts`), ValidationError for terms the kind does not have, and what
    `own_options` raises.
    """
    _, case, rules = _load(session, loan.borrower_id, loan.id, now, asks_law=kind is OptionKind.SETTLE)
    return option_for(case, rules, kind, terms)


def hold_against(session: Session, loan: OwnLoan, kind: OptionKind, *, now: datetime) -> str | None:
    """Return a hold under which this kind may not be chosen and that stands now, or None. Raises NotFoundError."""
    account = find_plan_option_account(session.connection(), loan.borrower_id, loan.id)
    if account is None:
        raise NotFoundError("There is no such loan.")
    rules = option_rules_for(account.country or account.jurisdiction, account.product_kind)
    against = _holds(session, loan.borrower_id, loan.id, now) & rules.kinds[kind].not_under_holds
    return min(against, default=None)


def document_of(option: PlanOption, loan: Any, *, as_of: date, locale: str) -> bytes:
    """Return what is shown of an option as canonical JSON: the same option in the same language gives the same bytes.

    `loan` has its id, number, currency and zone. Amounts are minor units of its currency.
    """
    shown = {
        "loan_id": loan.id,
        "loan_no": loan.loan_no,
        "currency": loan.currency,
        "timezone": loan.zone,
        "as_of": as_of,
        "locale": locale,
        "kind": option.kind,
        "title": kind_words(option.kind, locale),
        "terms": dict(option.terms),
        "rows": [[row.row_no, row.due_on, *row.due] for row in option.rows],
        "to_pay": [[row.row_no, row.due_on, *row.due] for row in option.to_pay],
        "pay_minor": option.pay_minor,
        "total_minor": option.total_minor,
        "extra_minor": option.extra_minor,
        "extra_annual_rate": None if option.extra_annual_rate is None else str(option.extra_annual_rate),
        "last_due_on": option.last_due_on,
        "credit_effect": {
            "code": option.credit_effect,
            "detail": credit_effect_words(option.credit_effect, locale),
        },
        "approvals": option.approvals,
        "valid_until": option.valid_until,
        "facts": dict(option.facts),
    }
    return orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)


# --- loading ------------------------------------------------------------------------------------------------------------


def _load(
    session: Session, borrower_id: str, loan_id: str, now: datetime, *, asks_law: bool
) -> tuple[Any, OptionCase, OptionRules]:
    loan = find_plan_option_account(session.connection(), borrower_id, loan_id)
    if loan is None:
        raise NotFoundError("There is no such loan.")
    today = business_date(now, loan.zone)
    versions, all_entries = load_ledger(session, loan_id)
    version = version_for(versions, today, None)
    if version is None:
        raise ConflictError("The loan has no plan yet, so there is nothing to choose; ask the lender.")
    terms = kernel_terms(loan).terms
    snapshot = replay(loan.principal_minor, versions, all_entries, today, terms=terms)
    shown = shown_to_borrower(loan, snapshot, position_by(snapshot, loan, today), None)
    contract = _contract(loan)
    case = OptionCase(
        version=version,
        entries=[entry for entry in all_entries if entry.effective_on <= today],
        terms=terms_under(version, terms),
        position=shown.position,
        today=today,
        currency=loan.currency,
        principal_minor=loan.principal_minor,
        disbursed_on=loan.disbursed_on,
        contract=contract,
        calendar=_calendar(session, loan, contract),
        status=loan.status,
        cap=_cap(loan.cap),
        fees_upfront_minor=_fees_upfront(loan.contract),
        holds=_holds(session, borrower_id, loan_id, now),
        earlier=find_earlier_agreements(session, borrower_id, loan_id),
        marks=frozenset(loan.marks or ()),
        is_of_core=shown.is_of_core,
        refused_by_law=_settlement_law(session, loan, version, snapshot, today, now) if asks_law else {},
    )
    rules = option_rules_for(loan.country or loan.jurisdiction, loan.product_kind)
    return loan, case, _while_winding_down(session, loan.lender_id, rules)


def _while_winding_down(session: Session, lender_id: str, rules: OptionRules) -> OptionRules:
    """Take out what lengthens what is owed, of a lender that winds down and did not say that it goes on offering it."""
    terms = terms_in_force(session, lender_id)
    if terms is None or terms.longer_plans:
        return rules
    closed = {
        kind: replace(rule, allowed=False) for kind, rule in rules.kinds.items() if kind in LENGTHENING and rule.allowed
    }
    return replace(rules, kinds={**rules.kinds, **closed})


def _holds(session: Session, borrower_id: str, loan_id: str, now: datetime) -> frozenset[str]:
    """Return the kinds that stand for a loan."""
    holds = [Hold(h.kind, h.from_at, h.until_at, h.recorded_at, h.loan_id, released_at=h.released_at)
             for h in find_holds(session, borrower_id)]  # fmt: skip
    return frozenset(hold.kind for hold in holds if hold.loan_id in (None, loan_id) and hold.stands(now))


def _contract(loan: Any) -> Contract | None:
    """Return the contract; None where too little is known, or what is stored cannot be read as one."""
    try:
        return contract_of(loan)
    except ValidationError:
        return None


def _calendar(session: Session, loan: Any, contract: Contract | None) -> Calendar | None:
    if contract is None or contract.business_day_rule is BusinessDayRule.NONE:
        return None
    return calendar_for(session, session.get_one(LenderRow, loan.lender_id))


def _cap(stored: Mapping[str, Any] | None) -> Cap | None:
    if not stored:
        return None
    rate = stored.get("annual_rate")
    annual_rate = None if rate is None else Decimal(rate)
    return Cap(stored["status"], annual_rate, CN_SOURCE, "", stored["code"], may_bind=bool(stored.get("may_bind")))


def _fees_upfront(contract: Mapping[str, Any]) -> int:
    given = contract.get("fees_upfront_minor", 0)
    return given if isinstance(given, int) and given > 0 else 0


def _settlement_law(
    session: Session, loan: Any, version: PlanVersion, snapshot: Snapshot, today: date, now: datetime
) -> dict[OptionKind, str]:
    """Return the paragraph that forbids a payoff quote made as ours is, if one does."""
    if snapshot.settled:
        return {}
    from_on = max((row.due_on for row in version.rows if row.due_on <= today), default=loan.disbursed_on)
    settlement = {"on": today, "interest_from_on": from_on, "quote_basis": basis_of(loan)}
    answer = ask_law(session, act="quote_settlement", loan_id=loan.id, facts={"settlement": settlement}, now=now)
    return {} if answer.stop is None else {OptionKind.SETTLE: answer.stop.rule.source}
