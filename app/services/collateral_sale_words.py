"""What is said of a sale that was booked or taken back: to the borrower by a notice, to the lender's systems by an event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain.collateral_sales import SaleState
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow
from app.persistence.queries.borrowers import get_borrower
from app.persistence.unit_of_work import Work
from app.services.collateral_proceeds import reference_of_share
from app.services.notices import tell_borrower, withdraw_notice
from app.services.webhook_events import announce
from app.wording.variables import Value


def tell_of_sale(
    work: Work, row: CollateralSaleRow, thing: CollateralThingRow, pledges: Sequence[Any], *, now: datetime
) -> None:
    """Say what became of the money: what is left to the borrower, or still owed. Of one taken back the word is withdrawn."""
    key = f"collateral_sale:{row.id}"
    loans = ", ".join(pledge.loan_no for pledge in pledges)[:64]
    if row.state == SaleState.REVERSED:
        withdraw_notice(work, row.borrower_id, key, now=now)
    elif pledges:
        values: dict[str, Value] = {"loan": loans}
        template = "collateral_sale_settled"
        if row.surplus_minor:
            template, values["amount"] = "collateral_sale_surplus", {row.currency: row.surplus_minor}
        elif row.shortfall_minor:
            template, values["amount"] = "collateral_sale_shortfall", {row.currency: row.shortfall_minor}
        tell_borrower(
            work, row.borrower_id, template, values, now=now, loan_id=pledges[0].loan_id, subject_id=thing.id, key=key
        )  # fmt: skip
    data = {
        "sale_id": row.id,
        "thing": thing.reference,
        "borrower_no": get_borrower(work.session, row.borrower_id).borrower_no,
        "state": row.state,
        "sold_on": row.sold_on.isoformat(),
        "proceeds": _money(row.proceeds_minor, row.currency),
        "costs": _money(row.division["costs_minor"], row.currency),
        "claims": _money(sum(row.division["claims_minor"]), row.currency),
        "surplus": _money(row.surplus_minor, row.currency),
        "shortfall": _money(row.shortfall_minor, row.currency),
        "entries": [
            {"loan_no": each["loan_no"], "reference": reference_of_share(row, each["loan_id"]), **each["paid"]}
            for each in row.division["loans"]
        ],
        "rule": row.rule,
    }
    announce(work, row.lender_id, f"collateral_sale.{row.state}.v1", data, now=now, borrower_id=row.borrower_id)


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}
