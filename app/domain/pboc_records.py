"""The PBOC-shaped records of one account or person, each an XML document on one line. Sums are whole yuan, cut off.

Element names and order as in the samples that `pboc_schema.py` names.
"""

from datetime import date
from typing import NamedTuple
from xml.sax.saxutils import escape

from app.domain.credit_accounts import CLOSED, CreditAccount, CreditConsumer
from app.domain.pboc_codes import (
    OTHER_CONSUMER_LOAN,
    account_status,
    account_type,
    full_name,
    guarantee,
    repay_frequency,
    repay_mode,
    report_code,
    special_transaction,
)

_UNIT = 100


class Reporter(NamedTuple):
    """Who reports: the institution's code, the district it lends in, whose money it lends."""

    institution_code: str
    """14 letters and digits, as the bank gave it."""
    district: str
    """Six digits of the administrative division where the loan was asked for (GB/T 2260)."""
    fund_source: str = "1"
    """1 own money, 23 entrusted by private persons."""


class _Days(dict[date | None, str]):
    def __missing__(self, day: date | None) -> str:
        told = "" if day is None else day.isoformat()
        self[day] = told
        return told


_ISO = _Days()


def _template(outer: str, *names: str) -> str:
    return f"<{outer}>" + "".join(f"<{name}>%s</{name}>" for name in names) + f"</{outer}>"


_BASE = _template(
    "AcctBsSgmt", "InfRecType", "AcctType", "AcctCode", "RptDate", "RptDateCode", "Name", "IDType", "IDNum", "MngmtOrgCode"
)
_FACTS = (
    "<AcctBsInfSgmt><BusiLines>1</BusiLines><BusiDtlLines>%s</BusiDtlLines><OpenDate>%s</OpenDate><Cy>CNY</Cy>%s"
    "<LoanAmt>%d</LoanAmt><Flag>0</Flag><DueDate>%s</DueDate><RepayMode>%s</RepayMode><RepayFreqcy>%s</RepayFreqcy>"
    "<RepayPrd>%d</RepayPrd><ApplyBusiDist>%s</ApplyBusiDist><GuarMode>%s</GuarMode><OthRepyGuarWay>0</OthRepyGuarWay>"
    "<AssetTrandFlag>%d</AssetTrandFlag><FundSou>%s</FundSou><LoanForm>1</LoanForm></AcctBsInfSgmt>"
)
_MONTHLY = _template(
    "AcctMthlyBlgInfSgmt", "Month", "SettDate", "AcctStatus", "AcctBal", "RemRepPrd", "FiveCate", "FiveCateAdjDate",
    "RpyStatus", "OverdPrd", "TotOverd", "OverdPrinc", "Oved31_60Princ", "Oved61_90Princ", "Oved91_180Princ", "OvedPrinc180",
    "CurRpyAmt", "ActRpyAmt", "LatRpyDate", "CloseDate",
)  # fmt: skip
_SPECIAL = (
    "<AcctSpecTrstDspnSgmt><CagOfTrdNm>1</CagOfTrdNm>"
    + _template("CagOfTrdInf", "ChanTranType", "TranDate", "TranAmt", "DueTranMon", "DetInfo")
    + "</AcctSpecTrstDspnSgmt>"
)
_RELATED = _template("RltRepymtInf", "InfoIDType", "ArlpName", "ArlpCertType", "ArlpCertNum", "ArlpType", "ArlpAmt")
_PERSON = _template(
    "BsSgmt", "InfRecType", "Name", "IDType", "IDNum", "InfSurcCode", "RptDate", "RptDateCode", "Cimoc", "CustomerType"
)
_PERSON_FACTS = _template("FcsInfSgmt", "Sex", "DOB", "Nation", "HouseAdd", "HhDist", "CellPhone", "Email", "FcsInfoUpDate")
_MAIL = _template("MlgInfSgmt", "MailAddr", "MailPc", "MailDist", "MlgInfoUpDate")


def account_code(account: CreditAccount, reporter: Reporter) -> str:
    """Return the account's code: the institution's and the loan's number, the same every month."""
    return reporter.institution_code + account.loan_no


def account_record(account: CreditAccount, reporter: Reporter) -> str:
    """Return record 210 of one month."""
    who = account.consumer
    on = _ISO[account.closed_on or account.as_of_on]
    base = _BASE % (
        210,
        account_type(account),
        account_code(account, reporter),
        on,
        report_code(account),
        escape(full_name(who)),
        10,
        who.id_number,
        reporter.institution_code,
    )
    line = f"<AcctCredLine>{account.original_minor // _UNIT}</AcctCredLine>" if account.product == "revolving" else ""
    facts = _FACTS % (
        OTHER_CONSUMER_LOAN,
        _ISO[account.opened_on],
        line,
        account.original_minor // _UNIT,
        _ISO[account.ends_on],
        repay_mode(account),
        repay_frequency(account),
        account.terms,
        reporter.district,
        guarantee(account),
        bool(account.holder_change and account.holder_change.kind == "purchased_from"),
        reporter.fund_source,
    )
    parts = (base, facts, _related(account), monthly_segment(account), _special(account))
    return f"<Document><InAcctInf>{''.join(parts)}</InAcctInf></Document>"


def monthly_segment(account: CreditAccount) -> str:
    """Return the segment of the month's performance."""
    aged = account.overdue_principal
    return _MONTHLY % (
        _ISO[account.as_of_on][:7],
        _ISO[account.due_on or account.as_of_on],
        account_status(account),
        account.principal_balance_minor // _UNIT,
        account.terms_left,
        account.five_grade.value,
        _ISO[account.as_of_on],
        account.month_codes[:1],
        account.terms_overdue,
        account.overdue_minor // _UNIT,
        sum(aged) // _UNIT,
        aged.from_31_to_60 // _UNIT,
        aged.from_61_to_90 // _UNIT,
        aged.from_91_to_180 // _UNIT,
        aged.over_180 // _UNIT,
        account.due_minor // _UNIT,
        account.paid_minor // _UNIT,
        _ISO[account.last_paid_on],
        _ISO[account.closed_on] if account.standing in CLOSED else "",
    )


def _related(account: CreditAccount) -> str:
    if not account.associated:
        return ""
    owed = account.original_minor // _UNIT
    told = "".join(
        _RELATED % (1, escape(full_name(who)), 10, who.id_number, 2 if who.relation == "5" else 1, owed)
        for who in account.associated
    )
    return f"<RltRepymtInfSgmt><RltRepymtNm>{len(account.associated)}</RltRepymtNm>{told}</RltRepymtInfSgmt>"


def _special(account: CreditAccount) -> str:
    found = special_transaction(account)
    if found is None:
        return ""
    kind, amount_minor = found
    on = account.closed_on or account.lost_on or account.as_of_on
    return _SPECIAL % (kind, _ISO[on], amount_minor // _UNIT, 0, "")


def correction_record(account: CreditAccount, reporter: Reporter) -> str:
    """Return record 212: the month of the account as it should have been told."""
    base = _template("BsSgmt", "InfRecType", "ModRecCode", "RptDate", "AcctType", "MdfcSgmtCode") % (
        212,
        account_code(account, reporter),
        _ISO[account.closed_on or account.as_of_on],
        account_type(account),
        "H",
    )
    return f"<Document><InAcctMdfc>{base}<MdfcSgmt>{monthly_segment(account)}</MdfcSgmt></InAcctMdfc></Document>"


def deletion_record(account: CreditAccount, reporter: Reporter) -> str:
    """Return record 214: the account is taken out."""
    told = _template("InAcctEntDel", "InfRecType", "DelRecCode") % (214, account_code(account, reporter))
    return f"<Document>{told}</Document>"


def person_record(account: CreditAccount, reporter: Reporter) -> str:
    """Return record 110 of the borrower; sex and birth are what the citizen's number says."""
    who, on = account.consumer, _ISO[account.as_of_on]
    number, at = who.id_number, who.address
    code = "10" if account.as_of_on.replace(day=1) <= account.opened_on else "20"
    base = _PERSON % (
        110, escape(full_name(who)), 10, number, reporter.institution_code, on, code, reporter.institution_code, 1
    )  # fmt: skip
    born = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    sex = 1 if int(number[16]) % 2 else 2
    told = who.telephone
    phone = told if len(told) == 11 and told.isascii() and told.isdigit() else ""
    facts = _PERSON_FACTS % (sex, born, "CHN", "", "", phone, "", on)
    mail = _MAIL % (escape(f"{at.city}{at.line_1}{at.line_2}"), escape(at.postcode), "", on) if at else ""
    return f"<Document><InBasInf>{base}{facts}{mail}</InBasInf></Document>"


def person_deletion_record(who: CreditConsumer, reporter: Reporter) -> str:
    """Return record 114: the person's basic information is taken out."""
    told = _template("InBsInfDlt", "InfRecType", "Name", "IDType", "IDNum", "InfSurcCode")
    return f"<Document>{told % (114, escape(full_name(who)), 10, who.id_number, reporter.institution_code)}</Document>"
