"""A contact by hand is asked about by the checks of `decide`: the law, the person, the money, the policy."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from app.domain.cases import Attempt, Case, LoanFacts, PastContact, PastMessage, Wish
from app.domain.contact_checks import ContactCheck, Found
from app.domain.contact_gates import LAW, PERSON, POLICY, ContactAsked, LoanNow, class_of, takes_place
from app.domain.holds import Hold
from app.domain.policies import Rules, TemplateInfo
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Reason
from app.services.law_packs import vocabulary
from tests.builders.cases import case as a_case
from tests.builders.cases import subject
from tests.builders.rules import policy, rules

DUE = date(2026, 3, 10)
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
"""A Tuesday, a week after the due date."""
FACTS = LoanFacts(lender_id="V1", lender_role="third_party_collector", jurisdiction="GB", open_rows=((DUE, 10_000),))


def lawful(country: str = "GB", **changes: Any) -> Rules:
    return rules(policy(), law=True, vocabulary=vocabulary(), **changes)


def a_loan(*, due: date = DUE, paid: bool = False, ended: Reason | None = None, **facts: Any) -> LoanNow:
    known = replace(FACTS, open_rows=() if paid else ((due, 10_000),), **facts)
    rows = () if paid else (replace(subject("L1", due_on=due), loan=known),)
    return LoanNow("L1", "L1", "V1", "UTC", "USD", known, rows, ended)


def check(
    channel: str = "push", *, now: datetime = NOON, loan: LoanNow | None = None, by: Rules | None = None,
    info: TemplateInfo | None = None, debt_words: bool = False, case: Case | None = None, **asked: Any,
) -> ContactCheck:  # fmt: skip
    case = case or a_case(country="GB", profile_zone="Europe/London")
    question = ContactAsked(channel, **asked)
    return ContactCheck(case, [loan or a_loan()], question, by or lawful(), now, info=info, speaks_of_debt=debt_words)


def layers(found: list[Found]) -> set[tuple[str, Reason]]:
    return {(each.layer, each.stop.reason) for each in found}


def person(**changes: Any) -> Case:
    return a_case(**{"country": "GB", "profile_zone": "Europe/London", **changes})


def held(kind: str, **changes: Any) -> Case:
    since = NOON - timedelta(days=1)
    return person(holds=(Hold(kind, since, None, since, **changes),))


def test_nothing_stands_in_the_way_of_a_word_about_what_is_late_at_noon() -> None:
    assert check().run() == []


def test_hours_of_the_law_and_of_the_policy_are_told_apart() -> None:
    night = NOON.replace(hour=23)
    wide = lawful()
    wide = replace(wide, policy=policy(quiet_hours=QuietHours(time(12), time(13))))

    assert (LAW, Reason.LEGAL_QUIET_HOURS) in layers(check(now=night).run())
    assert layers(check(by=wide).run()) == {(POLICY, Reason.QUIET_HOURS)}
    assert check(by=wide).opens_at() == NOON + timedelta(hours=1)


def test_hours_must_hold_in_every_zone_and_say_when_they_open() -> None:
    everywhere = person(profile_zone="Europe/London", device_zones=("America/New_York",))

    asked = check(case=everywhere, now=NOON - timedelta(hours=2))

    assert (LAW, Reason.LEGAL_QUIET_HOURS) in layers(asked.run())
    assert asked.opens_at() == NOON, "eight in New York"
    assert check(case=everywhere).opens_at() == NOON


def test_hours_that_the_borrower_wished_for_are_their_own() -> None:
    wish = Wish("not_before", NOON, from_time=time(14))

    assert (PERSON, Reason.QUIET_HOURS) in layers(check(case=person(wishes=(wish,))).run())
    assert PERSON not in {layer for layer, _ in layers(check("in_app", case=person(wishes=(wish,))).run())}


@pytest.mark.parametrize(("kind", "reason"), [("dispute", Reason.HOLD_DISPUTE), ("hardship", Reason.HOLD_HARDSHIP)])
def test_a_hold_stops_what_asks_for_money_and_lets_an_answer_through(kind: str, reason: Reason) -> None:
    case = held(kind)

    assert (PERSON, reason) in layers(check(case=case).run())
    assert check(case=case, message_class="support", is_reply=True).run() == []


def test_an_answer_in_breathing_space_is_allowed_and_news_is_not() -> None:
    case = held("breathing_space")

    assert any(layer == LAW for layer, _ in layers(check(case=case, message_class="servicing").run()))
    assert check(case=case, message_class="support", is_reply=True).run() == []


def test_support_that_answers_nothing_is_held_to_the_hours_of_servicing() -> None:
    night = NOON.replace(hour=23)

    assert (LAW, Reason.LEGAL_QUIET_HOURS) in layers(check(message_class="support", now=night).run())
    assert LAW not in {layer for layer, _ in layers(check(message_class="support", is_reply=True, now=night).run())}


def test_what_is_paid_is_asked_for_by_nobody_and_what_is_written_off_by_who_may() -> None:
    assert (PERSON, Reason.PAID) in layers(check(loan=a_loan(paid=True)).run())
    assert check(loan=a_loan(paid=True), message_class="servicing").run() == []
    assert (POLICY, Reason.WRITTEN_OFF) in layers(check(loan=a_loan(ended=Reason.WRITTEN_OFF)).run())
    assert (PERSON, Reason.LOAN_CLOSED) in layers(check(loan=a_loan(ended=Reason.LOAN_CLOSED)).run())


def test_what_the_app_shows_as_paid_is_not_asked_for() -> None:
    loan = a_loan()
    held_back = replace(loan, rows=(replace(loan.rows[0], held_reason=Reason.CORE_SAYS_PAID),))

    assert (PERSON, Reason.CORE_SAYS_PAID) in layers(check(loan=held_back).run())


def test_a_call_by_hand_needs_no_provider_and_a_visit_an_address() -> None:
    nobody = lawful(channels=frozenset())

    assert (PERSON, Reason.CHANNEL_DISABLED) in layers(check("sms", by=nobody).run())
    assert (PERSON, Reason.CHANNEL_DISABLED) not in layers(check("voice", by=nobody).run())
    assert (PERSON, Reason.NO_ENDPOINT) in layers(check("visit", case=person(blocks={"letter": Reason.NO_ENDPOINT})).run())


def test_a_place_that_the_borrower_wants_left_alone_is_not_visited() -> None:
    wish = Wish("avoid_place", NOON, place="workplace")

    assert (PERSON, Reason.OPTED_OUT) in layers(check("visit", case=person(wishes=(wish,)), place="workplace").run())
    assert check("visit", case=person(wishes=(wish,)), place="home").run() == []


def made(**changes: Any) -> PastContact:
    at = NOON - timedelta(hours=1)
    given: dict[str, Any] = {"slot_no": 1, "subject_keys": (), "messages": (PastMessage("sms", 0, at, "sent"),)}
    return PastContact("C1", NOON.date(), at, **{**given, **changes})


def test_the_daily_cap_of_the_policy_counts_and_an_answer_is_free_of_it() -> None:
    case = person(contacts=(made(),))

    full = check(case=case)
    assert layers(full.run()) == {(POLICY, Reason.CAP_PERSON)}
    assert next((room.rule, room.left) for room in full.policy_rooms()) == ("caps.borrower.P1D", 0)
    assert check(case=case, message_class="support", is_reply=True).run() == []
    assert check("in_app", case=case).run() == []


def test_room_under_a_cap_of_the_law_is_what_the_rule_itself_still_lets_through() -> None:
    calls = tuple(Attempt(NOON - timedelta(hours=n), "voice", outcome="no_answer") for n in (1, 2))
    case = a_case(country="CN", profile_zone="Asia/Shanghai", attempts=calls)
    now = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
    earlier = replace(case, attempts=tuple(replace(each, at=now - timedelta(hours=1)) for each in calls))

    rooms = {room.rule: (room.left, room.most) for room in check("voice", case=earlier, now=now).rooms()}
    one_more = replace(earlier, attempts=(*earlier.attempts, *earlier.attempts[:1]))

    assert rooms["CN-CALLCAP"] == (1, 3)
    assert {room.rule: room.left for room in check("voice", case=one_more, now=now).rooms()}["CN-CALLCAP"] == 0
    assert any(each.layer == LAW for each in check("voice", case=one_more, now=now).run())


@pytest.mark.parametrize(
    ("given", "stage", "debt_words", "is_reply", "found"),
    [
        ("reminder", "overdue", False, False, "collection"),
        ("collection", "upcoming", False, False, "reminder"),
        ("servicing", "overdue", True, False, "collection"),
        ("servicing", "overdue", False, False, "servicing"),
        ("support", "overdue", False, False, "servicing"),
        ("support", "overdue", True, True, "support"),
        ("statutory", "overdue", True, False, "statutory"),
        ("collection", "overdue", False, True, "collection"),
    ],
)
def test_a_contact_is_of_the_class_that_the_debt_makes_it(
    given: str, stage: str, debt_words: bool, is_reply: bool, found: str
) -> None:
    asked = ContactAsked("sms", given, is_reply=is_reply)

    assert class_of(asked, stage, speaks_of_debt=debt_words) == found


def test_what_people_send_takes_a_place_and_an_answer_does_not() -> None:
    assert takes_place(ContactAsked("sms", "servicing"), "servicing")
    assert not takes_place(ContactAsked("sms", "support", is_reply=True), "support")
    assert not takes_place(ContactAsked("in_app"), "collection")
    assert not takes_place(ContactAsked("letter", "statutory"), "statutory")


def test_what_may_happen_now_may_until_the_hours_end_first() -> None:
    until = NOON + timedelta(days=1)

    closes = check().closes_at(until)

    assert NOON < closes < until
    assert (LAW, Reason.LEGAL_QUIET_HOURS) in layers(check(now=until.replace(hour=21)).run())
    assert check(now=closes).run() != []
    assert check(now=closes - timedelta(minutes=1)).run() == []
