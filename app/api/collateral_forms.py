"""How pledged things are told at the doors: examples, made from the values that services return."""

from datetime import UTC, date, datetime
from typing import Any

from app.api.value_forms import plain
from app.services.collateral_cost_views import ShownCost
from app.services.collateral_own import OwnEvent, OwnLoan, OwnThing
from app.services.collateral_page_values import (
    CollateralPage,
    ListedThing,
    ShownAppraisal,
    ShownEvent,
    ShownPledge,
    ShownPolicy,
    ShownQuote,
    ShownWorth,
)
from app.services.collateral_quotes import QuotedLoan, RedemptionQuote
from app.services.collateral_sale_views import ShownSale, ShownShare

_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_ON = date(2026, 11, 23)
_THING = ListedThing(
    _ID, "CNY", "V-1", "vehicle", "B-1001", ["CN-1001"], "粤••••45", "••••2788", "in_custody", _ON, "Yard 7", _ON, 1, 80_500
)
_SALE = ShownSale(
    _ID, "CNY", "booked", _ON, 5_000_000, 20_000, "auction", "us", "cn-civil-code@1", 100_500, 0,
    [ShownShare("CN-1001", 1, 4_899_500, 0)], 0, 0, None, "staff:Wang Fang", _AT, "staff:Li Na", _AT, None, 2, None, None,
)  # fmt: skip
_QUOTE = ShownQuote(_ID, "CNY", _AT, "staff:Wang Fang", _ON, _ON, "arrears", 580_500)

THING: dict[str, Any] = plain(_THING)
SALE: dict[str, Any] = plain(_SALE)
THING_PAGE: dict[str, Any] = plain(
    CollateralPage(
        thing=_THING,
        currency="CNY",
        about="Wuling Hongguang, white",
        pledges=[ShownPledge(_ID, "CN-1001", 1, None, date(2026, 1, 5), None)],
        costs=[ShownCost("recovery", 80_000), ShownCost("storage", 500)],
        daily_minor=500,
        costs_paid_minor=0,
        charged_minor=0,
        worth=ShownWorth(5_000_000, 4_000_000, 4_899_500, "97.99", 899_500, _ON),
        is_insured=True,
        rule="cn-civil-code@1",
        rule_source="Civil Code arts 389 and 413",
        rule_grade="R",
        redemption="arrears",
        redemption_source="The house asks for what is due",
        redemption_grade="H",
        not_looked_at=None,
        events=[
            ShownEvent(
                _ID, 2, "taken", _ON, _AT, "staff:Wang Fang", "desk:staff:Wang Fang", "T-1", "notice_served", "in_custody",
                None, None, 500, False, "court_order", "registered_post", "Yard 7", None, True,
            )
        ],
        appraisals=[ShownAppraisal(_ID, "A-1", "CNY", 5_000_000, _ON, "appraiser", "Li Wei", "0.2")],
        insurance=[ShownPolicy(_ID, "P-1", "comprehensive", "••••8899", None, date(2027, 3, 1), 5_000_000, True)],
        quotes=[_QUOTE],
        sales=[_SALE],
    )
)  # fmt: skip
OWN_THING: dict[str, Any] = plain(
    OwnThing(
        _ID, "CNY", "vehicle", "Wuling Hongguang, white", "粤B12345", [OwnLoan(_ID, "CN-1001")], "in_custody", _ON, "Yard 7",
        _ON, [ShownCost("recovery", 80_000), ShownCost("storage", 500)], 80_500, 500, "arrears",
        "The house asks for what is due", None, [OwnEvent("taken", _ON, 500, None)], None,
    )
)  # fmt: skip
QUOTE: dict[str, Any] = plain(
    RedemptionQuote(
        _ID, _ID, "CNY", _AT, _ON, _ON, "arrears", 580_500, [ShownCost("recovery", 80_000), ShownCost("storage", 500)],
        80_500, 500, [QuotedLoan(_ID, "CN-1001", 500_000, 480_000, 20_000, 0, 0)], "cn-civil-code@1",
        "The house asks for what is due", "H", None,
    )
)  # fmt: skip
