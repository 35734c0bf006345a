"""The one message that still leaves after a STOP: that it was understood.

It is lawful although the channel is closed, if it confirms and does nothing else, once, at once. Sources: 47 CFR
64.1200(a)(12) (one text within five minutes); 12 CFR 1006.14(h)(2)(i). It is of no contact: no cap counts it, no
history of contacts shows it, and no change of the case holds it back.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from app.domain.opt_outs import folded_text
from app.persistence.ids import new_id
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import Work
from app.services.message_texts import written_message
from app.wording.catalogue import template_infos

TEMPLATE = "stop_confirmed"
WITHIN = timedelta(minutes=5)
"""How long after the STOP it may leave; later it would be a message to somebody who has asked for none."""
CONFIRMED_BY_PROVIDER = {
    ("sms", "twilio"): frozenset(
        map(folded_text, ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"))
    )
}
"""(channel, provider) -> words that the provider itself confirms; ours would be a second one, and refused (21610).
Source: Twilio, "Support for opt-out keywords (SMS STOP filtering)"."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A STOP as it came: by which provider, in which words, when."""

    channel: str
    provider: str
    text: str = field(repr=False)
    at: datetime


def confirm_stop(work: Work, borrower_id: str, stop: Stop, *, now: datetime) -> bool:
    """Queue the confirmation of a STOP that has changed something; return whether there is one.

    None where the provider confirms it, where we have no text for the channel, and where it would come too late.
    """
    if folded_text(stop.text) in CONFIRMED_BY_PROVIDER.get((stop.channel, stop.provider), ()):
        return False
    if (TEMPLATE, stop.channel) not in template_infos() or now >= stop.at + WITHIN:
        return False
    borrower = work.session.get_one(BorrowerRow, borrower_id)
    wording = written_message(TEMPLATE, stop.channel, borrower.locale, {})
    if wording.fault is not None:
        return False
    message_id = new_id()
    text = orjson.dumps({"title": wording.title, "body": wording.body, "variables": {}}).decode()
    message = MessageRow(
        id=message_id, borrower_id=borrower_id, channel=stop.channel, message_class="support", template=TEMPLATE,
        template_version=wording.version, locale=wording.locale,
        text_sealed=work.vault.seal(text, place=f"messages.text:{message_id}"), state="queued", not_before=now,
        not_after=stop.at + WITHIN, next_attempt_at=now, created_at=now,
    )  # fmt: skip
    work.session.add(message)
    work.session.flush()
    return True
