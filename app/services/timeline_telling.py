"""Telling the entries of a timeline: what each row says happened, with its texts opened."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from app.domain.money import Money
from app.persistence.queries.timeline_details import TABLES
from app.persistence.queries.timelines import KeyFound
from app.persistence.vault import Vault
from app.services.borrower_page_lists import splits_of
from app.services.explained_decisions import decision_words
from app.services.notes import note_place
from app.services.timeline_entries import TimelineEntry
from app.wording.escalation_words import outcome_words, why_words

_Parts = dict[str, Any]


class Telling:
    """Makes entries of rows as `timeline_details` reads them; `opened` counts the texts that were opened for them."""

    def __init__(self, ring: Vault, details: Mapping[str, Sequence[Any]], locale: str) -> None:
        self.opened = 0
        self._ring, self._locale = ring, locale
        self._zone = next((row.decided_zone or row.own_zone for row in details.get("zone", ())), None) or "UTC"
        self._splits = splits_of(details.get("split", ()))
        self._rows: dict[tuple[str, Any], Any] = {}
        for table, rows in details.items():
            if table not in ("split", "zone"):
                self._rows |= {(table, (row.id, row.at) if table == "note" else row.id): row for row in rows}

    def entry(self, key: KeyFound) -> TimelineEntry | None:
        """Return the entry of a key; None: its row is gone meanwhile."""
        table = TABLES[key.stream]
        row = self._rows.get((table, (key.row_id, key.at) if table == "note" else key.row_id))
        if row is None:
            return None
        what = key.stream.removeprefix(f"{table}_")
        kind = _KINDS.get(key.stream, table)
        return TimelineEntry(kind=kind, id=key.row_id, at=key.at, **_TELL[table](self, row, what))

    def _opened_text(self, sealed: bytes | None, place: str) -> str | None:
        """Open a text for this reading."""
        text = self._ring.open(sealed, place=place)
        self.opened += bool(text)
        return text

    def _opened_message(self, sealed: bytes | None, message_id: str) -> tuple[str | None, str | None]:
        """Return (title, body) of a message."""
        text = self._opened_text(sealed, f"messages.text:{message_id}")
        said = orjson.loads(text) if text else {}
        return said.get("title") or None, said.get("body")

    def _payment(self, row: Any, _what: str) -> _Parts:
        facts = {"reference": row.reference, "origin": row.origin, "reverses_id": row.reverses_id}
        return {
            "code": row.kind, "loan_no": row.loan_no, "channel": row.channel, "amount": _money(row),
            "on": row.effective_on, "splits": self._splits.get(row.id, []), "facts": _known(facts),
        }  # fmt: skip

    def _decision(self, row: Any, _what: str) -> _Parts:
        words = decision_words(row.outcome, row.reason, row.rule, row.not_before, row.facts or {}, self._locale, self._zone)
        return {
            "code": row.outcome, "by": "engine", "loan_no": row.loan_no, "on": row.local_date, "reason": row.reason,
            "sentence": words, "facts": _known({"step": row.step_key, "rule": row.rule}), "link": row.contact_id,
        }  # fmt: skip

    def _message(self, row: Any, _what: str) -> _Parts:
        title, text = (None, None) if row.speaks_of_others else self._opened_message(row.text_sealed, row.id)
        facts = {
            "template": row.template, "class": row.message_class, "sent_at": row.sent_at, "delivered_at": row.delivered_at,
            "seen_at": row.seen_at or row.read_at,
        }  # fmt: skip
        return {
            "code": row.state, "by": row.sent_by or "engine", "channel": row.channel, "reason": row.state_reason,
            "title": title, "text": text, "facts": _known(facts), "link": row.contact_id,
        }  # fmt: skip

    def _attempt(self, row: Any, _what: str) -> _Parts:
        return _delivery(row, row.outcome, "handed_over")

    def _receipt(self, row: Any, _what: str) -> _Parts:
        return _delivery(row, row.told, "told")

    def _call(self, row: Any, _what: str) -> _Parts:
        text = None
        if row.origin == "staff" and row.text_sealed is not None:
            _, text = self._opened_message(row.text_sealed, row.message_id)
        facts = {
            "direction": row.direction, "seconds": row.seconds, "result": row.result, "keypress": row.keypress,
        }  # fmt: skip
        return {
            "code": row.outcome, "by": row.by, "loan_no": row.loan_no, "channel": "voice", "text": text,
            "facts": _known(facts), "link": row.task_id,
        }  # fmt: skip

    def _collateral(self, row: Any, _what: str) -> _Parts:
        amount = None if row.amount_minor is None else Money(row.amount_minor, row.currency)
        return {
            "code": row.kind, "by": row.by, "amount": amount, "on": row.effective_on, "link": row.thing_id,
            "facts": _known({"thing": row.reference, "cost": row.cost_kind}),
        }  # fmt: skip

    def _credit_enrolment(self, row: Any, what: str) -> _Parts:
        has_ended = what == "credit_ended"
        by, reason = (row.ended_by, row.end_reason) if has_ended else (row.started_by, None)
        code = "ended" if has_ended else "started"
        return {"code": code, "by": by, "loan_no": row.loan_no, "reason": reason,
                "facts": _known({"reported_as": row.kind, "rule": row.rule})}  # fmt: skip

    def _credit_correction(self, row: Any, _what: str) -> _Parts:
        code = "deleted" if row.kind == "deletion" else "corrected"
        return {"code": code, "by": row.decided_by, "loan_no": row.loan_no, "reason": row.reason,
                "facts": {"bureau": row.bureau}}  # fmt: skip

    def _credit_snapshot(self, row: Any, _what: str) -> _Parts:
        facts = _known({"bureau": row.bureau, "reference": row.submission_reference})
        return {"code": "furnished", "by": row.submitted_by, "on": row.as_of, "facts": facts, "link": row.id}

    def _visit(self, row: Any, what: str) -> _Parts:
        by = {"planned": row.planned_by, "started": row.started_by, "closed": row.closed_by}[what]
        code = row.state if what == "closed" else what
        facts = {"place": row.place, "from": row.from_at, "outcome": row.outcome}
        return {"code": code, "by": by, "reason": row.state_reason, "facts": _known(facts)}

    def _word(self, row: Any, _what: str) -> _Parts:
        text = self._opened_text(row.text_sealed, f"conversation_messages.text:{row.id}")
        return {
            "code": row.direction, "by": row.author, "channel": row.channel, "text": text, "link": row.conversation_id,
        }  # fmt: skip

    def _note(self, row: Any, _what: str) -> _Parts:
        text = self._opened_text(row.text_sealed, note_place(row.id, row.version_no))
        code = "written" if row.version_no == 1 else "corrected"
        return {"code": code, "by": row.by, "text": text, "facts": {"version_no": row.version_no}}

    def _hold(self, row: Any, what: str) -> _Parts:
        facts = {"kind": row.kind, "from": row.from_at, "until": row.until_at}
        by = row.by if what == "put" else row.released_by
        return {"code": what, "by": by, "loan_no": row.loan_no, "facts": _known(facts)}

    def _escalation(self, row: Any, _what: str) -> _Parts:
        of_whole = {"BEGUN": "begun", "RESUMED": "resumed", "STOPPED_BY_PERSON": "stopped"}
        code = row.kind if row.step_key is not None else of_whole.get(row.reason, "ended")
        why = why_words(row.reason, self._locale)
        words = why if row.step_key is None else f"{outcome_words(row.outcome, self._locale)}: {why}"
        return {
            "code": code, "by": row.by, "loan_no": row.loan_no, "reason": row.reason, "sentence": words,
            "facts": _known({"step": row.step_key, "outcome": row.outcome, "rule": row.rule}), "link": row.escalation_id,
        }  # fmt: skip

    def _interest_stop(self, row: Any, what: str) -> _Parts:
        is_withdrawn = what == "withdrawn"
        began = row.stop_id == row.id
        code = "withdrawn" if is_withdrawn else "began" if began else "goes_on" if row.until_on is None else "ended"
        facts = {"from": row.from_on, "until": row.until_on, "scope": row.scope, "rule": row.rule, "why": row.reason}
        return {
            "code": code, "by": row.replaced_by if is_withdrawn else row.recorded_by, "loan_no": row.loan_no,
            "on": row.until_on if code == "ended" else row.from_on, "reason": row.rule, "facts": _known(facts),
            "link": row.stop_id,
        }  # fmt: skip

    def _register_report(self, row: Any, _what: str) -> _Parts:
        facts = {"register": row.register}
        return {"code": row.kind, "by": row.by, "loan_no": row.loan_no, "reason": row.reason, "facts": facts,
                "link": row.report_id}  # fmt: skip

    def _promise(self, row: Any, what: str) -> _Parts:
        is_made = what == "made"
        return {
            "code": "made" if is_made else row.state, "by": row.made_by if is_made else None, "loan_no": row.loan_no,
            "channel": row.channel, "amount": _money(row), "on": row.promised_on, "facts": {"paid_minor": row.paid_minor},
        }  # fmt: skip

    def _arrangement(self, row: Any, what: str) -> _Parts:
        reason = row.ended_reason if what == "ended" else None
        facts = {"kind": row.kind, "state": row.state}
        return {"code": what, "loan_no": row.loan_no, "reason": reason, "facts": facts}

    def _plan_request(self, row: Any, what: str) -> _Parts:
        return {
            "code": row.state if what == "ended" else what, "by": row.asked_by if what == "asked" else None,
            "loan_no": row.loan_no, "reason": row.ended_reason if what == "ended" else None, "facts": {"kind": row.kind},
        }  # fmt: skip

    def _dispute(self, row: Any, what: str) -> _Parts:
        facts = {"reference": row.reference, "kind": row.kind, "ground": row.ground, "state": row.state}
        by = {"received": "borrower", "answered": row.answered_by}.get(what)
        return {
            "code": what, "by": by, "loan_no": row.loan_no, "amount": None if row.amount_minor is None else _money(row),
            "on": row.answer_due_on if what == "received" else None, "facts": facts,
        }  # fmt: skip

    def _hardship(self, row: Any, what: str) -> _Parts:
        is_opened = what == "opened"
        return {
            "code": what, "by": "borrower" if is_opened else row.decided_by, "loan_no": row.loan_no,
            "on": row.review_due_on if is_opened else None, "facts": {"state": row.state},
        }  # fmt: skip

    def _contact_request(self, row: Any, what: str) -> _Parts:
        return {
            "code": what,
            "by": "borrower",
            "channel": row.channel,
            "facts": _known({"kind": row.kind, "place": row.place}),
        }

    def _letter(self, row: Any, _what: str) -> _Parts:
        facts = {"template": row.template, "pages": row.pages}
        return {"code": row.state, "channel": "letter", "facts": facts, "link": row.message_id}

    def _refund(self, row: Any, what: str) -> _Parts:
        is_asked = what == "requested"
        return {
            "code": what if is_asked else row.state, "by": row.requested_by if is_asked else None, "loan_no": row.loan_no,
            "amount": _money(row), "reason": row.reason, "facts": {"method": row.method},
        }  # fmt: skip

    def _intent(self, row: Any, what: str) -> _Parts:
        facts = {"purpose": row.purpose, "provider": row.provider, "state": row.state}
        return {
            "code": what, "by": row.created_by if what == "opened" else None, "loan_no": row.loan_no, "amount": _money(row),
            "reason": row.failure_code, "facts": facts,
        }  # fmt: skip

    def _notice(self, row: Any, _what: str) -> _Parts:
        code = "withheld" if row.withheld_reason else "withdrawn" if row.withdrawn_at else "told"
        return {
            "code": code, "by": "engine", "loan_no": row.loan_no, "reason": row.withheld_reason,
            "facts": {"template": row.template}, "link": row.message_id,
        }  # fmt: skip

    def _consent(self, row: Any, _what: str) -> _Parts:
        facts = {"purpose": row.purpose, "form": row.form}
        code = "given" if row.given else "refused"
        return {"code": code, "by": row.origin, "channel": row.channel, "facts": _known(facts)}

    def _wish(self, row: Any, what: str) -> _Parts:
        facts = {"kind": row.kind, "place": row.place}
        return {"code": what, "by": row.by if what == "made" else None, "channel": row.channel, "facts": _known(facts)}

    def _session(self, row: Any, what: str) -> _Parts:
        reason = row.revoke_reason if what == "ended" else None
        return {"code": what, "by": "borrower" if what == "signed_in" else None, "reason": reason,
                "facts": _known({"device": row.device_label})}  # fmt: skip

    def _act(self, row: Any, _what: str) -> _Parts:
        return {"code": row.action, "by": row.actor, "facts": dict(row.facts or {})}


def _delivery(row: Any, code: str, step: str) -> _Parts:
    return {
        "code": code, "channel": row.channel, "reason": row.error_code, "facts": {"provider": row.provider, "step": step},
        "link": row.message_id,
    }  # fmt: skip


def _money(row: Any) -> Money:
    return Money(row.amount_minor, row.currency)


def _known(facts: _Parts) -> _Parts:
    return {name: value for name, value in facts.items() if value is not None}


_KINDS = {
    "attempt": "delivery", "receipt": "delivery", "reading": "reading", "credit_started": "credit", "credit_ended": "credit",
    "credit_corrected": "credit", "credit_furnished": "credit",
}  # fmt: skip
_TELL: Mapping[str, Callable[[Telling, Any, str], _Parts]] = {
    "payment": Telling._payment, "decision": Telling._decision, "message": Telling._message, "attempt": Telling._attempt,
    "receipt": Telling._receipt, "call": Telling._call, "visit": Telling._visit, "collateral": Telling._collateral,
    "word": Telling._word, "credit_enrolment": Telling._credit_enrolment,
    "credit_correction": Telling._credit_correction, "credit_snapshot": Telling._credit_snapshot,
    "note": Telling._note,
    "hold": Telling._hold, "escalation": Telling._escalation,
    "interest_stop": Telling._interest_stop,
    "register_report": Telling._register_report,
    "promise": Telling._promise, "arrangement": Telling._arrangement,
    "plan_request": Telling._plan_request, "dispute": Telling._dispute, "hardship": Telling._hardship,
    "contact_request": Telling._contact_request, "letter": Telling._letter, "refund": Telling._refund,
    "intent": Telling._intent, "notice": Telling._notice, "consent": Telling._consent, "wish": Telling._wish,
    "session": Telling._session, "act": Telling._act,
}  # fmt: skip
