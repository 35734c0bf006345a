"""What `decide` promises for any case: random borrowers with a past, holds, wishes, consents, ladders, under law or not."""

import random
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.candidates import occurs_at
from app.domain.cases import (
    Attempt,
    Case,
    ConsentFact,
    DecisionKey,
    LoanFacts,
    OptOut,
    PastContact,
    PastDecision,
    PastMessage,
    Subject,
    Wish,
    wished_quiet,
)
from app.domain.decided import Decided, Verdict
from app.domain.decisions import decide
from app.domain.holds import ALWAYS_STOP, HOLD_REASONS, Hold, standing_reason
from app.domain.policies import Action, Cap, Experiment, Holdout, Policy, Rules, Rung
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Outcome, Reason
from app.services.rule_parts import laws
from tests.builders.cases import DUE, LONG_AGO, local, subject
from tests.builders.rules import policy, step

ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Europe/London", "Asia/Kolkata"]
CHANNELS = ("push", "sms", "voice", "email")
LENDERS = {
    "": LoanFacts(lender_code="first", jurisdiction="GB", lender_role="first_party"),
    "X": LoanFacts("X", "second", jurisdiction="US", lender_role="third_party_collector"),
}
LADDERS = (
    (Rung("in_app"),),
    (Rung("in_app"), Rung("push")),
    (Rung("in_app"), Rung("push"), Rung("sms", after=timedelta(hours=4))),
    (Rung("in_app"), Rung("push"), Rung("sms")),
    (Rung("push"), Rung("sms", after=timedelta(hours=2), unless="delivered"), Rung("email", after=timedelta(hours=1))),
)
UNSENT = ("queued", "stale")


class Chance(random.Random):
    """Draws for a case; uniform, where hypothesis would rather begin with what is simple and leave most of it out."""

    def one_in(self, count: int) -> bool:
        return self.randrange(count) == 0


def some_policy(chance: Chance, policy_id: str) -> Policy:
    steps = []
    for _ in range(chance.randint(1, 5)):
        made = step(
            f"s{len(steps)}", chance.choice([-1, 0, 0, 1, 3]),
            at=time(chance.choice([8, 10, 10, 14, 18])),
            ladder=chance.choice(LADDERS),
            expires_after=timedelta(hours=chance.choice([5, 10, 30, 72])),
            given_class=chance.choice([None, None, None, "statutory", "servicing"]),
        )  # fmt: skip
        if chance.one_in(7):
            made = replace(made, ladder=(), action=Action("call", "early", timedelta(hours=8)))
        elif chance.one_in(6):
            arms = (("a", 50, "due_soon"), ("control", 50, None))
            made = replace(made, experiment=Experiment("e", arms, timedelta(days=3)))
        steps.append(made)
    longer = [(), (Cap(7, 2, "sms"),), (Cap(7, 1, per="loan"),), (Cap(7, 3), Cap(1, 1, "push"))]
    return policy(
        *steps, policy_id=policy_id, caps=(Cap(1, chance.randint(1, 2)), *chance.choice(longer)),
        quiet_hours=QuietHours(time(chance.choice([21, 22])), time(chance.choice([7, 9]))),
        holdout=Holdout("h", 30, "early") if chance.one_in(4) else None,
        stop_on=chance.choice([frozenset(), frozenset({"promise_to_pay"})]),
    )  # fmt: skip


def some_person(chance: Chance, now: datetime) -> dict[str, Any]:
    def ago(hours: int) -> datetime:
        return now - timedelta(hours=chance.randint(0, hours))

    holds = [
        Hold(chance.choice(sorted(HOLD_REASONS)), ago(48) + timedelta(hours=24),
             chance.choice([None, now + timedelta(hours=50), now - timedelta(hours=1)]), ago(72),
             chance.choice([None, "L0", "L1"]))
        for _ in range(chance.choice([0, 0, 0, 1, 2]))
    ]  # fmt: skip
    wishes = [
        Wish("no_contact", LONG_AGO, channel="sms"), Wish("only_channel", LONG_AGO, channel="push"),
        Wish("not_before", LONG_AGO, from_time=time(11)),
        Wish("only_between", LONG_AGO, from_time=time(9), until_time=time(17)),
    ]  # fmt: skip
    consents = [
        ConsentFact(chance.choice(["contact_by_text", "automated_call"]), chance.choice([None, "sms", "voice"]), ago(72),
                    chance.choice([None, None, now]))
        for _ in range(chance.randint(0, 2))
    ]  # fmt: skip
    opt_outs = chance.choice([(), (), (), ("sms",), ("push",)])
    blocks = {channel: Reason.OPTED_OUT for channel in opt_outs}
    blocks |= {channel: Reason.NO_ENDPOINT for channel in chance.choice([(), (), (), ("push",), ("voice", "email")])}
    return {
        "borrower_no": chance.choice(["B1", "B2", "B3"]),
        "profile_zone": chance.choice([None, "UTC", *ZONES]),
        "device_zones": tuple(chance.sample(ZONES, 1)) if chance.one_in(4) else (),
        "country": chance.choice([None, "GB", "US", "IN", "CN", "DE"]),
        "holds": tuple(holds),
        "wishes": tuple(chance.sample(wishes, chance.choice([0, 0, 0, 1, 2]))),
        "consents": tuple(consents),
        "opt_outs": tuple(OptOut(channel, now - timedelta(hours=1)) for channel in opt_outs),
        "blocks": blocks,
        "flags": ("represented",) if chance.one_in(15) else (),
    }


@dataclass
class Situation:
    """A case, the rules, and the moment."""

    seed: int
    """`situation(seed)` makes it again."""
    case: Case
    rules: Rules
    now: datetime


def situation(seed: int) -> Situation:
    chance = Chance(seed)
    now = local(DUE + timedelta(days=chance.randint(-1, 2)), chance.choice([8, 10, 10, 11, 12, 14, 14, 18, 20, 23]))
    now += timedelta(minutes=chance.choice([0, 0, 0, 1, 30, 57]))
    theirs = {"X": some_policy(chance, "policy-2")} if chance.one_in(2) else {}
    rules = Rules(some_policy(chance, "policy-1"), 1, theirs, laws=laws() if chance.one_in(3) else {})
    subjects = []
    for no in range(chance.randint(1, 4)):
        loan = chance.randint(0, 2)
        one = subject(f"L{loan}", no + 1, due_on=DUE + timedelta(days=chance.randint(-2, 2)), loan_no="N")
        one = replace(one, loan=LENDERS["X" if loan == 1 else ""])
        if chance.one_in(8):
            one = replace(one, closed_at=now - timedelta(hours=chance.randint(0, 30)), open_minor=0)
        elif chance.one_in(10):
            one = replace(one, held_reason=Reason.CORE_SAYS_PAID)
        subjects.append(one)
    case = Case("B", tuple(subjects), **some_person(chance, now))
    since = now - timedelta(hours=chance.choice([0, 1, 4, 8, 30]))
    case = replace(case, decided_until=since, decided_zone=case.zone)
    return Situation(seed, _with_past(chance, case, rules, since, now), rules, now)


SITUATIONS = st.integers(0, 2**40).map(situation)


def _with_past(chance: Chance, case: Case, rules: Rules, since: datetime, now: datetime) -> Case:
    """Give every step reached by the last look a decision, some of them a contact with messages in any state."""
    decisions: dict[DecisionKey, PastDecision] = {}
    keys: dict[str, list[DecisionKey]] = {}
    carrying = ""
    for one in case.subjects:
        for each in rules.policy_of(one.loan.lender_id).steps:
            at = occurs_at(each, one, case.zone or one.lender_zone, None)
            if at > since:
                continue
            key = DecisionKey("instalment", one.subject_id, one.anchor_no, each.key)
            outcome, reason = chance.choice([
                (Outcome.SENT, Reason.ON_SCHEDULE), (Outcome.SENT, Reason.ON_SCHEDULE),
                (Outcome.DEFERRED, Reason.QUIET_HOURS), (Outcome.SUPPRESSED, Reason.CAP_PERSON),
            ])  # fmt: skip
            contact_id = None
            if outcome is Outcome.SENT and each.action is None:
                contact_id = f"C{len(keys)}"
                if each.is_capped and carrying and chance.one_in(2):
                    contact_id, outcome, reason = carrying, Outcome.CONSOLIDATED, Reason.CONSOLIDATED_INTO
                elif each.is_capped and not carrying:
                    carrying = contact_id
                keys.setdefault(contact_id, []).append(key)
            next_at = now if outcome is Outcome.DEFERRED else None
            decisions[key] = PastDecision(
                f"D{len(decisions)}", key, one.loan_id, one.row_no, at, outcome, reason, contact_id, next_at
            )
    contacts: list[PastContact] = []
    attempts: list[Attempt] = []
    for contact_id, about in keys.items():
        at = decisions[about[0]].occurs_at
        messages = []
        for rung_no, channel in enumerate(("in_app", "push", *chance.choice([(), (), ("sms",)]))):
            states = ["delivered"] if channel == "in_app" else ["sent", "failed", "delivered", "uncertain"]
            if channel != "in_app" and now - at < timedelta(hours=9):  # else its time is over
                states += ["queued", "queued"]
            messages.append(PastMessage(channel, rung_no, at, chance.choice(states), chance.one_in(4)))
        attempts += [Attempt(at, message.channel) for message in messages if message.counts]
        has_place = chance.one_in(2) and all(other.local_date != at.date() for other in contacts)
        contacts.append(
            PastContact(
                contact_id, at.date(), at, 1 if has_place else None, tuple(about),
                waiting=any(m.state in UNSENT for m in messages), rungs_done=len(messages), messages=tuple(messages),
                loan_ids=frozenset(key.subject_id.partition("/")[0] for key in about),
            )
        )  # fmt: skip
    return replace(case, decisions=decisions, contacts=tuple(contacts), attempts=tuple(attempts))


def told(decided: Decided) -> Any:
    """What was decided, whatever order it was noted in."""
    contacts = [(c.lead.key, c.others, c.messages, c.template, c.slot_no, c.zones, c.rungs_done) for c in decided.contacts]
    verdicts = sorted(decided.verdicts, key=lambda v: (v.key, str(v.reason), v.is_note))
    contacts_of = {verdict.key: contacts[verdict.contact_no] for verdict in verdicts if verdict.contact_no is not None}
    plain = [replace(verdict, contact_no=None) for verdict in verdicts]
    return (
        plain, contacts_of, sorted(decided.standing), sorted(decided.cancelled), sorted(decided.settled),
        decided.next_wake, sorted(decided.rungs, key=lambda each: each.contact_id),
        sorted(decided.retold, key=lambda each: each.contact_id),
        sorted(decided.tasks, key=lambda each: each.natural_key),
    )  # fmt: skip


def shuffled(case: Case, seed: int) -> Case:
    """The same case with everything that has no order of its own in another one."""
    chance = random.Random(seed)

    def mixed(values: Any) -> Any:
        found = list(values)
        chance.shuffle(found)
        return found

    contacts = tuple(replace(each, subject_keys=tuple(mixed(each.subject_keys))) for each in case.contacts)
    return replace(
        case, subjects=tuple(mixed(case.subjects)), decisions=dict(mixed(case.decisions.items())), contacts=contacts,
        holds=tuple(mixed(case.holds)), wishes=tuple(mixed(case.wishes)), consents=tuple(mixed(case.consents)),
        blocks=dict(mixed(case.blocks.items())),
    )  # fmt: skip


def applied(case: Case, decided: Decided, now: datetime) -> Case:
    """The case once the answer was written, before anything has left."""
    decisions = dict(case.decisions)
    for verdict in decided.verdicts:
        decisions[verdict.key] = _decided(case, verdict)
    cancelled = {(each.contact_id, each.channel): each for each in decided.cancelled}
    rungs = {rung.contact_id: rung for rung in decided.rungs}
    contacts = []
    for contact in case.contacts:
        messages = []
        for message in contact.messages:
            taken = (contact.contact_id, None) in cancelled or (contact.contact_id, message.channel) in cancelled
            messages.append(replace(message, state="cancelled") if taken and message.state in UNSENT else message)
        whole = cancelled.get((contact.contact_id, None))
        rung = rungs.get(contact.contact_id)
        made = () if rung is None else rung.messages
        about = None if rung is None else frozenset(each.subject.subject_id for each in rung.about)
        messages += [
            PastMessage(m.channel, m.rung_no, now, "delivered" if m.channel == "in_app" else "queued", about=about)
            for m in made
        ]
        if contact.contact_id in {each.contact_id for each in decided.retold}:
            messages = [replace(m, state="withdrawn") if m.channel == "in_app" else m for m in messages]
        messages += [
            PastMessage(
                "in_app", each.rung_no, now, "delivered", about=frozenset(one.subject.subject_id for one in each.about)
            )
            for each in decided.retold
            if each.contact_id == contact.contact_id and each.about
        ]
        contacts.append(
            replace(
                contact,
                messages=tuple(messages),
                waiting=any(m.state in UNSENT for m in messages),
                slot_no=None if whole is not None and whole.frees_slot else contact.slot_no,
                rungs_done=contact.rungs_done if rung is None else rung.rungs_done,
                subject_keys=() if contact.contact_id in decided.settled else contact.subject_keys,
            )
        )
    for number, new in enumerate(decided.contacts):
        messages = [
            PastMessage(m.channel, m.rung_no, now, "delivered" if m.channel == "in_app" else "queued") for m in new.messages
        ]
        contacts.append(
            PastContact(
                f"N{number}", new.local_date, now, new.slot_no, tuple(c.key for c in new.candidates),
                waiting=any(m.state in UNSENT for m in messages), rungs_done=new.rungs_done, messages=tuple(messages),
                loan_ids=frozenset(c.subject.loan_id for c in new.candidates),
            )
        )  # fmt: skip
    attempts = [Attempt(m.at, m.channel) for contact in contacts for m in contact.messages if m.counts]
    return replace(
        case, decisions=decisions, contacts=tuple(contacts), attempts=tuple(attempts),
        decided_until=max(now, case.decided_until or now), decided_zone=case.zone,
    )  # fmt: skip


def _decided(case: Case, verdict: Verdict) -> PastDecision:
    past = case.decisions.get(verdict.key)
    contact_id = None if verdict.contact_no is None else f"N{verdict.contact_no}"
    if past is None:
        return PastDecision(
            f"N/{verdict.key}", verdict.key, verdict.loan_id, verdict.row_no, verdict.occurs_at, verdict.outcome,
            verdict.reason, contact_id, verdict.next_evaluation_at,
        )  # fmt: skip
    return replace(
        past,
        outcome=past.outcome if verdict.is_note else verdict.outcome,
        reason=past.reason if verdict.is_note else verdict.reason,
        contact_id=contact_id or past.contact_id,
        next_evaluation_at=verdict.next_evaluation_at,
    )


ANY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ANY
@given(one=SITUATIONS, seed=st.integers(0, 9999))
def test_the_answer_hangs_on_no_order_that_a_database_makes(one: Situation, seed: int) -> None:
    assert told(decide(one.case, one.rules, one.now)) == told(decide(shuffled(one.case, seed), one.rules, one.now))


@ANY
@given(one=SITUATIONS)
def test_decided_again_at_the_same_instant_nothing_new_is_said(one: Situation) -> None:
    first = decide(one.case, one.rules, one.now)
    after = applied(one.case, first, one.now)
    again = decide(after, one.rules, one.now)
    if first.cancelled:  # what comes after a message that was taken back is for the next look, once
        again = decide(applied(after, again, one.now), one.rules, one.now)

    assert again.verdicts == ()
    assert again.contacts == ()
    assert [rung for rung in again.rungs if rung.messages] == []
    assert again.retold == ()
    assert again.tasks == ()
    # a notice of law that no cap keeps back may have used up the channel of a reminder that waits
    assert [each for each in again.cancelled if each.reason is not Reason.CAP_CHANNEL] == []


@ANY
@given(one=SITUATIONS)
def test_the_next_look_lies_ahead(one: Situation) -> None:
    decided = decide(one.case, one.rules, one.now)

    assert decided.next_wake is None or decided.next_wake > one.now
    deferred = [verdict.next_evaluation_at for verdict in decided.verdicts if verdict.outcome is Outcome.DEFERRED]
    assert all(at is not None and decided.next_wake is not None and one.now < decided.next_wake <= at for at in deferred)


@ANY
@given(one=SITUATIONS)
def test_every_candidate_gets_one_verdict(one: Situation) -> None:
    case, now = one.case, one.now
    decided = decide(case, one.rules, now)

    said = [verdict.key for verdict in decided.verdicts if not verdict.is_note]
    assert len(said) == len(set(said))
    assert case.decided_until is not None
    for each in case.subjects:
        for known in one.rules.policy_of(each.loan.lender_id).steps:
            at = occurs_at(known, each, case.zone or each.lender_zone, None)
            if case.decided_until < at <= now and (each.closed_at is None or at < each.closed_at):
                assert DecisionKey("instalment", each.subject_id, each.anchor_no, known.key) in said


@ANY
@given(one=SITUATIONS)
def test_nobody_is_contacted_who_must_not_be_or_when_they_must_not(one: Situation) -> None:
    case, now = one.case, one.now
    decided = decide(case, one.rules, now)

    made = [(contact.candidates, contact.messages) for contact in decided.contacts]
    made += [(rung.about, rung.messages) for rung in decided.rungs if rung.messages]
    for about, messages in made:
        _check_reach(case, about, [message.channel for message in messages], now)
        assert all(now < message.not_after for message in messages)
    for standing in decided.standing:
        assert now < standing.not_after
    by_id = {contact.contact_id: contact for contact in case.contacts}
    gone = {(each.contact_id, each.channel) for each in decided.cancelled}
    for contact in by_id.values():
        for message in contact.messages:
            if message.state in UNSENT and not {(contact.contact_id, None), (contact.contact_id, message.channel)} & gone:
                assert contact.contact_id in {standing.contact_id for standing in decided.standing}
                assert case.block_of(message.channel) is None
                for said in _spoken_of(case, contact, message):
                    assert said.speaks
                    if all(_is_reminder(one, key) for key in contact.subject_keys):  # a notice of law passes some holds
                        assert standing_reason(case.holds, said.loan_id, now, ALWAYS_STOP) is None


def _spoken_of(case: Case, contact: PastContact, message: PastMessage) -> list[Subject]:
    """What a message that may still leave speaks of."""
    known = {(each.subject_id, each.anchor_no): each for each in case.subjects}
    keys = [key for key in contact.subject_keys if message.about is None or key.subject_id in message.about]
    return [known[key.subject_id, key.anchor_no] for key in keys]


def _is_reminder(one: Situation, key: DecisionKey) -> bool:
    subject = next(each for each in one.case.subjects if each.subject_id == key.subject_id)
    steps = one.rules.policy_of(subject.loan.lender_id).steps
    return all(each.message_class != "statutory" for each in steps if each.key == key.step_key)


def _check_reach(case: Case, about: Any, channels: list[str], now: datetime) -> None:
    outward = [channel for channel in channels if channel != "in_app"]
    assert all(case.block_of(channel) is None for channel in outward)
    for candidate in about:
        own: Subject = candidate.subject
        assert own.speaks
        is_statutory = candidate.step.message_class == "statutory"
        if not is_statutory:
            assert standing_reason(case.holds, own.loan_id, now, ALWAYS_STOP | candidate.policy.stop_on) is None
            assert not ({"represented"} & set(case.flags))
            for wish in case.wishes:
                assert not (wish.kind == "no_contact" and wish.channel in outward)
                assert not (wish.kind == "only_channel" and set(outward) - {wish.channel})
        zones = case.known_zones or (own.lender_zone,)
        quiets = (candidate.policy.quiet_hours, *wished_quiet(case.wishes))
        if outward:
            assert not any(quiet.holds(now, zone) for quiet in quiets for zone in zones)


@ANY
@given(one=SITUATIONS)
def test_no_cap_is_passed(one: Situation) -> None:
    case, now = one.case, one.now
    decided = decide(case, one.rules, now)
    after = applied(case, decided, now)

    for contact in decided.contacts:
        lead = contact.lead
        if contact.slot_no is None:
            assert not lead.step.is_capped or all(channel == "in_app" for channel in contact.channels)
            continue
        same_day = [c for c in after.contacts if c.slot_no is not None and c.local_date == contact.local_date]
        assert len(same_day) <= lead.policy.contacts_per_day
        assert len({c.slot_no for c in same_day if c.contact_id.startswith("N")}) <= 1
        for cap in lead.policy.longer_caps:
            if cap.channel in contact.channels and cap.per == "borrower":
                since = contact.local_date - timedelta(days=cap.days - 1)
                counted = [
                    m for c in after.contacts for m in c.messages
                    if m.channel == cap.channel and m.counts and m.at.date() > since + timedelta(days=1)
                ]  # fmt: skip
                assert len(counted) <= cap.max_contacts


@ANY
@given(one=SITUATIONS)
def test_rungs_only_go_up(one: Situation) -> None:
    decided = decide(one.case, one.rules, one.now)

    done = {contact.contact_id: contact.rungs_done for contact in one.case.contacts}
    given_up = {each.contact_id for each in decided.cancelled if each.channel is None}
    for contact in one.case.contacts:  # what waited was taken back, and is made anew about what is left to speak of
        if contact.contact_id in given_up:
            waited = [message.rung_no for message in contact.messages if message.state in UNSENT]
            done[contact.contact_id] = min([contact.rungs_done, *waited])
    for rung in decided.rungs:
        assert rung.rungs_done >= done[rung.contact_id]
        assert all(done[rung.contact_id] <= message.rung_no < rung.rungs_done for message in rung.messages)
    assert len({rung.contact_id for rung in decided.rungs}) == len(decided.rungs)
