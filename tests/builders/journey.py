"""A journey: one borrower's app, the lender's core and desk, and the engine, on one clock, all through the public API."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.loans import LoanRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.borrowers import find_borrower_ids
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import reading
from app.services.policies import ensure_default_policy
from app.web.rate_limit import ReadLimit
from tests.builders.access import a_desk_key, an_ingest_key, fresh_client, signed_in
from tests.builders.book import build_lender
from tests.conftest import START
from tests.fakes.channels import FakeChannel

_keys = count(1)
_TOKEN_LIVES = timedelta(minutes=5)


class Journey:
    """What each side says goes through its own door; `until` moves the clock from one due instant to the next."""

    def __init__(
        self, app: Flask, *, code: str = "acme", jurisdiction: str = "GB", zone: str = "UTC", currency: str = "USD",
        borrower_no: str = "B1", start: datetime = START, **lender: Any,
    ) -> None:  # fmt: skip
        app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
        self.app, self.now, self.currency, self.borrower_no = app, start, currency, borrower_no
        clock.use(lambda: self.now)
        self.client = fresh_client(app)
        ensure_default_policy(now=start)  # without rules nobody is decided about, and the clock would stand still
        self.lender_id = build_lender(
            now=start, code=code, jurisdiction=jurisdiction, zone=zone, currency=currency, **lender
        )
        self.channels = {name: FakeChannel(name) for name in ("push", "sms", "voice", "wechat", "email", "letter")}
        self.engine = Engine(Dispatcher(self.channels))  # type: ignore[arg-type]
        self._core = an_ingest_key(self.lender_id, now=start)
        self._staff: dict[tuple[str, str], dict[str, str]] = {}
        self._me: tuple[datetime, dict[str, str]] | None = None

    # --- the three sides -----------------------------------------------------------------------------------------------

    def core(self, method: str, path: str, body: Any = None, *, good: bool = True) -> Any:
        """What the lender's core says at /v1/ingest; returns the JSON answered."""
        return self._call(method, f"/v1/ingest{path}", body, self._core, good=good)

    def me(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, good: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """What the borrower's app says at /v1/me, signed in anew as tokens run out; returns the JSON answered."""
        return self._call(method, f"/v1/me{path}", body, {**self.session(), **(headers or {})}, key=key, good=good)

    def desk(
        self, method: str, path: str, body: Any = None, *, staff: str = "Wang Fang", role: str = "supervisor",
        good: bool = True, headers: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """What a member of staff says at /v1/desk; returns the JSON answered."""
        if (staff, role) not in self._staff:
            self._staff[staff, role] = a_desk_key(self.lender_id, staff=staff, role=role, now=self.now)
        return self._call(method, f"/v1/desk{path}", body, {**self._staff[staff, role], **(headers or {})}, good=good)

    def session(self) -> dict[str, str]:
        """Headers of a session of the borrower's app that lives."""
        if self._me is None or self.now - self._me[0] > _TOKEN_LIVES:
            self._me = (self.now, signed_in(self.borrower_id, now=self.now))
        return self._me[1]

    def _call(
        self, method: str, path: str, body: Any, headers: Mapping[str, str], *, key: str | None = None, good: bool
    ) -> Any:
        sent = dict(headers)
        if method == "POST":
            sent.setdefault("Idempotency-Key", key or f"journey-{next(_keys)}")
        given = {} if body is None else {"json": body}
        answer: TestResponse = self.client.open(path, method=method, headers=sent, **given)
        if good:
            assert answer.status_code < 400, f"{method} {path}: {answer.status_code} {answer.get_data(as_text=True)}"
        found = answer.get_json(silent=True)
        self.answer = answer
        return found

    # --- the book ------------------------------------------------------------------------------------------------------

    def put_borrower(self, **values: Any) -> None:
        """Have the core tell of the borrower."""
        self.core("PUT", f"/borrowers/{self.borrower_no}", {"name": "Li Wei", "phone": "+8613800000001", **values})

    def put_loan(
        self, loan_no: str, due: list[date], *, amount_minor: int = 10_000, interest_minor: int = 0, **values: Any
    ) -> str:
        """Have the core tell of a loan with a plan of equal rows; return its id."""
        body = {"borrower_no": self.borrower_no, "currency": self.currency,
                "principal": self.money(amount_minor * len(due)), **values}  # fmt: skip
        rows = [
            {"row_no": n, "due_on": on.isoformat(), "principal": self.money(amount_minor),
             "interest": self.money(interest_minor)}
            for n, on in enumerate(due, start=1)
        ]  # fmt: skip
        self.core("PUT", f"/loans/{loan_no}", {**body, "plan": {"rows": rows}})
        with reading() as session:
            return session.scalars(select(LoanRow.id).where(LoanRow.loan_no == loan_no)).one()

    def pay(self, loan_no: str, amount_minor: int, *, reference: str | None = None, **values: Any) -> Any:
        """Have the core tell of a payment of today."""
        return self.core("POST", "/payments", {
            "reference": reference or f"P{next(_keys)}", "loan_no": loan_no, "amount": self.money(amount_minor),
            "effective_on": self.now.date().isoformat(), **values})  # fmt: skip

    def money(self, amount_minor: int) -> dict[str, Any]:
        """An amount as the API writes it."""
        return {"amount_minor": amount_minor, "currency": self.currency}

    @property
    def borrower_id(self) -> str:
        """The id of the borrower."""
        with reading() as session:
            return find_borrower_ids(session, [self.borrower_no])[self.borrower_no]

    # --- time ----------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Do all that is due now."""
        self.engine.drain()

    def until(self, at: datetime) -> None:
        """Move the clock to `at`, standing still wherever something is due, and do what is due there."""
        while True:
            self.work()
            with reading() as session:
                following = find_moments(session).following
            if following is None or following > at:
                break
            self.now = max(self.now, following)
        self.now = max(self.now, at)
        self.work()

    # --- what came out -------------------------------------------------------------------------------------------------

    def inbox(self) -> list[dict[str, Any]]:
        """The borrower's inbox, newest first."""
        found: list[dict[str, Any]] = self.me("GET", "/inbox")["items"]
        return found

    def events(self) -> list[str]:
        """Types of all that was announced to the lender's systems, oldest first."""
        with reading() as session:
            return list(session.scalars(select(WebhookEventRow.type).order_by(WebhookEventRow.id)))
