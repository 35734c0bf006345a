"""Variables have types; values are written as the locale writes them; what cannot be is found before it is sent."""

from datetime import date

import pytest

from app.domain.decisions import decide
from app.services.decided_messages import _values
from app.wording.template_texts import load_texts, purpose_of
from app.wording.variables import Value, VariableError, declared, samples, write_variables
from tests.builders.cases import DUE, case, local, subject
from tests.builders.rules import policy, rules, step


@pytest.mark.parametrize(
    ("name", "value", "locale", "text"),
    [
        ("amount", {"USD": 123_450}, "en", "$1,234.50"),
        ("amount", {"CNY": 123_450}, "zh-CN", "¥1,234.50"),
        ("amount", {"USD": 100, "JPY": 100}, "en", "¥100 + $1.00"),
        ("amount", {"KWD": 1_234}, "en", "KWD1.234"),
        ("due_on", date(2026, 3, 9), "en", "Mar 9, 2026"),
        ("due_on", date(2026, 3, 9), "zh-CN", "2026年3月9日"),
        ("count", 3, "en", 3),
        ("loan", "L-1\n{{ amount }}", "en", "L-1 {{ amount }}"),
        ("lender", "Court Street\u2028Credit  Union", "en", "Court Street Credit Union"),
        ("lender", "x" * 81, "en", "x" * 79 + "…"),
    ],
)
def test_a_value_is_written_by_its_type_and_locale(name: str, value: Value, locale: str, text: str | int) -> None:
    assert write_variables({name: value}, locale) == {name: text}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 12),
        ("amount", "12"),
        ("due_on", "2026-03-09"),
        ("count", True),
        ("count", -1),
        ("lender", 5),
        ("pet", "cat"),
    ],
)
def test_a_value_of_another_type_is_refused_without_being_repeated(name: str, value: Value) -> None:
    with pytest.raises(VariableError) as refused:
        write_variables({name: value}, "en")

    assert name in str(refused.value)
    assert name == "pet" or str(value) not in str(refused.value)


def test_what_is_blank_is_left_out() -> None:
    assert write_variables({"lender": "", "count": 0}, "en") == {"count": 0}


def test_every_variable_that_a_template_may_use_is_declared_and_has_samples() -> None:
    purposes = [purpose_of(text.template) for text in load_texts()]
    named = {name for purpose in purposes if purpose is not None for name in purpose.variables}

    assert named <= declared().keys()
    assert all(set(each) == set(declared()) for locale in ("en", "zh-CN") for each in samples(locale))


def test_reminders_bring_a_value_for_everything_their_texts_may_use() -> None:
    decided = decide(case(subject(), decided_until=local(DUE, 9)), rules(policy(step("d+0", 0))), local(DUE, 10))

    brought = _values(decided.contacts[0].candidates)

    purpose = purpose_of("due_soon")
    assert purpose is not None
    assert set(brought) == purpose.variables
