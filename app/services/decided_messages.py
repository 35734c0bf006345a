"""The messages of decided contacts as rows: their words, their state, and the inbox state they come with."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.domain.decided import Candidate, Made
from app.domain.lanes import lane_of
from app.domain.policies import Rules
from app.persistence.ids import new_id
from app.persistence.queries.gathered import LoadedCase
from app.persistence.vault import Vault
from app.services.message_texts import written_message
from app.services.pay_links import pay_url
from app.wording.catalogue import match_locale
from app.wording.variables import Value, write_variables


@dataclass
class DecidedMessages:
    """Rows of messages, gathered for a batch."""

    vault: Vault
    rules: Rules
    now: datetime
    rows: list[dict[str, Any]] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    """Borrowers with a message whose text could not be made or may not leave: looked at again at once, for the next rung."""

    def add(
        self,
        loaded: LoadedCase,
        contact_id: str,
        about: tuple[Candidate, ...],
        messages: Sequence[Made],
        *,
        template: str,
        version: int,
        is_all: bool = False,
    ) -> list[str]:
        """Add the messages of one contact; return their ids. `is_all`: `about` is all that the contact is about."""
        variables = write_variables(_values(about), match_locale(loaded.locale)) if messages else {}
        return [self._add(loaded, contact_id, about, made, template, variables, version, is_all) for made in messages]

    def _add(
        self,
        loaded: LoadedCase,
        contact_id: str,
        about: tuple[Candidate, ...],
        made: Made,
        template: str,
        variables: dict[str, str | int],
        version: int,
        is_all: bool,
    ) -> str:
        message_id, message_class = new_id(), about[0].step.message_class
        link = pay_url(self.vault, message_id, made.channel)
        wording = written_message(template, made.channel, loaded.locale, variables, pay_url=link)
        if wording.fault is not None and made.channel != "in_app":
            self.unfit.add(loaded.case.borrower_id)
        text: dict[str, Any] = {"title": wording.title, "body": wording.body, "variables": variables}
        shown_at_once = made.channel == "in_app"  # nothing to send: the row is the message
        if shown_at_once:  # what it is about as it was said, whatever becomes of the decisions behind it
            text["about"] = sorted({(each.subject.loan_id, each.subject.row_no) for each in about})
        state = "delivered" if shown_at_once else "queued"
        if wording.fault is not None:
            state = "cancelled" if shown_at_once else "failed"
        inbox_state = loaded.inbox_state + 1 if state == "delivered" else 0
        self.rows.append(
            {
                "id": message_id,
                "borrower_id": loaded.case.borrower_id,
                "contact_id": contact_id,
                "challenge_id": None,
                "channel": made.channel,
                "message_class": message_class,
                "template": template,
                "template_version": wording.version,
                "locale": wording.locale,
                "text_sealed": self.vault.seal(orjson.dumps(text).decode(), place=f"messages.text:{message_id}"),
                "state": state,
                "lane": lane_of(state, message_class=message_class, channel=made.channel),
                "state_reason": wording.fault,
                "not_before": self.now,
                "not_after": made.not_after,
                "case_version": version,
                "rules_epoch": self.rules.rules_epoch,
                "attempts": 0,
                "next_attempt_at": self.now,
                "created_at": self.now,
                "sent_at": self.now if state == "delivered" else None,
                "rung_no": made.rung_no,
                "about": None if is_all else sorted({each.subject.subject_id for each in about}),
                "inbox_created": inbox_state,
                "inbox_state": inbox_state,
                "version": 1,
            }
        )
        return message_id


def _values(candidates: tuple[Candidate, ...]) -> dict[str, Value]:
    """What a text may say: how many instalments, the amounts open, the earliest due date, the loan's number, the lender."""
    totals: dict[str, int] = defaultdict(int)
    for candidate in candidates:
        totals[candidate.subject.currency] += candidate.subject.open_minor
    return {
        "count": len(candidates),
        "amount": totals,
        "due_on": min(candidate.subject.due_on for candidate in candidates),
        "loan": candidates[0].subject.loan_no,
        "lender": candidates[0].subject.loan.lender_name,
    }
