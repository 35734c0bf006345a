"""How far a case looks back."""

from datetime import timedelta

from app.domain.policies import Rung
from app.persistence.queries.case_contacts import looking_back
from tests.builders.cases import DUE, local
from tests.builders.rules import policy, rules, step

NOW = local(DUE, 10)


def test_a_contact_is_looked_at_for_as_long_as_a_rung_of_it_may_come() -> None:
    slow = step(ladder=(Rung("push"), Rung("sms", after=timedelta(days=3))), expires_after=timedelta(days=5))

    assert looking_back(NOW, rules(policy(slow))).reviewed <= NOW - timedelta(days=5)


def test_without_rungs_that_wait_two_days_are_enough() -> None:
    assert looking_back(NOW, rules(policy(step(expires_after=timedelta(days=9))))).reviewed == NOW - timedelta(days=2)
