"""The PBOC-shaped records of one account or person, each an XML document on one line. Sums are whole yuan, cut off.

Element names and order as in the samples that `pboc_schema.py` names.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape

from app.domain.credit_accounts import CLOSED, CreditAccount, CreditConsumer
from app.domain.pboc_codes import (
    OPEN,
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


_ACCOUNT = (
    "<Document><InAcctInf><AcctBsSgmt><InfRecType>210</InfRecType><AcctType>%s</AcctType><AcctCode>{institution}%s</AcctCode>"
    "<RptDate>%s</RptDate><RptDateCode>%s</RptDateCode><Name>%s</Name><IDType>10</IDType><IDNum>%s</IDNum>"
    "<MngmtOrgCode>{institution}</MngmtOrgCode></AcctBsSgmt>"
    "<AcctBsInfSgmt><BusiLines>1</BusiLines><BusiDtlLines>{business}</BusiDtlLines><OpenDate>%s</OpenDate><Cy>CNY</Cy>%s"
    "<LoanAmt>%d</LoanAmt><Flag>0</Flag><DueDate>%s</DueDate><RepayMode>%s</RepayMode><RepayFreqcy>%s</RepayFreqcy>"
    "<RepayPrd>%d</RepayPrd><ApplyBusiDist>{district}</ApplyBusiDist><GuarMode>%s</GuarMode>"
    "<OthRepyGuarWay>0</OthRepyGuarWay><AssetTrandFlag>%d</AssetTrandFlag><FundSou>{fund_source}</FundSou>"
    "<LoanForm>1</LoanForm></AcctBsInfSgmt>%s{monthly}%s</InAcctInf></Document>"
)
_MONTHLY = (
    "<AcctMthlyBlgInfSgmt><Month>%s</Month><SettDate>%s</SettDate><AcctStatus>%s</AcctStatus><AcctBal>%d</AcctBal>"
    "<RemRepPrd>%d</RemRepPrd><FiveCate>%s</FiveCate><FiveCateAdjDate>%s</FiveCateAdjDate><RpyStatus>%s</RpyStatus>%s"
    "<CurRpyAmt>%d</CurRpyAmt><ActRpyAmt>%d</ActRpyAmt><LatRpyDate>%s</LatRpyDate><CloseDate>%s</CloseDate>"
    "</AcctMthlyBlgInfSgmt>"
)
_OVERDUE = (
    "<OverdPrd>%d</OverdPrd><TotOverd>%d</TotOverd><OverdPrinc>%d</OverdPrinc><Oved31_60Princ>%d</Oved31_60Princ>"
    "<Oved61_90Princ>%d</Oved61_90Princ><Oved91_180Princ>%d</Oved91_180Princ><OvedPrinc180>%d</OvedPrinc180>"
)
_NOTHING_OVERDUE = _OVERDUE % ((0,) * 7)
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


def record_bytes(records: list[str]) -> bytes:
    """Return records as the file has them, one a line: UTF-8 already, as `_utf8` put every text that is not ASCII."""
    return "\r\n".join([*records, ""]).encode("latin-1")


def _utf8(text: str) -> str:
    """Return a text as XML, each byte of its UTF-8 as one character: a record stays of one byte a character all along."""
    return (text if text.isalnum() else escape(text)).encode().decode("latin-1")


def account_code(account: CreditAccount, reporter: Reporter) -> str:
    """Return the account's code: the institution's and the loan's number, the same every month."""
    return reporter.institution_code + account.loan_no


@lru_cache(maxsize=8)
def _account_of(reporter: Reporter) -> str:
    """Return the template of this reporter's accounts: one that is filled at once takes half the time of its segments."""
    return _ACCOUNT.format(
        institution=reporter.institution_code, district=reporter.district, fund_source=reporter.fund_source,
        business=OTHER_CONSUMER_LOAN, monthly=_MONTHLY,
    )  # fmt: skip


def account_record(account: CreditAccount, reporter: Reporter) -> str:
    """Return record 210 of one month, for `record_bytes`, as every record here."""
    who, change = account.consumer, account.holder_change
    lent = account.original_minor // _UNIT
    return _account_of(reporter) % (
        account_type(account),
        account.loan_no,
        _ISO[account.closed_on or account.as_of_on],
        report_code(account),
        _utf8(full_name(who)),
        who.id_number,
        _ISO[account.opened_on],
        f"<AcctCredLine>{lent}</AcctCredLine>" if account.product == "revolving" else "",
        lent,
        _ISO[account.ends_on],
        repay_mode(account),
        repay_frequency(account),
        account.terms,
        guarantee(account),
        change is not None and change.kind == "purchased_from",
        _related(account) if account.associated else "",
        *_month(account),
        "" if account.standing is OPEN else _special(account),
    )


def _month(account: CreditAccount) -> tuple[object, ...]:
    """Return the values of the segment of the month's performance."""
    on, due_on, closed_on = _ISO[account.as_of_on], account.due_on, account.closed_on
    return (
        on[:7],
        on if due_on is None else _ISO[due_on],
        account_status(account),
        account.principal_balance_minor // _UNIT,
        account.terms_left,
        account.five_grade._value_,
        on,
        account.month_codes[:1],
        _overdue(account) if account.overdue_minor or account.terms_overdue else _NOTHING_OVERDUE,
        account.due_minor // _UNIT,
        account.paid_minor // _UNIT,
        _ISO[account.last_paid_on],
        _ISO[closed_on] if closed_on is not None and account.standing in CLOSED else "",
    )


def _overdue(account: CreditAccount) -> str:
    aged = account.overdue_principal
    return _OVERDUE % (
        account.terms_overdue,
        account.overdue_minor // _UNIT,
        sum(aged) // _UNIT,
        *(minor // _UNIT for minor in aged[1:]),
    )


def _related(account: CreditAccount) -> str:
    owed = account.original_minor // _UNIT
    told = "".join(
        _RELATED % (1, _utf8(full_name(who)), 10, who.id_number, 2 if who.relation == "5" else 1, owed)
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
    return f"<Document><InAcctMdfc>{base}<MdfcSgmt>{_MONTHLY % _month(account)}</MdfcSgmt></InAcctMdfc></Document>"


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
        110, _utf8(full_name(who)), 10, number, reporter.institution_code, on, code, reporter.institution_code, 1
    )  # fmt: skip
    born = f"{number[6:10]}-{number[10:12]}-{number[12:14]}"
    sex = 1 if int(number[16]) % 2 else 2
    told = who.telephone
    phone = told if len(told) == 11 and told.isascii() and told.isdigit() else ""
    facts = _PERSON_FACTS % (sex, born, "CHN", "", "", phone, "", on)
    mail = _MAIL % (_utf8(f"{at.city}{at.line_1}{at.line_2}"), _utf8(at.postcode), "", on) if at else ""
    return f"<Document><InBasInf>{base}{facts}{mail}</InBasInf></Document>"


def person_deletion_record(who: CreditConsumer, reporter: Reporter) -> str:
    """Return record 114: the person's basic information is taken out."""
    told = _template("InBsInfDlt", "InfRecType", "Name", "IDType", "IDNum", "InfSurcCode")
    return f"<Document>{told % (114, _utf8(full_name(who)), 10, who.id_number, reporter.institution_code)}</Document>"
