"""Contracts as they are stored and sent: reading the JSON object of a loan's terms, naming every field that cannot be true.

Amounts are whole minor units, rates and shares decimal strings ("0.154" is 15.4 % a year), days ISO dates. Names under "x_"
are the lender's own and kept as they are. A field left out has the default of `Contract`, `LateTerms`, `DelinquencyRule`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, NamedTuple

from app.domain.allocation import STANDARD, Strategy, Surplus, strategy_named
from app.domain.allocation_orders import custom_strategy
from app.domain.calendars import BusinessDayRule
from app.domain.charges import Fee, FeeBasis, FeeDue
from app.domain.contract_fields import MOST_MINOR, Read, day, flag, one_of, share, some_days, text, whole
from app.domain.contracts import Contract, Disbursement, Method, Prepayment, RateChange, Remainder
from app.domain.day_counts import DayCount
from app.domain.delinquency import RULES, USUAL, Boundary, Cure, DelinquencyRule, Pause
from app.domain.errors import FieldError, ValidationError
from app.domain.late_charges import LateBase, LateTerms
from app.domain.periods import DayOfMonth, Frequency, Unit
from app.domain.rounding import Rounding
from app.domain.terms import EarlySettlement, LoanTerms


def _nearest(name: str, names: Sequence[str]) -> str:
    return next(iter(get_close_matches(name, names, 1)), "")


_MINOR, _DAYS, _ROWS, _RATE = whole(0, MOST_MINOR), whole(0, 3660), whole(0, 1200), share(100)

_CONTRACT: Mapping[str, Read] = {
    "method": one_of(Method),
    "annual_rate": _RATE,
    "instalments": whole(1, 1200),
    "every": whole(1, 366),
    "unit": one_of(Unit),
    "first_due_on": day,
    "due_dates": some_days,
    "day_of_month": one_of(DayOfMonth),
    "business_day_rule": one_of(BusinessDayRule),
    "day_count": one_of(DayCount),
    "rounding": one_of(Rounding),
    "instalment_rounding": one_of(Rounding),
    "instalment_multiple_minor": whole(1, MOST_MINOR),
    "instalment_minor": whole(1, MOST_MINOR),
    "level_by_nominal_days": flag,
    "remainder": one_of(Remainder),
    "even_out": flag,
    "principal_grace": _ROWS,
    "interest_grace": _ROWS,
    "interest_free": _ROWS,
    "down_payment": share(1),
    "on_actual_balance": flag,
    "whole_periods": flag,
    "prepayment": one_of(Prepayment),
}
_DISBURSEMENT: Mapping[str, Read] = {"on": day, "amount_minor": whole(1, MOST_MINOR)}
_RATE_CHANGE: Mapping[str, Read] = {"on": day, "annual_rate": _RATE}
_FEE: Mapping[str, Read] = {
    "name": text,
    "basis": one_of(FeeBasis),
    "due": one_of(FeeDue),
    "amount_minor": _MINOR,
    "share": share(1),
    "penalty": flag,
}
_LATE: Mapping[str, Read] = {
    "annual_rate": _RATE,
    "base": one_of(LateBase),
    "grace_days": _DAYS,
    "from_due": flag,
    "year_days": whole(360, 366),
    "fee_minor": _MINOR,
    "fee_share": share(1),
    "fee_base": one_of(LateBase),
    "fee_after_days": _DAYS,
}
_DELINQUENCY: Mapping[str, Read] = {
    "tolerance_days": _DAYS,
    "tolerance_minor": _MINOR,
    "tolerance_share": share(1),
    "from_due": flag,
    "boundary": one_of(Boundary),
    "cure": one_of(Cure),
    "cure_from_days": _DAYS,
}
_PAUSE: Mapping[str, Read] = {"start": day, "end": day}

PARTS = ("allocation", "surplus", "early_settlement", "late", "delinquency", "delinquency_edges", "pauses", "disbursements",
         "rate_changes", "fees", "fees_upfront_minor", "signed_on")  # fmt: skip
RECORDED = ("rate", "rate_basis", "instalment_count", "collateral_ref", "lpr_at_signing", "term_days", "partner_fees")
"""What cores send beside the terms; kept and shown, never computed with."""
NAMES = (*_CONTRACT, *PARTS, *RECORDED)


class ReadTerms(NamedTuple):
    """A stored contract, read: the fields of a `Contract` that were given, and what holds after the plan is made."""

    fields: Mapping[str, Any]
    strategy: Strategy
    early_settlement: EarlySettlement
    late: LateTerms | None
    rule: DelinquencyRule
    pauses: tuple[Pause, ...]
    signed_on: date | None

    def contract(self, principal_minor: int | None, starts_on: date | None) -> Contract | None:
        """Return the whole contract, or None where too little is known to make a plan of it."""
        given = dict(self.fields)
        method = given.pop("method", None)
        instalments = given.pop("instalments", 0) or len(given.get("due_dates", ()))
        if not method or not principal_minor or starts_on is None:
            return None
        if not instalments and method not in (Method.FIXED_INSTALMENT, Method.SINGLE_PAYMENT):
            return None
        return Contract(method, principal_minor, starts_on, instalments or int(method is Method.SINGLE_PAYMENT), **given)


def read_terms(stored: Mapping[str, Any]) -> ReadTerms:
    """Read a stored contract. Raises ValidationError with a FieldError for each field, pointers below /contract."""
    errors: list[FieldError] = []
    for name in stored:
        if name not in NAMES and not name.startswith("x_"):
            close = _nearest(name, NAMES)
            hint = f" Did you mean {close}?" if close else ' Names of your own begin with "x_".'
            errors.append(FieldError(f"/contract/{name}", "unknown-field", f"No term of a contract is called so.{hint}"))
    fields = _object({k: v for k, v in stored.items() if k in _CONTRACT}, _CONTRACT, "", errors)
    every, unit = fields.pop("every", 1), fields.pop("unit", Unit.MONTHS)
    if "every" in stored or "unit" in stored:
        fields["frequency"] = Frequency(every, unit)
    for name, form, make in (
        ("disbursements", _DISBURSEMENT, Disbursement),
        ("rate_changes", _RATE_CHANGE, RateChange),
        ("fees", _FEE, Fee),
    ):
        if stored.get(name):
            fields[name] = tuple(_listed(stored[name], form, make, name, errors))
    read = ReadTerms(
        fields=fields,
        strategy=_part(stored, "allocation", lambda value: _strategy(value, stored.get("surplus")), STANDARD, errors),
        early_settlement=_part(stored, "early_settlement", one_of(EarlySettlement), EarlySettlement.AS_PLANNED, errors),
        late=LateTerms(**_object(stored["late"], _LATE, "late/", errors)) if stored.get("late") else None,
        rule=_rule(stored, errors),
        pauses=tuple(_listed(stored.get("pauses") or (), _PAUSE, Pause, "pauses", errors)),
        signed_on=_part(stored, "signed_on", day, None, errors),
    )
    _check_lists(read, errors)
    if errors:
        first = errors[0]
        raise ValidationError(f"{first.pointer[1:].replace('/', '.')}: {first.detail}", errors=errors)
    return read


def _check_lists(read: ReadTerms, errors: list[FieldError]) -> None:
    """Note what is wrong between the parts of lists."""
    for index, pause in enumerate(read.pauses):
        if pause.end is not None and pause.end < pause.start:
            errors.append(FieldError(f"/contract/pauses/{index}/end", "invalid", "It is before the start."))
    for index, fee in enumerate(read.fields.get("fees", ())):
        if not (fee.amount_minor or fee.share):
            errors.append(FieldError(f"/contract/fees/{index}", "invalid", "A fee needs an amount or a share above 0."))
    days = [each.on for each in read.fields.get("rate_changes", ())]
    if len(set(days)) < len(days):
        errors.append(FieldError("/contract/rate_changes", "invalid", "Two rates begin on one day."))


def read_stored(stored: Mapping[str, Any]) -> ReadTerms:
    """Read a contract that is in the book: a term from before it was checked is left aside rather than refused."""
    try:
        return read_terms(stored)
    except ValidationError as error:
        wrong = {field.pointer.split("/")[2] for field in error.errors}
        return read_terms({name: value for name, value in stored.items() if name not in wrong})


def late_terms(read: ReadTerms, cap: Mapping[str, Any] | None) -> LateTerms | None:
    """Return the late terms as the law leaves them.

    Where a cap applies they carry it. Where one may apply and its figure is missing, nothing is charged: DESIGN's choice is
    never to collect what may be above a cap.
    """
    if read.late is None or cap is None:
        return read.late
    if cap.get("may_bind"):
        return None
    if cap.get("annual_rate") is None:
        return read.late
    fields = {name: getattr(read.late, name) for name in read.late.__slots__}
    return LateTerms(**fields | {"cap_rate": Fraction(cap["annual_rate"])})


def terms_of(read: ReadTerms, contract: Contract | None, late: LateTerms | None, starts_on: date | None) -> LoanTerms:
    """Return what a replay needs; `late` are the late terms as the law leaves them (see `caps.py`).

    `starts_on` is the day the money was paid out, also where the rows are given and no contract could be read.
    """
    actual = contract if contract is not None and contract.on_actual_balance else None
    later = tuple(sorted(read.fields.get("disbursements", ()), key=lambda each: each.on))
    down = contract.down_payment_days if contract is not None else ()
    return LoanTerms(
        read.strategy,
        late,
        read.early_settlement,
        actual,
        remembers_arrears=read.rule.cure is Cure.ALL_PAID,
        paid_out_later=later,
        starts_on=starts_on,
        down_payment_days=down,
    )


def _object(value: Any, form: Mapping[str, Read], where: str, errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        errors.append(FieldError(f"/contract/{where.rstrip('/')}", "invalid", "Must be an object."))
        return {}
    found: dict[str, Any] = {}
    for name, given in value.items():
        if name not in form:
            close = _nearest(name, tuple(form))
            detail = f"Unknown field.{f' Did you mean {close}?' if close else ''}"
            errors.append(FieldError(f"/contract/{where}{name}", "unknown-field", detail))
        elif given is not None:
            try:
                found[name] = form[name](given)
            except ValueError as error:
                errors.append(FieldError(f"/contract/{where}{name}", "invalid", f"It {error}."))
    return found


def _listed(
    value: Any, form: Mapping[str, Read], make: Callable[..., Any], name: str, errors: list[FieldError]
) -> list[Any]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > 1000:
        errors.append(FieldError(f"/contract/{name}", "invalid", "Must be a list of at most 1000."))
        return []
    found: list[Any] = []
    for index, each in enumerate(value):
        before = len(errors)
        fields = _object(each, form, f"{name}/{index}/", errors)
        try:
            if len(errors) == before:
                found.append(make(**fields))
        except TypeError:
            errors.append(FieldError(f"/contract/{name}/{index}", "required", f"Needs {', '.join(form)}."))
    return found


def _part(stored: Mapping[str, Any], name: str, read: Read, default: Any, errors: list[FieldError]) -> Any:
    if stored.get(name) is None:
        return default
    try:
        return read(stored[name])
    except ValueError as error:
        errors.append(FieldError(f"/contract/{name}", "invalid", f"It {error}."))
    except ValidationError as error:
        errors.append(FieldError(f"/contract/{name}", "invalid", error.detail))
    return default


def _strategy(value: Any, surplus: Any) -> Strategy:
    rule = one_of(Surplus)(surplus) if surplus is not None else Surplus.NEXT
    if isinstance(value, str):
        return strategy_named(value, rule)
    if not isinstance(value, Mapping) or not isinstance(value.get("order"), Sequence) or set(value) - {"order", "vertical"}:
        raise ValueError('must be the name of a strategy, or {"order": [twelve steps], "vertical": true or false}')
    return custom_strategy(list(value["order"]), vertical=bool(value.get("vertical")), surplus=rule)


def _rule(stored: Mapping[str, Any], errors: list[FieldError]) -> DelinquencyRule:
    value, edges = stored.get("delinquency"), stored.get("delinquency_edges")
    rule = USUAL
    if isinstance(value, str):
        if value not in RULES:
            errors.append(FieldError("/contract/delinquency", "invalid", f"There are {', '.join(RULES)}."))
        rule = RULES.get(value, USUAL)
    elif value is not None:
        rule = DelinquencyRule(**_object(value, _DELINQUENCY, "delinquency/", errors))
    if edges is not None:
        if not _are_edges(edges):
            errors.append(FieldError("/contract/delinquency_edges", "invalid", "Must be ascending days from 1."))
        elif isinstance(value, str):
            errors.append(FieldError("/contract/delinquency_edges", "invalid", "A named rule has its own edges."))
        else:
            rule = DelinquencyRule(**{**{f: getattr(rule, f) for f in rule.__slots__}, "edges": tuple(edges)})
    return rule


def _are_edges(edges: Any) -> bool:
    if not isinstance(edges, list | tuple) or not edges or not all(isinstance(edge, int) for edge in edges):
        return False
    return list(edges) == sorted(set(edges)) and edges[0] >= 1
