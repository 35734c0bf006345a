"""Where a borrower is signed in, and signing them out."""

from typing import Any

from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_frame import Opened, borrower_page, opened
from app.console.forms import Form, submit
from app.console.frame import pages
from app.persistence.unit_of_work import Work
from app.services import borrower_sessions, sessions
from app.services.borrower_sessions import LONGEST_REASON
from app.web.acting import acting
from app.web.auth import permits
from app.web.fields import IdField, TextField
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/borrowers/<number:borrower_no>/sessions"


class EndFormSchema(Schema):
    """Which to end, none named: all; and why."""

    session_id = IdField(load_default=None)
    reason = TextField(LONGEST_REASON, required=True)


@pages.get(_PATH, endpoint="sessions_of_borrower")
@pages.get(f"{_PATH}/new")
@permits("sessions.read")
@opened
def borrower_sessions_page(borrower: Opened) -> BaseResponse:
    """List where the borrower is signed in."""
    return _shown(borrower, Form())


@pages.post(f"{_PATH}/new")
@permits("sessions.end")
@opened
def end_borrower_sessions(borrower: Opened) -> BaseResponse:
    """Sign the borrower out."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        named = None if values["session_id"] is None else [values["session_id"]]
        borrower_sessions.end_by_staff(work, borrower.id, named, reason=values["reason"], staff=staff, now=at)
        return f"{borrower.path}/sessions"

    return submit(EndFormSchema, act, lambda form: _shown(borrower, form, status=422))


def _shown(borrower: Opened, form: Form, *, status: int = 200) -> BaseResponse:
    found = sessions.live_sessions(reads(), borrower.id, now=now())
    named = [(each.id, each.device_label or f"…{each.id[-6:]}") for each in found]
    return borrower_page("sessions.html", borrower, status=status, form=form, found=found, named=named)
