"""What contacts made earlier can speak of no longer, since it was paid, disputed or held, and what becomes of the rest.

No message leaves, and none stays in the app, that speaks of what is paid or disputed beside what is owed:

- Where nothing of a contact can have reached the borrower it is given up with its place, and the rest is decided anew at the
  same instant. That is a contact of its own: what leads it may be at another stage, with another text, ladder or arm.
- Where something may have, the borrower has been contacted today and must not be by a second one; but what is still owed
  is owed its later rungs. So the contact goes on about that, in its own place: the rungs that waited are made anew.
- What it shows in the app is replaced by a message about the rest, as read or archived as the one before was: for the
  borrower the message has changed, and nothing new has come.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from app.domain.cases import DecisionKey, PastContact
from app.domain.checks import stops_of, template_of
from app.domain.decided import Cancelled, Candidate, Retold
from app.domain.reasons import Reason

if TYPE_CHECKING:
    from app.domain.contact_reviews import ContactReviews
    from app.domain.decisions import Decider


class LostSubjects:
    """The contacts of one case that have lost a part of what they were about, in one run of `decide`."""

    def __init__(self, decider: "Decider", reviews: "ContactReviews") -> None:
        self._decider, self._reviews = decider, reviews
        self.retold: list[Retold] = []
        self.anew: list[Candidate] = []
        """What is decided again in this run, as if it had not been decided before."""

    def among(self, keys: Iterable[DecisionKey]) -> dict[DecisionKey, Reason]:
        """Return what nothing may be said about any more, with why."""
        lost: dict[DecisionKey, Reason] = {}
        for key in keys:
            candidate = self._reviews.candidate(key)
            if candidate is None:
                lost[key] = self._reviews.gone_reason(key)
            elif stops := stops_of(candidate, self._decider.case, self._decider.rules, self._decider.now):
                lost[key] = stops[0].reason
        return lost

    def part_with(self, contact: PastContact, lost: Mapping[DecisionKey, Reason]) -> None:
        """Take back what waits about more than may be said, and have what remains said by itself."""
        decider, reviews = self._decider, self._reviews
        for key, reason in lost.items():
            reviews.say_taken_back(contact, key, reason)
        decider.law.forget(contact)
        decider.ladders.taken_back.add(contact.contact_id)
        frees = not contact.reached_out
        reviews.cancelled.append(Cancelled(contact.contact_id, next(iter(lost.values())), frees_slot=frees))
        if not frees:
            self.retell(contact)
            reviews.further.climb_again(contact)
            return
        decider.ladders.freed.add(contact.contact_id)
        rest = [key for key in reviews.own_keys(contact) if key not in lost]
        self.anew += [candidate for key in rest if (candidate := reviews.candidate(key)) is not None]
        self.retold.append(Retold(contact.contact_id))
        if reviews.is_settled(lost):
            reviews.settled.append(contact.contact_id)

    def retell(self, contact: PastContact) -> None:
        """Replace what a contact shows in the app where that speaks of what is closed or held beside the rest."""
        if len(contact.subject_keys) < 2:
            return
        shown = next((message for message in reversed(contact.messages) if message.channel == "in_app"), None)
        if shown is None or shown.state != "delivered":
            return
        told = [key for key in self._reviews.told_keys(contact) if shown.about is None or key.subject_id in shown.about]
        rest = [key for key in told if not self._is_over(key)]
        candidates = [candidate for key in rest if (candidate := self._reviews.candidate(key)) is not None]
        # Under whatever plan: of one that was replaced nothing is told anew, but what it asked for is paid or not just so.
        is_mixed = len({self._reviews.is_settled((key,)) for key in told}) > 1
        if len(rest) == len(told) or not (rest or is_mixed):
            return
        if not candidates:  # the rest is held, or the policy in force has no words for it any more
            self.retold.append(Retold(contact.contact_id))
            return
        template = template_of(candidates[0], self._decider.case)
        self.retold.append(Retold(contact.contact_id, tuple(candidates), template, shown.rung_no))

    def _is_over(self, key: DecisionKey) -> bool:
        """Whether the app must not ask for it: closed, or held. What only keeps new messages back leaves it there."""
        if not self._reviews.is_open(key):
            return True
        candidate = self._reviews.candidate(key)
        decider = self._decider
        return candidate is not None and any(
            stop.is_personal for stop in stops_of(candidate, decider.case, decider.rules, decider.now)
        )
