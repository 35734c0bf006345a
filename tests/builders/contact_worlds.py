"""Random borrowers as a desk meets them, stored in the book, and told once more to the law packs in their own words.

The second telling is the oracle: it is made from what was drawn, never from what the book or the gate says, and the packs'
rules are run on it one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.domain.book import PaymentValues
from app.domain.consents import ConsentValues
from app.persistence.ids import new_id
from app.persistence.models.holds import HoldRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.preferences import ContactPreferenceRow
from app.persistence.models.reminders import ContactRow
from app.persistence.queries.calls import next_slot
from app.persistence.unit_of_work import unit_of_work
from app.services import agenda
from app.services.calls import ToldCall, log_call
from app.services.consents import record_consents
from app.services.law_packs import get_pack, pack_for, vocabulary
from app.services.payments import record_payment
from tests.builders.book import Built, build_lender, build_loan, give_phone

ZONES = {
    "GB": ("Europe/London", "UK"), "US": ("America/New_York", "US"), "CN": ("Asia/Shanghai", "CN"),
    "IN": ("Asia/Kolkata", "IN"), "DE": ("Europe/Berlin", "EU"), "BR": ("America/Sao_Paulo", "DEFAULT"),
}  # fmt: skip
"""Country -> (where people live there, the pack that governs)."""
OTHER_ZONES = ("America/Los_Angeles", "Asia/Tokyo", "Europe/London")
DUE = date(2026, 3, 10)
STOPS = ("dispute", "represented", "cease_contact", "breathing_space", "mental_health_crisis", "hardship", "insolvent",
         "deceased", "plan_pending", "debt_adviser", "promise_to_pay", "refuses_time_barred", "vulnerable")  # fmt: skip
ENGINE = frozenset({"engine", "content"})
_numbers = count(1)
_lenders: dict[tuple[str, str], str] = {}


def begin() -> None:
    """Forget the lenders of an earlier book."""
    _lenders.clear()


@dataclass(frozen=True)
class Try:
    """A try to reach the borrower that was made before."""

    channel: str
    hours_ago: int
    outcome: str


@dataclass
class World:
    """What was drawn of one borrower."""

    country: str
    role: str
    zone_known: bool
    second_zone: str | None
    days_late: int
    hour: int
    minute: int
    paid: bool
    holds: Sequence[tuple[str, str | None]]
    """(kind, form)."""
    opted_out: Sequence[str]
    consents: Sequence[tuple[str, str]]
    wishes: Sequence[dict[str, Any]]
    tries: Sequence[Try]
    built: Built = field(init=False)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def zone(self) -> str:
        return ZONES[self.country][0]

    @property
    def now(self) -> datetime:
        """The hour on the borrower's wall, so many days after the due date."""
        on = datetime.combine(DUE + timedelta(days=self.days_late), time(self.hour, self.minute), ZoneInfo(self.zone))
        return on.astimezone(UTC)

    def store(self) -> None:
        """Put the borrower into the book."""
        started = self.now - timedelta(days=60)
        key = (self.country, self.role)
        if key not in _lenders:
            _lenders[key] = build_lender(
                now=started, code=f"l{next(_numbers)}", jurisdiction=self.country, zone=self.zone, role=self.role,
                role_reason="drawn",
            )  # fmt: skip
        self.built = build_loan(
            now=started, due=[DUE], lender_id=_lenders[key], country=self.country, phone=f"+1212{next(_numbers):07d}",
            borrower_no=f"W{next(_numbers)}", loan_no=f"WL{next(_numbers)}", product_kind="instalment",
            address_lines=("1 Main Street",), name="Ann Doe", email=f"w{next(_numbers)}@example.test",
            **({"zone": self.zone} if self.zone_known else {}),
        )  # fmt: skip
        give_phone(self.built, now=started, zone=self.second_zone)
        before = self.now - timedelta(minutes=30)
        with unit_of_work() as work:
            for kind, form in self.holds:
                work.session.add(HoldRow(id=new_id(), borrower_id=self.built.borrower_id, kind=kind, from_at=before,
                                         form=form, by="test", recorded_at=before))  # fmt: skip
            for wish in self.wishes:
                work.session.add(ContactPreferenceRow(
                    id=new_id(), borrower_id=self.built.borrower_id, by="borrower", recorded_at=before,
                    **{"channel": None, "place": None, "from_time": None, "until_time": None, **wish},
                ))  # fmt: skip
            told = [ConsentValues("contact", channel, given=False) for channel in self.opted_out]
            told += [ConsentValues(purpose, channel, given=True, form="written") for purpose, channel in self.consents]
            if told:
                record_consents(work, self.built.borrower_id, told, by="staff:test", now=before)
            agenda.touch(work, [self.built.borrower_id], now=before)
        for one in self.tries:
            self._made(one)
        if self.paid:
            values = PaymentValues(f"WP{next(_numbers)}", self.built.loan_no, 10_000, "USD", self._paid_on)
            with unit_of_work() as work:
                record_payment(work, self.built.lender_id, values, now=before, origin="test")

    @property
    def _paid_on(self) -> date:
        return (self.now - timedelta(minutes=30)).astimezone(ZoneInfo(self.zone)).date()

    def _made(self, one: Try) -> None:
        at = self.now - timedelta(hours=one.hours_ago)
        if one.channel == "voice":
            outcome = {"conversation": "answered"}.get(one.outcome, one.outcome)
            with unit_of_work() as work:
                log_call(work, self.built.borrower_id, ToldCall(outcome, at, loan_no=self.built.loan_no), by="staff:test",
                         lender_id=self.built.lender_id, now=self.now)  # fmt: skip
            self.told_try(at, "voice", one.outcome, debt=self.built.loan_id)
            return
        with unit_of_work() as work:
            agenda.touch(work, [self.built.borrower_id], now=self.now)
            place = next_slot(work.session, self.built.borrower_id, at.date(), "outreach")
            contact = ContactRow(
                id=new_id(), borrower_id=self.built.borrower_id, message_class="collection", local_date=at.date(),
                zones=[self.zone], slot_no=place, stage="early", step_key="drawn", origin="manual",
                created_at=at,
            )  # fmt: skip
            work.session.add(contact)
            work.session.flush()
            message_id = new_id()
            work.session.add(MessageRow(
                id=message_id, borrower_id=self.built.borrower_id, contact_id=contact.id, channel=one.channel,
                message_class="collection", template="overdue_help", template_version=1, locale="en", state="sent",
                not_before=at, not_after=at + timedelta(hours=1), next_attempt_at=at, created_at=at, sent_at=at,
            ))  # fmt: skip
        self.told_try(at, one.channel, "sent", debt=None)

    def told_try(self, at: datetime, channel: str, outcome: str, *, debt: str | None) -> None:
        """Keep a try for the oracle."""
        self.attempts.append({"at": _z(at), "channel": channel, "direction": "outbound", "outcome": outcome, "debt": debt})

    # -- the second telling --------------------------------------------------------------------------------------------

    def stops(self, act: "Asked", at: datetime) -> list[str]:
        """Return the rules of law that stand in the way of an act, run one by one on facts told anew."""
        facts = vocabulary().read_facts(self._facts(act))
        pack = get_pack(ZONES[self.country][1])
        rules = [rule for rule in pack.rules if rule.decided_by in ENGINE]
        return [rule.id for rule in rules if rule.evaluate(facts, at).stops]

    def _facts(self, act: "Asked") -> dict[str, Any]:
        late = self.days_late > 0 and not self.paid
        zones = [(self.zone, "profile")] if self.zone_known else []
        zones += [(self.second_zone, "device")] if self.second_zone else []
        zones = zones or [(self.zone, "lender")]
        stage = "settled" if self.paid else "overdue" if late else "due" if self.days_late == 0 else "upcoming"
        before = _z(self.now - timedelta(minutes=30))
        facts: dict[str, Any] = {
            "act": "contact", "channel": act.channel, "message_class": act.true_class(late=late), "stage": stage,
            "recipient": "borrower", "visibility": "private", "identity_verified": act.channel == "in_app",
            "initiated_by": "borrower_message" if act.is_reply else "lender", "country": self.country,
            "lender_role": self.role, "product_kind": "instalment", "debt": self.built.loan_id, "currency": "USD",
            "law_pack": pack_for(self.country).law_pack,
            "zones": [{"name": name, "source": source} for name, source in zones],
            "position": {
                "outstanding_minor": 0 if self.paid else 10_000, "overdue_minor": 10_000 if late else 0,
                "missed_payments": int(late), "oldest_unpaid_due_on": DUE.isoformat() if late else None,
                "last_payment_on": self._paid_on.isoformat() if self.paid else None,
            },
            "holds": [{"kind": kind, "from": before, "until": None, "form": form}
                      for kind, form in self.holds if kind != "dispute"],
            "disputes": [{"ground": "amount", "received_at": before, "written": form in ("written", "electronic"),
                          "resolved_at": None} for kind, form in self.holds if kind == "dispute"],
            "opt_outs": [{"channel": each, "scope": "all", "received_at": before} for each in self.opted_out],
            "consents": [{"purpose": purpose, "channel": channel, "form": "written", "given_at": before}
                         for purpose, channel in self.consents],
            "contact_preferences": [
                {"kind": wish["kind"], "by": "borrower", "recorded_at": before, "channel": wish.get("channel"),
                 "place": wish.get("place"), "from": _wall(wish.get("from_time")), "to": _wall(wish.get("until_time"))}
                for wish in self.wishes
            ],
            "contact_attempts": self.attempts,
        }  # fmt: skip
        if act.place is not None:
            facts["recipient_place"] = act.place
        if act.markers is not None:
            facts["content"] = sorted(act.markers)
        if act.channel in ("sms", "voice", "email"):
            line = {} if act.channel == "email" else {"line": "mobile"}
            facts["endpoint"] = {"kind": "personal", "source": "borrower", **line}
        if act.channel in ("sms", "voice"):
            facts["dial_mode"] = "autodialled" if act.channel == "sms" else "manual"
        return facts


@dataclass(frozen=True)
class Asked:
    """What an act is, told to the oracle."""

    channel: str
    is_demand: bool
    is_reply: bool = False
    markers: frozenset[str] | None = None
    place: str | None = None
    is_kept: bool = False
    """Made, it is a try that caps count from then on."""

    def true_class(self, *, late: bool) -> str:
        """The class by the law packs' word, whatever the desk calls it."""
        if self.is_reply:
            return "support"
        return ("collection" if late else "reminder") if self.is_demand else "servicing"


def _z(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _wall(at: time | None) -> str | None:
    return None if at is None else f"{at:%H:%M}"


HOURS = st.sampled_from((0, 7, 8, 10, 12, 12, 15, 17, 19, 20, 21, 22, 23))
WISHES = st.sampled_from(
    (
        {"kind": "not_before", "from_time": time(11)},
        {"kind": "only_between", "from_time": time(9), "until_time": time(12, 30)},
        {"kind": "avoid_place", "place": "workplace"},
        {"kind": "only_channel", "channel": "email"},
        {"kind": "no_contact"},
    )
)
TRIES = st.builds(
    Try, st.just("voice"), st.integers(1, 24 * 9), st.sampled_from(("no_answer", "conversation", "voicemail"))
) | st.builds(Try, st.sampled_from(("sms", "push", "email")), st.integers(1, 24 * 9), st.just("sent"))


def rarely(values: st.SearchStrategy[Any], most: int = 1) -> st.SearchStrategy[list[Any]]:
    """Mostly none of these, at times some: a borrower of whom everything is true is contacted by nobody."""
    return st.one_of(st.just([]), st.just([]), st.just([]), st.lists(values, max_size=most))


WORLDS = st.builds(
    World,
    country=st.sampled_from(sorted(ZONES)),
    role=st.sampled_from(("first_party", "third_party_collector")),
    zone_known=st.sampled_from((True, True, False)),
    second_zone=st.one_of(st.none(), st.none(), st.sampled_from(OTHER_ZONES)),
    days_late=st.sampled_from((-2, 0, 1, 7, 7, 40)),
    hour=HOURS,
    minute=st.sampled_from((0, 30, 59)),
    paid=st.sampled_from((False, False, False, False, True)),
    holds=rarely(st.tuples(st.sampled_from(STOPS), st.sampled_from((None, "written", "oral"))), 2),
    opted_out=rarely(st.sampled_from(("sms", "voice", "email", "push"))),
    consents=rarely(
        st.sampled_from((("contact_by_text", "sms"), ("automated_call", "sms"), ("contact_by_text", "email"))), 2
    ),
    wishes=rarely(WISHES),
    tries=st.one_of(st.just([]), st.lists(TRIES, max_size=4, unique_by=lambda one: one.hours_ago)),
)
