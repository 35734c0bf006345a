"""Option rules as data: layers over one another, and nothing in them that is not known."""

from typing import Any

import pytest

from app.domain.errors import ValidationError
from app.domain.option_rules import Threshold, read_layer, rules_of
from app.domain.plan_options import OptionKind
from app.services.law_packs import jurisdictions
from app.services.option_rules import layers, option_rules_for

KINDS = tuple(OptionKind)
PRODUCT_KINDS = (None, "instalment", "revolving", "hcstc", "single_payment", "secured_vehicle")


def _layer(name: str, tree: dict[str, Any], **top: Any) -> Any:
    return read_layer(name, {"kinds": tree, **top})


def _default(**extend: Any) -> Any:
    return _layer("default", {kind.value: {} for kind in OptionKind} | {"extend": extend})


@pytest.mark.parametrize("country", [None, "CN", "US", "GB", "IN", "DE", "EU", "BR"])
@pytest.mark.parametrize("product_kind", PRODUCT_KINDS)
def test_what_comes_with_the_product_gives_every_loan_a_rule_for_every_kind(country: str | None, product_kind: str | None):
    rules = option_rules_for(country, product_kind)
    assert tuple(rules.kinds) == KINDS
    assert rules.layers[0] == "default"


def test_paying_is_closed_to_nobody():
    for layer in layers():
        for kind in (OptionKind.PAY_NOW, OptionKind.PAY_PART, OptionKind.SETTLE):
            assert not {"allowed", "not_under_holds", "dpd_to"} & set(layer.kinds.get(kind, {}))


def test_every_layer_is_for_a_law_pack_that_there_is():
    assert {layer.jurisdiction for layer in layers()} - {None} <= set(jurisdictions())
    assert {layer.product_kind for layer in layers()} <= set(PRODUCT_KINDS)


def test_the_country_is_laid_over_the_product_and_both_over_each():
    stack = [
        _layer("both", {"extend": {"max_rows": 4}}, jurisdiction="UK", product_kind="hcstc"),
        _layer("uk", {"extend": {"max_rows": 3, "cooling_days": 3}}, jurisdiction="UK"),
        _layer("hcstc", {"extend": {"max_rows": 2, "cooling_days": 2, "min_rows_paid": 2}}, product_kind="hcstc"),
        _layer("cn", {"extend": {"max_rows": 9}}, jurisdiction="CN"),
        _default(max_rows=1, cooling_days=1, min_rows_paid=1, offer_valid_days=1),
    ]
    rules = rules_of(stack, "UK", "hcstc")
    extend = rules.kinds[OptionKind.EXTEND]
    assert rules.layers == ("default", "hcstc", "uk", "both")
    assert (extend.max_rows, extend.cooling_days, extend.min_rows_paid, extend.offer_valid_days) == (4, 3, 2, 1)


def test_a_rule_is_cited_by_its_paragraph_else_by_its_layers():
    assert option_rules_for("CN", None).named(OptionKind.EXTEND) == "PRC Civil Code art. 678"
    assert option_rules_for("GB", None).named(OptionKind.LENGTHEN) == "options/default+uk#lengthen"


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"kinds": {"extend": {"max_row": 3}}}, "/kinds/extend/max_row"),
        ({"kinds": {"skip": {}}}, "/kinds/skip"),
        ({"kind": {}}, "/kind"),
        ({"kinds": {"extend": {"max_rows": 0}}}, "/kinds/extend/max_rows"),
        ({"kinds": {"extend": {"max_rows": "3"}}}, "/kinds/extend/max_rows"),
        ({"kinds": {"extend": {"max_rows": True}}}, "/kinds/extend/max_rows"),
        ({"kinds": {"extend": {"offer_valid_days": None}}}, "/kinds/extend/offer_valid_days"),
        ({"kinds": {"extend": {"allowed": "no"}}}, "/kinds/extend/allowed"),
        ({"kinds": {"change_due_day": {"days": [29]}}}, "/kinds/change_due_day/days"),
        ({"kinds": {"extend": {"listed": 2}}}, "/kinds/extend/listed"),
        ({"kinds": {"extend": {"not_under_holds": ["disputed"]}}}, "/kinds/extend/not_under_holds"),
        ({"kinds": {"extend": {"credit_effect": "bad"}}}, "/kinds/extend/credit_effect"),
        ({"kinds": {"extend": {"closed_by": "us"}}}, "/kinds/extend/closed_by"),
        ({"kinds": {"extend": {"staff": {"over": 3}}}}, "/kinds/extend/staff"),
        ({"kinds": {"extend": {"staff": {"above": {"CNY": 3}}}}}, "/kinds/extend/staff"),
        ({"kinds": {"extend": {"staff": {"above": {"CNY": "x"}}}}}, "/kinds/extend/staff"),
        ({"kinds": {"extend": {"source": 5}}}, "/kinds/extend/source"),
        ({"kinds": {"extend": []}}, "/kinds/extend"),
        ({"kinds": {}, "jurisdiction": 5}, "/jurisdiction"),
        ([], ""),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(tree: Any, place: str):
    with pytest.raises(ValidationError) as refusal:
        read_layer("x", tree)
    assert place in {error.pointer for error in refusal.value.errors}


def test_a_kind_that_no_layer_knows_and_bounds_that_no_loan_keeps_are_refused():
    with pytest.raises(ValidationError, match="says anything of pay_now"):
        rules_of([_layer("default", {"extend": {}})], "CN", None)
    with pytest.raises(ValidationError, match="dpd_to is before dpd_from"):
        rules_of([_default(dpd_from=5, dpd_to=4)], "CN", None)


def test_amounts_are_read_in_the_currency_they_name():
    layer = _layer("x", {"extend": {"staff": {"above": {"CNY": "20.50", "JPY": "400"}, "above_rows": 2}}})
    assert layer.kinds[OptionKind.EXTEND]["staff"] == Threshold({"CNY": 2050, "JPY": 400}, 2)
