"""Offers: all that a borrower may choose now about a loan, and one choice worked out exactly.

The same loan on the same day with the same terms gives the same option, to the byte: what was shown can be shown again.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from app.domain.errors import ConflictError, FieldError, PlanNotEligibleError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.option_cases import OptionCase
from app.domain.option_costs import outcome_of
from app.domain.option_limits import MONEY_KINDS, TERM, check_case, check_choice, check_outcome, read_choice
from app.domain.option_rows import CannotOfferError, drafts_of
from app.domain.option_rules import OptionRule, OptionRules
from app.domain.plan_options import NotOffered, OptionKind, PlanOption, PlanOptions
from app.domain.quotes import LAST_OF_DAY, check_quotable, payoff_quote
from app.domain.replay import allocate

_PAYMENT = "\uffff"


def options_for(case: OptionCase, rules: OptionRules) -> PlanOptions:
    """Return every kind with the terms that the rules list, and for each kind without any, why."""
    offered: list[PlanOption] = []
    refused: list[NotOffered] = []
    for kind in OptionKind:
        found, why = _of_kind(case, rules, kind)
        offered += found
        if not found and why is not None:
            refused.append(why)
    return PlanOptions(tuple(offered), tuple(refused))


def option_for(case: OptionCase, rules: OptionRules, kind: OptionKind, terms: Mapping[str, Any]) -> PlanOption:
    """Return one option with exactly these terms.

    Raises ValidationError for terms that the kind does not have, PlanNotEligibleError with the reason where the rules, the
    law or the loan do not allow it.
    """
    choice = read_choice(kind, terms)
    try:
        return _option(case, rules, kind, choice)
    except CannotOfferError as why:
        said = _not_offered(rules, kind, why)
        words = f"{kind} cannot be chosen now: {said.code}."
        raise PlanNotEligibleError(
            words,
            facts={**said.facts, "kind": kind, "reason": said.code, "rule": said.rule},
            errors=(FieldError("/kind", said.code, f"{words} Rule: {said.rule}."),),
        ) from None


def _of_kind(case: OptionCase, rules: OptionRules, kind: OptionKind) -> tuple[list[PlanOption], NotOffered | None]:
    """Return the options of one kind; without any, why the first of its terms is not offered."""
    found: list[PlanOption] = []
    first: CannotOfferError | None = None
    try:
        check_case(case, kind, rules.kinds[kind])
        choices = list(_listed(case, kind, rules.kinds[kind]))
        if not choices:
            raise CannotOfferError("not_by_lender")
    except CannotOfferError as why:
        return [], _not_offered(rules, kind, why)
    for terms in choices:
        try:
            found.append(_option(case, rules, kind, terms, is_checked=True))
        except CannotOfferError as why:
            first = first or why
            if why.code in _WHATEVER_TERMS:
                break
    return found, None if first is None else _not_offered(rules, kind, first)


_WHATEVER_TERMS = frozenset(
    {"contract_unknown", "contract_differs", "not_for_method", "not_monthly", "paid_ahead", "nothing_ahead"}
)
"""Reasons that other terms of the same kind would meet as well."""


def _listed(case: OptionCase, kind: OptionKind, rule: OptionRule) -> Iterator[dict[str, int]]:
    """Yield the terms that a list names."""
    name = TERM.get(kind)
    if name is None:
        yield {}
    elif kind is OptionKind.PAY_PART:
        due = case.position.due_to_date.total
        if due < 2:
            raise CannotOfferError("nothing_due")
        yield {name: -(-due // 2)}
    else:
        for value in rule.listed:
            yield {name: value}


def _not_offered(rules: OptionRules, kind: OptionKind, why: CannotOfferError) -> NotOffered:
    facts = dict(why.facts)
    return NotOffered(kind, why.code, facts.pop("law", None) or rules.named(kind), facts)


def _option(
    case: OptionCase, rules: OptionRules, kind: OptionKind, terms: Mapping[str, int], *, is_checked: bool = False
) -> PlanOption:
    rule = rules.kinds[kind]
    if not is_checked:
        check_case(case, kind, rule)
    check_choice(kind, rule, terms)
    if kind not in MONEY_KINDS:
        return _plan_option(case, rule, kind, terms)
    if kind is OptionKind.SETTLE:
        return _settle(case, rule)
    return _pay_now(case, rule) if kind is OptionKind.PAY_NOW else _pay_part(case, rule, terms)


def _plan_option(case: OptionCase, rule: OptionRule, kind: OptionKind, terms: Mapping[str, int]) -> PlanOption:
    if kind is OptionKind.CATCH_UP and not sum(sum(row.open[:2]) for row in case.past_due):
        raise CannotOfferError("not_past_due")
    outcome = outcome_of(case, drafts_of(case, kind, terms), reprices=kind is not OptionKind.CATCH_UP)
    check_outcome(case, kind, rule, outcome)
    rows = 0 if kind is OptionKind.CHANGE_DUE_DAY else next(iter(terms.values()))
    # Until the first row that would change falls due: from then on the plan as it stands asks for it.
    still_as_shown = case.ahead[0].due_on if case.ahead else None
    valid_until = case.today + timedelta(days=rule.offer_valid_days)
    return PlanOption(
        kind=kind,
        terms=dict(terms),
        rows=outcome.rows,
        to_pay=outcome.to_pay,
        total_minor=outcome.total_minor,
        extra_minor=outcome.extra_minor,
        extra_annual_rate=outcome.extra_annual_rate,
        last_due_on=max((row.due_on for row in outcome.to_pay), default=None),
        credit_effect=rule.credit_effect,
        approvals=rule.approvals(case.currency, outcome.moved_minor, rows),
        valid_until=valid_until if still_as_shown is None else min(valid_until, still_as_shown),
        still_due_minor=outcome.still_due_minor,
        facts={"moved_minor": outcome.moved_minor},
    )


# --- money now ----------------------------------------------------------------------------------------------------------


def _pay_now(case: OptionCase, rule: OptionRule) -> PlanOption:
    """Pay what is due by today; where nothing is, the next instalment."""
    due = case.position.due_to_date.total
    next_on = None if due else case.position.next_due_on
    if not due and next_on is None:
        raise CannotOfferError("nothing_due")
    return _money(case, rule, OptionKind.PAY_NOW, {}, due or case.position.next_due_minor, next_on=next_on)


def _pay_part(case: OptionCase, rule: OptionRule, terms: Mapping[str, int]) -> PlanOption:
    due, amount_minor = case.position.due_to_date.total, terms["amount_minor"]
    if not due:
        raise CannotOfferError("nothing_due")
    if amount_minor >= due:
        raise CannotOfferError("not_a_part", most_minor=due - 1)
    return _money(case, rule, OptionKind.PAY_PART, terms, amount_minor)


def _money(
    case: OptionCase, rule: OptionRule, kind: OptionKind, terms: Mapping[str, int], pay_minor: int, **facts: Any
) -> PlanOption:
    """Return what paying so much today leaves, as the ledger would book it."""
    payment = LedgerEntry(_PAYMENT, EntryKind.REPAYMENT, pay_minor, case.today, LAST_OF_DAY)
    after = allocate(case.version.rows, [*case.entries, payment], case.terms)
    after.accrue(case.today)
    late = [row.due_on for row in after.rows if row.due_on < case.today and any(row.open)]
    left = sum(sum(row.open) for row in after.rows if row.due_on <= case.today)
    return PlanOption(
        kind=kind,
        terms=dict(terms),
        pay_minor=pay_minor,
        total_minor=case.open.total,
        still_due_minor=left,
        last_due_on=max((row.due_on for row in after.rows if any(row.open)), default=case.today),
        credit_effect="arrears_stay" if late else rule.credit_effect,
        valid_until=_figures_until(case, rule),
        facts={
            "days_past_due_after": (case.today - min(late)).days if late else 0,
            **{name: each.isoformat() for name, each in facts.items() if each is not None},
        },
    )


def _figures_until(case: OptionCase, rule: OptionRule) -> Any:
    """Return the last day on which the same amount is due: late charges grow daily, and the next row falls due."""
    if case.past_due and case.terms.late is not None:
        return case.today
    until = case.today + timedelta(days=rule.offer_valid_days)
    following = case.position.next_due_on
    return until if following is None or following <= case.today else min(until, following - timedelta(days=1))


def _settle(case: OptionCase, rule: OptionRule) -> PlanOption:
    """Pay the loan off today, by the payoff quote."""
    try:
        check_quotable(case.position.principal_outstanding_minor, case.version.rows, case.entries, case.today, case.terms)
    except ConflictError as error:
        raise CannotOfferError("not_quotable", detail=error.detail) from None
    quote = payoff_quote(case.version.rows, case.entries, case.today, case.terms)
    return PlanOption(
        kind=OptionKind.SETTLE,
        terms={},
        pay_minor=quote.total_minor,
        total_minor=quote.total_minor,
        extra_minor=quote.total_minor - case.open.total,
        last_due_on=case.today,
        credit_effect=rule.credit_effect,
        valid_until=min(quote.expires_on, case.today + timedelta(days=rule.offer_valid_days)),
        facts={"saved_interest_minor": quote.saved_interest_minor},
    )
