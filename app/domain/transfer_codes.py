"""What the QR code of a bank transfer holds, so that a borrower's banking app fills the form in."""

from app.domain.creditor_references import is_iban
from app.domain.money import Money

_MOST_MINOR = 99_999_999_999
"""The largest amount of the guideline: 999999999.99 euro."""
_LONGEST_NAME = 70


def epc_code(*, holder: str, account: str, bic: str | None, amount: Money, rf: str) -> str | None:
    """Return the text of a code for a SEPA credit transfer, or None where none can be made: another currency, no IBAN.

    Source: EPC069-12 "Quick Response Code: Guidelines to enable data capture for the initiation of a SEPA credit transfer",
    version 002. An amount of 0 is left out: the payer fills it in.
    """
    if amount.currency != "EUR" or not is_iban(account) or not 0 <= amount.minor <= _MOST_MINOR:
        return None
    sum_of = f"EUR{amount.minor // 100}.{amount.minor % 100:02}" if amount.minor else ""
    name = " ".join(holder.split())[:_LONGEST_NAME]
    lines = ["BCD", "002", "1", "SCT", bic or "", name, account, sum_of, "", rf]
    return "\n".join(lines)
