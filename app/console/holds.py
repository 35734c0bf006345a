"""Putting a hold on contact, and lifting one."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import choices_of, loans_of, today_of
from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.domain.hold_terms import FORMS, KINDS, SENIOR_KINDS, HoldValues
from app.domain.permissions import may
from app.persistence.unit_of_work import Work
from app.services import holds
from app.services.holds import Teller
from app.web.auth import desk, permits
from app.web.fields import NUMBER_PATTERN, DateField, PatternField, TextField
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/holds"


class HoldFormSchema(Schema):
    """A hold as it is typed: days, and with the last of them it ends."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    loan_no = PatternField(NUMBER_PATTERN, load_default=None)
    last_day = DateField(load_default=None)
    form = fields.String(load_default=None, validate=validate.OneOf(FORMS))
    evidence = TextField(400, load_default=None)


class ReleaseFormSchema(Schema):
    """Why a hold is over."""

    hold_id = fields.String(required=True)
    reason = TextField(200, required=True)


@pages.get(_PATH, endpoint="holds")
@pages.get(f"{_PATH}/new")
@permits("holds.read")
@opened
def new_hold(borrower: Opened) -> BaseResponse:
    """Show the form, and the holds there are."""
    return _shown(borrower, Form(), Form())


@pages.post(f"{_PATH}/new")
@permits("holds.put")
@opened
def put_hold(borrower: Opened) -> BaseResponse:
    """Put it; what is queued and it stops is cancelled at once."""
    at, teller, zone = now(), _teller(), _zone(borrower)

    def act(work: Work, values: dict[str, Any]) -> str:
        last = values.pop("last_day")
        until = None if last is None else datetime.combine(last + timedelta(days=1), time(), ZoneInfo(zone))
        holds.put_hold(work, borrower.id, HoldValues(**values, until_at=until), teller=teller, now=at)
        return f"{borrower.path}/holds"

    return submit(HoldFormSchema, act, lambda form: _shown(borrower, form, Form(), status=422))


@pages.post(f"{_PATH}/release")
@permits("holds.release")
@opened
def release_hold(borrower: Opened) -> BaseResponse:
    """Lift it. What protects by law is lifted by a supervisor, compliance or admin."""
    at, teller = now(), _teller()

    def act(work: Work, values: dict[str, Any]) -> str:
        holds.release_hold(work, borrower.id, values["hold_id"], teller=teller, now=at, reason=values["reason"])
        return f"{borrower.path}/holds"

    return submit(ReleaseFormSchema, act, lambda form: _shown(borrower, Form(), form, status=422))


def _shown(borrower: Opened, form: Form, release_form: Form, *, status: int = 200) -> BaseResponse:
    who, loans = desk(), loans_of(borrower)
    rows = holds.list_holds(reads(), borrower.id, now=now(), lender_id=who.lender_id)
    may_all = may(who.role, "holds.release_protecting")
    return borrower_page(
        "holds_new.html", borrower, status=status, form=form, release_form=release_form, rows=rows,
        choices=choices_of(loans), kinds=KINDS, forms=FORMS, today=today_of(loans),
        liftable=lambda hold: may_all or hold.kind not in SENIOR_KINDS,
    )  # fmt: skip


def _zone(borrower: Opened) -> str:
    loans = loans_of(borrower)
    return loans[0].zone if loans else "UTC"


def _teller() -> Teller:
    who = desk()
    return Teller(who.name, who.lender_id, who.role)
