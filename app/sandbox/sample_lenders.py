"""Who lends in the sample book, and the borrowers made for looking at."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.book import LenderValues
from app.sandbox.sample_people import PLACES, phone_of


@dataclass(frozen=True, slots=True)
class SampleLender:
    """A lender and whom it lends to. `unit_minor` scales amounts: what a hundred units of a loan are worth."""

    values: LenderValues
    borrowers: tuple[tuple[str, int], ...]
    unit_minor: int


_OWN_LOANS: dict[str, Any] = {
    "role": "first_party",
    "role_reason": "It collects loans that it made itself and still owns (sample book).",
}

LENDERS = (
    SampleLender(
        LenderValues(
            "xinyuan",
            "信远消费金融（示例）",
            "CN",
            "Asia/Shanghai",
            "CNY",
            "zh-CN",
            "consumer_finance",
            "示例-001",
            "示例监管局",
            "示例投诉电话 400-000-0000",
            legal_name="信远消费金融有限公司（示例）",
            licence_role="lender",
            licensed_from=date(2019, 6, 1),
            licensed_until=date(2029, 5, 31),
            **_OWN_LOANS,
        ),
        (("CN", 95),),
        30_000,
    ),
    SampleLender(
        LenderValues(
            "harbour", "Harbour Credit (sample)", "US", "America/New_York", "USD", "en-US", "consumer_finance", **_OWN_LOANS
        ),
        (("US", 62),),
        6_000,
    ),
    SampleLender(
        LenderValues(
            "brightwell",
            "Brightwell Loans (sample)",
            "GB",
            "Europe/London",
            "GBP",
            "en-GB",
            "consumer_finance",
            **_OWN_LOANS,
        ),
        (("GB", 46),),
        5_000,
    ),
    SampleLender(
        LenderValues("saffron", "Saffron Finance (sample)", "IN", "Asia/Kolkata", "INR", "en-IN", "microloan", **_OWN_LOANS),
        (("IN", 48),),
        250_000,
    ),
    SampleLender(
        LenderValues("rheingold", "Rheingold Kredit (sample)", "EU", "Europe/Berlin", "EUR", "de-DE", "bank", **_OWN_LOANS),
        (("DE", 24), ("FR", 15)),
        5_000,
    ),
    SampleLender(
        LenderValues(
            "sakura", "さくらローン (sample)", "JP", "Asia/Tokyo", "JPY", "ja-JP", "consumer_finance", **_OWN_LOANS
        ),
        (("JP", 8),),
        6_000,
    ),
    SampleLender(
        LenderValues("gulf", "Gulf Finance (sample)", "KW", "Asia/Kuwait", "KWD", "ar-KW", "bank", **_OWN_LOANS),
        (("KW", 4),),
        15_000,
    ),
)


@dataclass(frozen=True, slots=True)
class DemoBorrower:
    """A borrower made for looking at. `first_due` are days from today of the earliest open row of each loan."""

    borrower_no: str
    lender_code: str
    country: str
    name: str
    loans: tuple[tuple[str, int, int, int], ...]
    """Product, number of instalments, rows already paid, days from today to the first open one."""


DEMO_BORROWERS = (
    DemoBorrower(
        "DEMO-CN", "xinyuan", "CN", "林晓雨", (("personal", 24, 6, 3), ("phone", 12, 3, 3), ("short-90", 3, 0, 20))
    ),
    DemoBorrower("DEMO-US", "harbour", "US", "Maya Torres", (("personal", 36, 11, 1),)),
    DemoBorrower("DEMO-GB", "brightwell", "GB", "Oliver Bennett", (("personal", 18, 8, -5), ("phone", 9, 2, 2))),
    DemoBorrower("DEMO-IN", "saffron", "IN", "Priya Nair", (("weekly", 12, 4, 2), ("weekly", 26, 9, 2))),
    DemoBorrower("DEMO-DE", "rheingold", "DE", "Lena Hoffmann", (("phone", 12, 0, 7),)),
)
_DEMO_PHONE_NUMBER = 990
"""Demo borrowers have the phones at the end of each place's range, where the drawn ones never reach."""


def demo_phone(demo: DemoBorrower) -> str:
    """Return the phone a demo borrower signs in with."""
    return phone_of(demo.country, _DEMO_PHONE_NUMBER, PLACES[demo.country].zones[0])


def demos_of(sample: SampleLender) -> list[DemoBorrower]:
    """Return the demo borrowers of a lender."""
    return [demo for demo in DEMO_BORROWERS if demo.lender_code == sample.values.code]
