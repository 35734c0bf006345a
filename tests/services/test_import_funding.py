"""The standard file `funding`: funders and their shares, each once; what cannot be is refused by its line."""

from pathlib import Path

from flask import Flask
from sqlalchemy import select

from app.persistence.db import session, vault
from app.persistence.models.funding import FundedLoanRow, FunderRow, ShareTransferRow
from app.services.funders import open_funder
from app.services.imports.runs import import_file
from tests.builders.book import build_loan
from tests.conftest import START

FUNDERS = (
    "funder_no,funder_kind,name,email,account,locale\nF-1,person,张三,z@example.com,6222 0001,zh-CN\nF-2,firm,Acme,,,\n"
)
HEAD = "share_ref,loan_no,to_funder_no,from_funder_no,amount,currency,effective_on,interest_fee\n"


def taken(path: Path, text: str) -> dict[str, int]:
    path.write_text(text, encoding="utf-8")
    report = import_file(path, "funding", now=START, lender_code="acme")
    session().rollback()
    return {**report.done, "rejected": report.rejected}


def test_funders_and_shares_are_taken_in_once(sqlite_book: Flask, tmp_path: Path) -> None:
    loan = build_loan(now=START, due=[START.date()])
    shares = (
        HEAD
        + f"S-1,{loan.loan_no},F-1,,60.00,USD,2026-02-01,0.1\nS-2,{loan.loan_no},F-2,,40.00,USD,2026-02-01,\n"
        + f"S-3,{loan.loan_no},F-2,F-1,10.00,USD,2026-02-10,\n"
    )

    assert taken(tmp_path / "funders.csv", FUNDERS) == {"funders_created": 2, "rejected": 0}
    assert taken(tmp_path / "funders.csv", FUNDERS)["funders_unchanged"] == 2
    assert taken(tmp_path / "shares.csv", shares) == {"shares_created": 3, "rejected": 0}
    assert taken(tmp_path / "shares.csv", shares)["shares_unchanged"] == 3
    row = session().scalars(select(FunderRow).where(FunderRow.funder_no == "F-1")).one()
    assert open_funder(vault(), row).name == "张三"
    assert session().scalars(select(FundedLoanRow.service_fee)).all() == [{"interest": "0.1"}]
    assert len(session().scalars(select(ShareTransferRow.id)).all()) == 3


def test_what_cannot_be_is_refused_by_its_line_and_the_rest_is_taken(sqlite_book: Flask, tmp_path: Path) -> None:
    loan = build_loan(now=START, due=[START.date()])
    taken(tmp_path / "funders.csv", FUNDERS)
    shares = (
        HEAD
        + f"S-1,{loan.loan_no},F-1,,60.00,USD,2026-02-01,\n"
        + f"S-2,{loan.loan_no},F-2,,60.00,USD,2026-02-01,\n"
        + f"S-3,{loan.loan_no},F-9,,10.00,USD,2026-02-01,\n"
        + "S-4,NONE,F-1,,10.00,USD,2026-02-01,\n"
        + f"S-5,{loan.loan_no},F-1,F-1,10.00,USD,2026-02-01,\n"
    )

    assert taken(tmp_path / "shares.csv", shares) == {"shares_created": 1, "rejected": 4}
