"""Money is an integer of minor units plus an ISO 4217 currency. No float comes near it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.domain.errors import CurrencyMismatchError, ValidationError

# ISO 4217 minor units. Every currency that is not two decimals is listed; two-decimal ones that lenders use are too, so
# that a misspelt code is refused rather than taken for a two-decimal currency.
_EXPONENTS: dict[str, int] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(
        (
            "AED",
            "ALL",
            "AMD",
            "AOA",
            "ARS",
            "AUD",
            "AZN",
            "BAM",
            "BDT",
            "BGN",
            "BOB",
            "BRL",
            "BWP",
            "BYN",
            "CAD",
            "CDF",
            "CHF",
            "CNY",
            "COP",
            "CRC",
            "CZK",
            "DKK",
            "DOP",
            "DZD",
            "EGP",
            "ETB",
            "EUR",
            "FJD",
            "GBP",
            "GEL",
            "GHS",
            "GTQ",
            "HKD",
            "HNL",
            "HUF",
            "IDR",
            "ILS",
            "INR",
            "JMD",
            "KES",
            "KGS",
            "KHR",
            "KZT",
            "LAK",
            "LBP",
            "LKR",
            "MAD",
            "MDL",
            "MKD",
            "MMK",
            "MNT",
            "MOP",
            "MUR",
            "MWK",
            "MXN",
            "MYR",
            "MZN",
            "NAD",
            "NGN",
            "NIO",
            "NOK",
            "NPR",
            "NZD",
            "PAB",
            "PEN",
            "PGK",
            "PHP",
            "PKR",
            "PLN",
            "QAR",
            "RON",
            "RSD",
            "RUB",
            "SAR",
            "SEK",
            "SGD",
            "SLE",
            "SZL",
            "THB",
            "TJS",
            "TRY",
            "TTD",
            "TWD",
            "TZS",
            "UAH",
            "USD",
            "UYU",
            "UZS",
            "ZAR",
            "ZMW",
        ),
        2,
    ),
}


def currency_exponent(currency: str) -> int:
    """Return how many decimals the currency has: JPY 0, USD 2, KWD 3. Raises ValidationError. Source: ISO 4217."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise ValidationError(f"{currency!r} is not an ISO 4217 currency known here.") from None


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. `minor` counts the currency's smallest unit and may be negative."""

    minor: int
    currency: str

    def __str__(self) -> str:
        """Return it as refusals say it: 12.34 USD."""
        return f"{self.to_decimal()} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def split(self, weights: Sequence[int]) -> tuple["Money", ...]:
        """Split in proportion to `weights` (not negative, not all 0); no unit is lost; largest remainders get the rest."""
        return tuple(Money(part, self.currency) for part in split_minor(self.minor, weights))

    def to_decimal(self) -> Decimal:
        """Return the amount in major units: Money(1234, "USD") is Decimal("12.34")."""
        return Decimal(self.minor).scaleb(-currency_exponent(self.currency))

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatchError(f"{self.currency} and {other.currency} cannot be added.")


def split_minor(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `total` in proportion to `weights`; the parts add up to `total` exactly. Raises ValidationError."""
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValidationError("The weights of a split must not be negative and not all zero.")
    sign = -1 if total < 0 else 1
    parts = [abs(total) * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(abs(total) * weights[i] % whole), i))
    for i in by_remainder[: abs(total) - sum(parts)]:
        parts[i] += 1
    return tuple(sign * part for part in parts)


def minor_from_decimal(amount: Decimal, currency: str, *, tolerance: Decimal = Decimal(0)) -> int:
    """Return `amount` (major units) in minor units.

    `tolerance` is how far, in major units, the amount may lie from a whole minor unit: 0 refuses "0.005" USD, and
    Decimal("0.000001") takes "61134.580000001". Raises ValidationError.
    """
    if not amount.is_finite():
        raise ValidationError(f"{amount} is not an amount.")
    exponent = currency_exponent(currency)
    scaled = amount.scaleb(exponent)
    whole = int(scaled.to_integral_value())
    if abs(scaled - whole) > tolerance.scaleb(exponent):
        raise ValidationError(f"{amount} has more decimals than {currency} ({exponent}).")
    return whole


def minor_from_text(text: str, currency: str) -> int:
    """Return plain decimal text such as "1234.50" in minor units. Raises ValidationError."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValidationError(f"{text!r} is not a decimal number.") from None
    return minor_from_decimal(amount, currency)
