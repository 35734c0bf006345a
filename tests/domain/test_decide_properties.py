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


@st.composite
def policies(draw: Any, policy_id: str) -> Policy:
    steps = []
    for offset in draw(st.lists(st.sampled_from([0, 1, -1, 3, 0]), min_size=2, max_size=6)):
        made = step(
            f"s{len(steps)}", offset,
            at=time(draw(st.sampled_from([10, 14, 8, 18]))),
            ladder=draw(st.sampled_from(LADDERS[::-1])),
            expires_after=timedelta(hours=draw(st.sampled_from([30, 10, 72, 5]))),
            given_class=draw(st.sampled_from([None, None, "statutory", "servicing"])),
        )  # fmt: skip
        extra = draw(st.integers(0, 6))
        if extra == 0:
            made = replace(made, ladder=(), action=Action("call", "early", timedelta(hours=8)))
        elif extra == 1:
            made = replace(
                made, experiment=Experiment("e", (("a", 50, "due_soon"), ("control", 50, None)), timedelta(days=3))
            )
        steps.append(made)
    caps = (Cap(1, draw(st.integers(1, 2))), *draw(st.sampled_from(
        [(), (Cap(7, 2, "sms"),), (Cap(7, 1, per="loan"),), (Cap(7, 3), Cap(1, 1, "push"))])))  # fmt: skip
    return policy(
        *steps, policy_id=policy_id, caps=caps,
        quiet_hours=draw(st.sampled_from([QuietHours(time(21), time(9)), QuietHours(time(22), time(8))])),
        holdout=draw(st.sampled_from([None, None, Holdout("h", 30, "early")])),
        stop_on=draw(st.sampled_from([frozenset(), frozenset({"promise_to_pay"})])),
    )  # fmt: skip


@st.composite
def people(draw: Any, now: datetime) -> dict[str, Any]:
    hour = timedelta(hours=1)
    ago = st.integers(0, 72).map(lambda hours: now - hours * hour)
    holds = st.builds(
        Hold, st.sampled_from(sorted(HOLD_REASONS)), st.integers(-48, 48).map(lambda hours: now + hours * hour),
        st.sampled_from([None, now + 50 * hour, now - hour]), ago, st.sampled_from([None, "L0", "L1"]),
    )  # fmt: skip
    wish = st.sampled_from([
        Wish("no_contact", LONG_AGO, channel="sms"), Wish("only_channel", LONG_AGO, channel="push"),
        Wish("not_before", LONG_AGO, from_time=time(11)),
        Wish("only_between", LONG_AGO, from_time=time(9), until_time=time(17)),
    ])  # fmt: skip
    consent = st.builds(ConsentFact, st.sampled_from(["contact_by_text", "automated_call"]),
                        st.sampled_from([None, "sms", "voice"]), ago, st.sampled_from([None, now]))  # fmt: skip
    opt_outs = draw(st.sampled_from([(), (), (), ("sms",), ("push",)]))
    blocks = {channel: Reason.OPTED_OUT for channel in opt_outs}
    blocks |= {channel: Reason.NO_ENDPOINT for channel in draw(st.sampled_from([(), (), ("push",), ("voice",)]))}
    return {
        "borrower_no": draw(st.sampled_from(["B1", "B2", "B3"])),
        "profile_zone": draw(st.sampled_from([None, *ZONES])),
        "device_zones": tuple(draw(st.lists(st.sampled_from(ZONES), max_size=1))),
        "country": draw(st.sampled_from([None, "GB", "US", "IN", "CN", "DE"])),
        "holds": tuple(draw(st.lists(holds, max_size=2)) if draw(st.integers(0, 3)) == 3 else ()),
        "wishes": tuple(draw(st.lists(wish, max_size=2, unique=True)) if draw(st.integers(0, 2)) == 2 else ()),
        "consents": tuple(draw(st.lists(consent, max_size=2))),
        "opt_outs": tuple(OptOut(channel, now - hour) for channel in opt_outs),
        "blocks": blocks,
        "flags": ("represented",) if draw(st.integers(0, 11)) == 11 else (),
    }


@dataclass
class Situation:
    """A case, the rules, and the moment."""

    case: Case
    rules: Rules
    now: datetime


@st.composite
def situations(draw: Any) -> Situation:
    now = local(DUE + timedelta(days=draw(st.integers(-1, 3))), draw(st.sampled_from([10, 14, 12, 18, 11, 20, 22, 8, 3])))
    now += timedelta(minutes=draw(st.sampled_from([0, 0, 1, 30, 57])))
    rules = Rules(
        draw(policies("policy-1")), 1, {"X": draw(policies("policy-2"))} if draw(st.booleans()) else {},
        laws=laws() if draw(st.integers(0, 2)) == 2 else {},
    )  # fmt: skip
    subjects = []
    for no in range(draw(st.integers(1, 4))):
        loan = draw(st.integers(0, 2))
        due_on = DUE + timedelta(days=draw(st.integers(-3, 4)))
        one = replace(subject(f"L{loan}", no + 1, due_on=due_on), loan=LENDERS["X" if loan == 1 else ""], loan_no="N")
        closed = draw(st.integers(0, 9))
        if closed == 8:
            one = replace(one, closed_at=now - timedelta(hours=draw(st.integers(0, 30))), open_minor=0)
        elif closed == 9:
            one = replace(one, held_reason=Reason.CORE_SAYS_PAID)
        subjects.append(one)
    case = Case("B", tuple(subjects), **draw(people(now)))
    since = now - timedelta(hours=draw(st.sampled_from([4, 1, 0, 10, 30])))
    case = replace(case, decided_until=since, decided_zone=case.zone)
    return Situation(_with_past(draw, case, rules, since, now), rules, now)


def _with_past(draw: Any, case: Case, rules: Rules, since: datetime, now: datetime) -> Case:
    """Give every step reached by the last look a decision, some of them a contact with messages in any state."""
    decisions: dict[DecisionKey, PastDecision] = {}
    keys: dict[str, list[DecisionKey]] = {}
    for one in case.subjects:
        for each in rules.policy_of(one.loan.lender_id).steps:
            at = occurs_at(each, one, case.zone or one.lender_zone, None)
            if at > since:
                continue
            key = DecisionKey("instalment", one.subject_id, one.anchor_no, each.key)
            outcome, reason = draw(st.sampled_from([
                (Outcome.SENT, Reason.ON_SCHEDULE), (Outcome.DEFERRED, Reason.QUIET_HOURS),
                (Outcome.SUPPRESSED, Reason.CAP_PERSON), (Outcome.EXPIRED, Reason.EXPIRED_WINDOW),
            ]))  # fmt: skip
            contact_id = None
            if outcome is Outcome.SENT and each.action is None:
                contact_id = f"C{len(keys)}"
                if keys and draw(st.booleans()):
                    contact_id, outcome, reason = "C0", Outcome.CONSOLIDATED, Reason.CONSOLIDATED_INTO
                keys.setdefault(contact_id, []).append(key)
            next_at = now if outcome is Outcome.DEFERRED else None
            decisions[key] = PastDecision(
                f"D{len(decisions)}", key, one.loan_id, one.row_no, at, outcome, reason, contact_id, next_at
            )
    contacts, attempts, days = [], [], set()
    for contact_id, about in keys.items():
        at = min(max(decisions[about[0]].occurs_at, since - timedelta(hours=draw(st.sampled_from([0, 2, 20])))), since)
        messages = []
        for rung_no, channel in enumerate(("in_app", "push", *draw(st.sampled_from([(), ("sms",)])))):
            states = ("delivered",) if channel == "in_app" else ("sent", "queued", "failed", "delivered", "uncertain")
            message = PastMessage(
                channel, rung_no, at, draw(st.sampled_from(states)), draw(st.sampled_from([False, False, True]))
            )
            messages.append(message)
            attempts += [Attempt(at, channel)] if message.counts else []
        contacts.append(
            PastContact(
                contact_id, at.date(), at, draw(st.sampled_from([1, None])) if at.date() not in days else None, tuple(about),
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
        messages += [
            PastMessage(m.channel, m.rung_no, now, "delivered" if m.channel == "in_app" else "queued") for m in made
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


ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@ANY
@given(one=situations(), seed=st.integers(0, 9999))
def test_the_answer_hangs_on_no_order_that_a_database_makes(one: Situation, seed: int) -> None:
    assert told(decide(one.case, one.rules, one.now)) == told(decide(shuffled(one.case, seed), one.rules, one.now))


@ANY
@given(one=situations())
def test_decided_again_at_the_same_instant_nothing_new_is_said(one: Situation) -> None:
    first = decide(one.case, one.rules, one.now)
    again = decide(applied(one.case, first, one.now), one.rules, one.now)

    assert again.verdicts == ()
    assert again.contacts == ()
    assert [rung for rung in again.rungs if rung.messages] == []
    assert again.tasks == ()
    assert again.cancelled == ()


@ANY
@given(one=situations())
def test_the_next_look_lies_ahead(one: Situation) -> None:
    decided = decide(one.case, one.rules, one.now)

    assert decided.next_wake is None or decided.next_wake > one.now
    deferred = [verdict.next_evaluation_at for verdict in decided.verdicts if verdict.outcome is Outcome.DEFERRED]
    assert all(at is not None and decided.next_wake is not None and one.now < decided.next_wake <= at for at in deferred)


@ANY
@given(one=situations())
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
@given(one=situations())
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
@given(one=situations())
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
@given(one=situations())
def test_rungs_only_go_up(one: Situation) -> None:
    decided = decide(one.case, one.rules, one.now)

    done = {contact.contact_id: contact.rungs_done for contact in one.case.contacts}
    for rung in decided.rungs:
        assert rung.rungs_done > done[rung.contact_id]
        assert all(done[rung.contact_id] <= message.rung_no < rung.rungs_done for message in rung.messages)
    assert len({rung.contact_id for rung in decided.rungs}) == len(decided.rungs)
