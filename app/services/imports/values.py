"""What rows mean: compiling the value expressions of a map, and making book values of staged rows.

The vocabulary is closed: a column, a constant, sum, minus, either (the first that is not empty), the first row's or the
previous row's value of a column within the loan. A map can say what a file means; it cannot compute anything else.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from app.domain.book import BorrowerValues, LenderValues, LoanValues, PlanValues
from app.domain.errors import RefusedError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.domain.tapes import StandingOrderValues
from app.domain.times import end_of_day, from_micros, rfc3339
from app.services.imports import collateral, funding
from app.services.imports.days import later_day
from app.services.imports.maps import ImportMap

Row = Sequence[Any]
"""Staged values in the order of the map's columns; the last one is the row's currency."""


class Context(NamedTuple):
    """A row with the rows of its loan that an expression may look at."""

    row: Row
    previous: Row | None
    first: Row


Value = Callable[[Context], Any]
Condition = Callable[[Context], bool]

_COMPONENTS = ("principal", "interest", "fees", "penalties")
_TEXT = frozenset({"text", "code", "rate", "currency", "constant"})
_AMOUNT = frozenset({"amount"})
_DATE = frozenset({"date"})
_KNOWN = frozenset({"date", "instant"})
_WHOLE = frozenset({"whole", "constant"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A ledger entry as a row asks for it. `reference` None: it is known by `name` within its plan row."""

    name: str | None
    reference: str | None
    kind: EntryKind
    amount_minor: int | None
    effective_on: date | None
    known_at: datetime | None
    row_no: int | None
    split: Split | None
    reverses: str | None
    channel: str | None
    bank_reference: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str | None
    fields: Mapping[str, Value]
    split: tuple[Value, ...] | None
    when: Condition | None
    stated: Value | None
    """Of an amount that is either stated or follows from the row: the stated one."""
    absent: Draft
    """What it asks for when it does not apply."""


class Records:
    """The compiled records of one map for one lender."""

    def __init__(self, given: ImportMap, lender: LenderValues | None) -> None:
        self._map = given
        self._group_index = given.columns[given.group_column].index
        self._zone = lender.zone if lender else "UTC"
        self.total = self._value("/total", given.total, _AMOUNT) if given.total is not None else None
        self.lender = self._record("lender", {"licensed_from": _DATE, "licensed_until": _DATE})
        self.borrower = self._record("borrower", {"consents": frozenset({"choices"}), "flags": frozenset({"list"})})
        self.loan = self._record(
            "loan",
            {"principal": _AMOUNT, "disbursed_on": _DATE, "maturity_on": _DATE, "known_at": _KNOWN},
        )
        self.plan_row = self._record(
            "plan_row",
            {"row_no": _WHOLE, "due_on": _DATE, "known_at": _KNOWN, **dict.fromkeys(_COMPONENTS, _AMOUNT)},
        )
        self.row_no = self.plan_row.get("row_no", _nothing)
        self._due_on = self.plan_row.get("due_on", _nothing)
        self._components = tuple(self.plan_row.get(name) for name in _COMPONENTS)
        self.standing_order = self._record("standing_order", {"amount": _AMOUNT})
        self.collateral = {
            kind: self._record(kind, types) for kind, types in collateral.TYPES.items() if kind in given.records
        }
        self.funding = {kind: self._record(kind, types) for kind, types in funding.TYPES.items() if kind in given.records}
        self.account_no = self.loan.pop("account_no", _nothing)
        self._as_of = given.columns[given.as_of] if given.as_of else None
        self.facts = tuple(given.columns[name] for name in given.records.get("tape", {}).get("facts", ()))
        self.entries = tuple(
            self._entry(f"/records/entries/{i}", entry) for i, entry in enumerate(given.records.get("entries", ()))
        )
        loan = given.records.get("loan")
        if loan and loan["loan_no"] != given.group_column:
            raise RefusedError(f"Map {given.name}: /records/loan/loan_no: must be the column rows are grouped by.")
        if any(entry.name for entry in self.entries) and not self.plan_row:
            raise RefusedError(f"Map {given.name}: /records/entries: an entry with a name belongs to a plan_row.")

    def as_of(self, row: Row) -> date | None:
        """Return the business date the row states."""
        return date.fromordinal(row[self._as_of.index]) if self._as_of and row[self._as_of.index] else None

    def lender_values(self, row: Row) -> LenderValues:
        """Return the lender of a row. Raises ValidationError when one of its facts is missing."""
        found = {name: value(Context(row, None, row)) for name, value in self.lender.items()}
        for name in ("code", "name", "jurisdiction", "zone", "currency"):
            if found[name] is None:
                raise ValidationError(f"{name} is empty.")
        for name in ("licensed_from", "licensed_until"):
            if found.get(name) is not None:
                found[name] = date.fromordinal(found[name])
        return LenderValues(**{name: value for name, value in found.items() if value is not None})

    def borrower_values(self, row: Row) -> BorrowerValues:
        """Return the borrower of a row."""
        context = Context(row, None, row)
        found = {name: value(context) for name, value in self.borrower.items()}
        lines = tuple(line for value in self._borrower_lines if (line := value(context)))
        found["consents"] = found.get("consents") or {}
        found["flags"] = tuple(found.get("flags") or ())
        return BorrowerValues(address_lines=lines, **found)

    def loan_values(self, context: Context) -> LoanValues:
        """Return the loan of a row."""
        found = {name: value(context) for name, value in self.loan.items()}
        known_at = found.pop("known_at", None)
        for name in ("disbursed_on", "maturity_on"):
            found[name] = _day(found.get(name))
        contract = {name: value(context) for name, value in self._contract.items()}
        principal = found.pop("principal", None)
        found["autopay"] = found.get("autopay") == "yes"
        return LoanValues(
            **{name: value for name, value in found.items() if value is not None or name in ("disbursed_on", "maturity_on")}
            | {"borrower_no": found.get("borrower_no") or found["loan_no"]},
            currency=context.row[-1],
            principal_minor=principal,
            contract={name: value for name, value in contract.items() if value is not None},
            marks=tuple(mark for mark, when in self._marks if when is None or when(context)),
            recorded_at=known_at,
        )

    def standing_order_values(self, context: Context) -> StandingOrderValues:
        """Return the standing order of a row."""
        return StandingOrderValues(
            reference=str(self.standing_order["reference"](context)),
            account_no=str(context.row[self._group_index]),
            amount_minor=self.standing_order["amount"](context),
            currency=context.row[-1],
        )

    def collateral_fields(self, kind: str, context: Context) -> dict[str, Any]:
        """Return what a row says of a pledged thing. Raises ValidationError for a field that is needed and empty."""
        return collateral.read_fields(kind, self.collateral[kind], context)

    def facts_of(self, row: Row) -> dict[str, Any]:
        """Return what the core says of the loan on the day of the tape: dates in ISO form, empty cells left out."""
        return {
            column.name: date.fromordinal(row[column.index]).isoformat() if column.type == "date" else row[column.index]
            for column in self.facts
            if row[column.index] is not None
        }

    def funding_fields(self, kind: str, context: Context) -> dict[str, Any]:
        """Return what a row says of a funder or a share. Raises ValidationError for what cannot be one."""
        return funding.read_fields(kind, self.funding[kind], context)

    def plan_values(self, contexts: Sequence[Context], loan_no: str, carried: Sequence[PlanRow] = ()) -> PlanValues:
        """Return the whole plan that the rows of a loan make, with `carried` rows of the plan before."""
        rows = [self.row_of_plan(context) for context in contexts]
        value = self.plan_row.get("known_at")
        return PlanValues(loan_no, tuple(sorted([*rows, *carried])), value(contexts[0]) if value else None)

    def row_of_plan(self, context: Context) -> PlanRow:
        """Return the instalment of a row."""
        due = Split(*[value(context) or 0 if value else 0 for value in self._components])
        return PlanRow(self.row_no(context), _ordinal_day(self._due_on(context)), due)

    def contradiction(self, context: Context) -> str | None:
        """Return what in the row contradicts itself about having been paid, or None."""
        for entry in self.entries:
            if entry.when is None and entry.stated is None:
                continue
            dated = entry.fields["effective_on"](context) is not None
            if entry.when is not None and entry.when(context) != dated:
                return (
                    "there is a date of payment, but the status says not paid"
                    if dated
                    else "the status says paid, but there is no date"
                )
            if entry.stated is not None and not dated and entry.stated(context):
                return "there is an amount paid, but no date"
        return None

    def drafts(self, context: Context) -> Iterator[Draft]:
        """Yield the entries a row asks for; a named one that does not apply comes without amount and date."""
        for entry in self.entries:
            effective_on = _day(entry.fields["effective_on"](context)) if entry.when is None or entry.when(context) else None
            if effective_on is None and entry.name is not None:
                yield entry.absent
                continue
            found = {name: value(context) for name, value in entry.fields.items()}
            split = Split(*[value(context) or 0 for value in entry.split]) if entry.split else None
            if split is not None and not split.total:
                split = None
            known_at: datetime | None = found.get("known_at")
            if known_at is None and effective_on is not None:
                known_at = end_of_day(effective_on, self._zone)
            yield Draft(
                entry.name,
                found.get("reference"),
                EntryKind(found["kind"]),
                found["amount"],
                effective_on,
                known_at,
                found.get("row_no"),
                split,
                found.get("reverses"),
                found.get("channel"),
                found.get("bank_reference"),
                found.get("note"),
            )

    def _record(self, kind: str, types: Mapping[str, frozenset[str]]) -> dict[str, Value]:
        compiled: dict[str, Value] = {}
        given = self._map.records.get(kind, {})
        for name, expression in given.items():
            pointer = f"/records/{kind}/{name}"
            if name == "contract":
                self._contract = {key: self._contract_value(f"{pointer}/{key}", each) for key, each in expression.items()}
            elif name == "marks":
                self._marks = tuple(
                    (each["mark"], self._condition(each["when"]) if "when" in each else None) for each in expression
                )
            elif name == "address_lines":
                self._borrower_lines = tuple(self._value(pointer, each, _TEXT) for each in expression)
            else:
                compiled[name] = self._value(pointer, expression, types.get(name, _TEXT))
        return compiled

    _contract: Mapping[str, Value] = {}
    _marks: tuple[tuple[str, Condition | None], ...] = ()
    _borrower_lines: tuple[Value, ...] = ()

    def _entry(self, pointer: str, given: Mapping[str, Any]) -> _Entry:
        types = {"amount": _AMOUNT, "effective_on": _DATE, "known_at": _KNOWN, "row_no": _WHOLE}
        fields = {
            name: self._value(f"{pointer}/{name}", expression, types.get(name, _TEXT))
            for name, expression in given.items()
            if name not in ("name", "split", "when")
        }
        split = None
        if "split" in given:
            nothing: Value = lambda _context: 0  # noqa: E731
            split = tuple(
                self._value(f"{pointer}/split/{name}", given["split"][name], _AMOUNT) if name in given["split"] else nothing
                for name in _COMPONENTS
            )
        when = self._condition(given["when"]) if "when" in given else None
        amount = given["amount"]
        stated = None
        if isinstance(amount, dict) and "either" in amount:
            stated = self._value(f"{pointer}/amount/either/0", amount["either"][0], _AMOUNT)
        name = given.get("name")
        absent = Draft(name, None, EntryKind.REPAYMENT, None, None, None, None, None, None, None, None, None)
        return _Entry(name, fields, split, when, stated, absent)

    def _condition(self, given: Mapping[str, Any]) -> Condition:
        index = self._map.columns[given["column"]].index
        wanted = frozenset(given["in"])
        return lambda context: context.row[index] in wanted

    def _value(self, pointer: str, expression: Any, allowed: frozenset[str]) -> Value:
        kind, value = self._compiled(pointer, expression)
        if kind not in allowed:
            wanted = " or ".join(sorted(allowed - {"constant"}))
            raise RefusedError(f"Map {self._map.name}: {pointer}: is of type {kind}; expected {wanted}.")
        if "instant" in allowed and allowed is _KNOWN:
            return self._known(kind, value)
        return value

    def _contract_value(self, pointer: str, expression: Any) -> Value:
        kind, value = self._compiled(pointer, expression)
        if kind == "instant":
            return lambda context: None if (micros := value(context)) is None else rfc3339(from_micros(micros))
        if kind == "date":
            return lambda context: None if (day := _day(value(context))) is None else day.isoformat()
        return value

    def _known(self, kind: str, value: Value) -> Value:
        zone = self._zone
        if kind == "instant":
            return lambda context: None if (micros := value(context)) is None else from_micros(micros)
        return lambda context: None if (ordinal := value(context)) is None else end_of_day(date.fromordinal(ordinal), zone)

    def _compiled(self, pointer: str, expression: Any) -> tuple[str, Value]:
        if isinstance(expression, str):
            column = self._map.columns[expression]
            index = column.index
            return column.type, lambda context: context.row[index]
        if "constant" in expression:
            constant = expression["constant"]
            return "constant", lambda _context: constant
        if "first" in expression:
            column = self._map.columns[expression["first"]]
            index = column.index
            return column.type, lambda context: context.first[index]
        if "previous" in expression:
            column = self._map.columns[expression["previous"]]
            index, (_, otherwise) = column.index, self._compiled(f"{pointer}/or", expression["or"])
            return column.type, lambda context: otherwise(context) if context.previous is None else context.previous[index]
        if "join" in expression:
            texts = [self._value(f"{pointer}/join/{i}", each, _TEXT) for i, each in enumerate(expression["join"])]
            return "text", _joined(texts)
        if "after" in expression:
            return "date", self._later_day(pointer, expression)
        operator = next(iter(expression))
        parts = [self._value(f"{pointer}/{operator}/{i}", each, _AMOUNT) for i, each in enumerate(expression[operator])]
        if operator == "sum" and len(parts) > 1 and all(isinstance(each, str) for each in expression["sum"]):
            return "amount", _summed_columns([self._map.columns[each].index for each in expression["sum"]])
        return "amount", {"sum": _summed, "minus": _reduced, "either": _either}[operator](parts)

    def _later_day(self, pointer: str, expression: Mapping[str, Any]) -> Value:
        day = self._value(f"{pointer}/after", expression["after"], _DATE)
        on_day: int | None = expression.get("day")
        months = expression.get("months", 0)
        count = self._value(f"{pointer}/months", months, _WHOLE) if isinstance(months, str) else lambda _context: months

        def value(context: Context) -> int | None:
            start, later = _day(day(context)), count(context)
            return None if start is None or later is None else later_day(start, on_day, later).toordinal()

        return value


def _joined(parts: Sequence[Value]) -> Value:
    def value(context: Context) -> str | None:
        found = [part(context) for part in parts]
        return None if None in found else "".join(map(str, found))

    return value


def _nothing(_context: Context) -> Any:
    return None


def _total(found: Iterable[int | None]) -> int | None:
    given = [amount for amount in found if amount is not None]
    return sum(given) if given else None


def _summed(parts: Sequence[Value]) -> Value:
    return lambda context: _total(part(context) for part in parts)


def _summed_columns(indexes: Sequence[int]) -> Value:
    pick = itemgetter(*indexes)
    return lambda context: _total(pick(context.row))


def _either(parts: Sequence[Value]) -> Value:
    return lambda context: next((amount for part in parts if (amount := part(context)) is not None), None)


def _reduced(parts: Sequence[Value]) -> Value:
    def value(context: Context) -> int | None:
        found = [part(context) for part in parts]
        return None if None in found else found[0] - sum(found[1:])

    return value


@lru_cache(maxsize=65536)
def _ordinal_day(ordinal: int) -> date:
    return date.fromordinal(ordinal)


def _day(ordinal: int | None) -> date | None:
    return None if ordinal is None else _ordinal_day(ordinal)


def contexts_of(rows: Sequence[Row]) -> list[Context]:
    """Return the rows of one loan, in order, each with its neighbours."""
    return [Context(row, rows[i - 1] if i else None, rows[0]) for i, row in enumerate(rows)]
