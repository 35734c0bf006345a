"""Bank transfers that wait for a loan: which it may be for, and a person's word about it."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.errors import ValidationError, refused_at
from app.domain.money import Money, minor_from_text
from app.domain.statement_matching import State
from app.persistence.db import vault
from app.persistence.queries import statement_lines as queries
from app.persistence.unit_of_work import Work, reading
from app.services.statement_desk import (
    LONGEST_REASON,
    WantedPart,
    candidate_numbers,
    ignore_line,
    loans_of_about,
    match_by_hand,
)
from app.services.statement_lines import texts_of
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, PatternField, TextField
from app.web.pagination import Key
from app.web.reads import end_reads, reads
from app.web.request_context import now

PARTS = 5
"""Loans that one form splits a line over; more by the API."""
_STATES = tuple(each.value for each in State)


class IgnoreSchema(Schema):
    """Why a line is for no loan."""

    reason = TextField(LONGEST_REASON, required=True)


MatchSchema = Schema.from_dict(
    {
        name: field
        for number in range(1, PARTS + 1)
        for name, field in (
            (f"loan_no_{number}", PatternField(NUMBER_PATTERN, required=number == 1)),
            (f"amount_{number}", fields.String(load_default="")),
        )
    },
    name="MatchSchema",
)
"""Loans and amounts, as people write amounts; the only one may be left out: it is the whole line."""


@pages.get("/payments")
@permits("statement_lines.read")
def statement_lines() -> Response:
    """List lines in one state, oldest first: at first those no loan was found for."""
    state = one_of("state", _STATES, State.UNMATCHED.value) or State.UNMATCHED.value
    lender_id = desk().lender_id
    rows = queries.page_lines(reads(), lender_id, state=state, after=after(state=state), limit=SIZE + 1)
    end_reads()
    with reading() as session:
        numbers = candidate_numbers(session, lender_id, rows)
    shown = [(row, texts_of(vault(), row), _candidates(row, numbers)) for row in rows]
    found = listed(shown, [Key(row.received_at, row.id) for row in rows], state=state)
    return page("waiting_money/lines.html", found=found, state=state, states=_STATES)


@pages.get("/payments/lines/<id:line_id>")
@permits("statement_lines.read")
def statement_line(line_id: str) -> Response:
    """Show a line with what its payer wrote and the loans it may be for."""
    return _shown(line_id, Form(), Form())


@pages.post("/payments/lines/<id:line_id>/match")
@permits("statement_lines.match")
def match_line(line_id: str) -> BaseResponse:
    """Book it on the loans that are named, the whole of it."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        line = queries.get_line(work.session, who.lender_id, line_id)
        wanted = _wanted(values, Money(line.amount_minor, line.currency))
        match_by_hand(work, who.lender_id, line_id, wanted, by=who.name, now=at)
        return f"{PREFIX}/payments/lines/{line_id}"

    return submit(MatchSchema, act, lambda form: _shown(line_id, form, Form(), status=422))


@pages.post("/payments/lines/<id:line_id>/ignore")
@permits("statement_lines.ignore")
def set_line_aside(line_id: str) -> BaseResponse:
    """Set it aside: it is for no loan."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        ignore_line(work, who.lender_id, line_id, reason=values["reason"], by=who.name, now=at)
        return f"{PREFIX}/payments"

    return submit(IgnoreSchema, act, lambda form: _shown(line_id, Form(), form, status=422))


def _shown(line_id: str, form: Form, aside: Form, *, status: int = 200) -> Response:
    lender_id = desk().lender_id
    end_reads()
    with reading() as session:
        row = queries.get_line(session, lender_id, line_id)
        waits = row.state in (*queries.WAITING, State.IGNORED.value)
        return page(
            "waiting_money/line.html", status=status, row=row, texts=texts_of(vault(), row), form=form, aside=aside,
            candidates=_candidates(row, candidate_numbers(session, lender_id, [row])), waits=waits,
            about=loans_of_about(session, lender_id, row) if row.state in queries.WAITING else [],
            parts=queries.find_parts(session, [row.id]).get(row.id, ()), places=range(1, PARTS + 1),
            given=request.args.get("loan_no", "")[:64],
        )  # fmt: skip


def _candidates(row: Any, numbers: dict[str, str]) -> list[str]:
    return sorted(numbers[loan_id] for loan_id in row.candidates if loan_id in numbers)


def _wanted(values: dict[str, Any], whole: Money) -> list[WantedPart]:
    """Return the parts as they were written. Raises ValidationError at the amount that is none."""
    named = [number for number in range(1, PARTS + 1) if values.get(f"loan_no_{number}")]
    wanted = []
    for number in named:
        text = values[f"amount_{number}"].strip()
        try:
            amount = whole if not text and len(named) == 1 else Money(minor_from_text(text, whole.currency), whole.currency)
        except ValidationError as wrong:
            raise refused_at(f"/amount_{number}", str(wrong)) from None
        wanted.append(WantedPart(values[f"loan_no_{number}"], amount))
    return wanted
