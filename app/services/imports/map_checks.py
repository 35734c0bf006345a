"""What the form of a map cannot see: columns nobody declared, words nobody knows, cells that would have to be guessed."""

import codecs
import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.domain.book import LOAN_STATUSES
from app.domain.errors import RefusedError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.money import currency_exponent
from app.domain.times import zone_named
from app.services.imports.cells import EXCEL_SERIAL, RFC3339

if TYPE_CHECKING:
    from app.services.imports.maps import Column, ImportMap

_SAMPLE = datetime(2001, 12, 31)  # noqa: DTZ001 - no instant, only something to write and read back
_LARGEST_ROW_NO = 100_000
_FACTS = {
    **dict.fromkeys(
        ("principal_balance", "interest_due", "fees_due", "penalties_due", "total_due", "amount_past_due"), "amount"
    ),
    **dict.fromkeys(("days_past_due", "days_past_due_from", "days_past_due_to"), "whole"),
}
_OPTIONS = {"day": ("date",), "percent": ("rate",), "decimals": ("rate",), "tolerance": ("amount",)}
"""Of a column: what only some types know."""


def check_map(given: "ImportMap") -> None:
    """Refuse a map that could not be followed, or only by guessing. Raises RefusedError with a pointer."""
    for pointer, problem in _problems(given):
        raise RefusedError(f"Map {given.name}: {pointer}: {problem}")


def _problems(given: "ImportMap") -> Iterable[tuple[str, str]]:
    yield from _of_the_file(given)
    yield from _of_columns(given)
    for pointer, column_name in _named_columns(given):
        if column_name not in given.columns:
            near = difflib.get_close_matches(column_name, given.columns, n=1)
            yield pointer, f"there is no column {column_name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    yield from _of_records(given)


def _of_the_file(given: "ImportMap") -> Iterable[tuple[str, str]]:
    try:
        if not codecs.lookup(given.encoding)._is_text_encoding:
            raise LookupError
        "".encode(given.encoding)
    except (LookupError, UnicodeError):
        yield "/encoding", f"{given.encoding!r} is not an encoding known here."
    if given.delimiter in "\r\n" or given.delimiter == given.quote:
        yield "/delimiter", "must be neither the end of a line nor the quote."
    if given.group == given.decimal:
        yield "/numbers/group", "must differ from the decimal sign, or 1.000 could be read as one or as a thousand."
    if given.lender:
        yield from _unknown("/lender/zone", zone_named, given.lender.zone)
        yield from _unknown("/lender/currency", currency_exponent, given.lender.currency)
    if given.currency:
        yield from _unknown("/currency", currency_exponent, given.currency)
    if len(set(given.key)) < len(given.key):
        yield "/key", "names the same column twice."


def _of_columns(given: "ImportMap") -> Iterable[tuple[str, str]]:
    for name, column in given.columns.items():
        for option, types in _OPTIONS.items():
            if getattr(column, option) not in (None, False) and column.type not in types:
                yield f"/columns/{name}/{option}", f"is for columns of type {' or '.join(types)}."
        if column.zone:
            yield from _unknown(f"/columns/{name}/zone", zone_named, column.zone)
        for i, form in enumerate(column.formats):
            problem = _format_problem(form, column)
            if problem:
                yield f"/columns/{name}/formats/{i}", problem


def _format_problem(form: str, column: "Column") -> str | None:
    if column.day is not None and column.type == "date":
        return _month_format_problem(form)
    if form == EXCEL_SERIAL:
        return None if column.type == "date" else "a day number has no time of day."
    if form == RFC3339:
        return None if column.type == "instant" else "is an instant; a date needs its own format."
    try:
        read = datetime.strptime(_SAMPLE.strftime(form), form)  # noqa: DTZ007
    except ValueError:
        return f"{form!r} is not a strptime format."
    return None if read.date() == _SAMPLE.date() else f"{form!r} does not say day, month and year."


def _month_format_problem(form: str) -> str | None:
    try:
        read = datetime.strptime(_SAMPLE.strftime(form), form)  # noqa: DTZ007
    except ValueError:
        return f"{form!r} is not a strptime format."
    if (read.year, read.month) != (_SAMPLE.year, _SAMPLE.month):
        return f"{form!r} does not say month and year."
    return None if read.day == 1 else f"{form!r} says the day; leave out `day`."


def _of_records(given: "ImportMap") -> Iterable[tuple[str, str]]:
    if given.as_of and given.columns[given.as_of].type != "date":
        yield "/as_of", "must be a column of type date."
    if given.currency_column and given.columns[given.currency_column].type != "currency":
        yield "/currency/column", "must be a column of type currency."
    yield from _of_tapes(given)
    yield from _words(given, "/records/loan/status", given.records.get("loan", {}).get("status"), LOAN_STATUSES)
    for i, mark in enumerate(given.records.get("loan", {}).get("marks", ())):
        yield from _condition(given, f"/records/loan/marks/{i}/when", mark.get("when"))
    row_no = given.records.get("plan_row", {}).get("row_no")
    if isinstance(row_no, dict) and not _is_row_no(row_no.get("constant")):
        yield "/records/plan_row/row_no", "must be a column or a whole number from 1."
    names: list[str] = []
    for i, entry in enumerate(given.records.get("entries", ())):
        pointer = f"/records/entries/{i}"
        yield from _words(given, f"{pointer}/kind", entry["kind"], [kind.value for kind in EntryKind])
        yield from _condition(given, f"{pointer}/when", entry.get("when"))
        if isinstance(entry.get("row_no"), dict) and not _is_row_no(entry["row_no"].get("constant")):
            yield f"{pointer}/row_no", "must be a column or a whole number from 1."
        if entry.get("name") in names:
            yield f"{pointer}/name", f"{entry['name']!r} is used twice; what was booked is known by it."
        names += filter(None, [entry.get("name")])


def _of_tapes(given: "ImportMap") -> Iterable[tuple[str, str]]:
    if "tape" in given.records and not (given.as_of or given.as_of_on or given.as_of_with_file):
        yield "/records/tape", "needs to know its day: name the column with `as_of`."
    for i, name in enumerate(given.records.get("tape", {}).get("facts", ())):
        wanted = _FACTS.get(name)
        if wanted and given.columns[name].type != wanted:
            yield f"/records/tape/facts/{i}", f"{name} is held against our figures: its column must be of type {wanted}."
    for i, rows in enumerate(given.passed_over):
        yield from _condition(given, f"/skip/where/{i}", {"column": rows.column, "in": rows.values - {None}})
    if given.loan_by_account and {"loan", "plan_row", "tape"} & given.records.keys():
        yield "/loan_by", "is for files of payments or standing orders; a loan, its tape and its plan are known by number."
    if "standing_order" in given.records and not given.loan_by_account:
        yield "/records/standing_order", "is known by the account it pays from: loan_by must be account."


def _words(given: "ImportMap", pointer: str, value: Any, known: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield the words a value can take that are not known; a column of free text is checked with its rows."""
    known = list(known)
    if isinstance(value, dict) and "constant" in value:
        said: Iterable[Any] = [value["constant"]]
    elif isinstance(value, str) and given.columns[value].type == "code":
        said = given.columns[value].codes.values()
    elif value is None or pointer.endswith("status"):
        return
    else:
        yield pointer, "must be a constant or a column of type code."
        return
    for word in said:
        if word not in known:
            near = difflib.get_close_matches(str(word), known, n=1)
            yield pointer, f"{word!r} is not one of {', '.join(known)}" + (f"; did you mean {near[0]!r}?" if near else "")


def _condition(given: "ImportMap", pointer: str, condition: Mapping[str, Any] | None) -> Iterable[tuple[str, str]]:
    if condition is None:
        return
    column = given.columns[condition["column"]]
    for word in condition["in"]:
        if column.codes and word not in column.codes.values():
            yield f"{pointer}/in", f"{word!r} is none of the codes of {condition['column']!r}."


def _is_row_no(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_ROW_NO


def _unknown(pointer: str, check: Any, value: str) -> Iterable[tuple[str, str]]:
    try:
        check(value)
    except ValidationError as error:
        yield pointer, error.detail


def _named_columns(given: "ImportMap") -> Iterable[tuple[str, str]]:
    yield from ((f"/key/{i}", name) for i, name in enumerate(given.key))
    yield "/group", given.group_column
    if given.as_of:
        yield "/as_of", given.as_of
    if given.currency_column:
        yield "/currency/column", given.currency_column
    yield from ((f"/skip/where/{i}/column", rows.column) for i, rows in enumerate(given.passed_over))
    if given.total is not None:
        yield from _in_value("/total", given.total)
    for kind, record in given.records.items():
        if kind == "tape":
            yield from ((f"/records/tape/facts/{i}", name) for i, name in enumerate(record["facts"]))
        elif kind == "entries":
            for i, entry in enumerate(record):
                yield from _in_record(f"/records/entries/{i}", entry)
        else:
            yield from _in_record(f"/records/{kind}", record)


def _in_record(pointer: str, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for field, value in record.items():
        here = f"{pointer}/{field}"
        if field == "name" and "kind" in record:
            continue
        if field == "when":
            yield f"{here}/column", value["column"]
        elif field == "marks":
            yield from ((f"{here}/{i}/when", each["when"]["column"]) for i, each in enumerate(value) if "when" in each)
        elif field in ("contract", "split"):
            yield from _in_record(here, value)
        elif field == "address_lines":
            for i, each in enumerate(value):
                yield from _in_value(f"{here}/{i}", each)
        else:
            yield from _in_value(here, value)


def _in_value(pointer: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
        return
    for operator, operand in value.items():
        if operator in ("first", "previous", "after"):
            yield f"{pointer}/{operator}", operand
        elif operator in ("day", "months"):
            if isinstance(operand, str):
                yield f"{pointer}/{operator}", operand
        elif operator == "or":
            yield from _in_value(f"{pointer}/or", operand)
        elif operator != "constant":
            for i, each in enumerate(operand):
                yield from _in_value(f"{pointer}/{operator}/{i}", each)
