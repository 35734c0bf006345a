"""A strict reader of PBOC-shaped files, written from the samples' elements: it shares nothing with what writes them.

Element names and their order are checked against lists typed here; values are read by kind. Whatever does not fit is an
`AssertionError`.
"""

import re
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

_ACCOUNT = "InfRecType AcctType AcctCode RptDate RptDateCode Name IDType IDNum MngmtOrgCode".split()
_FACTS = (
    "BusiLines BusiDtlLines OpenDate Cy AcctCredLine? LoanAmt Flag DueDate RepayMode RepayFreqcy RepayPrd ApplyBusiDist "
    "GuarMode OthRepyGuarWay AssetTrandFlag FundSou LoanForm"
).split()
_MONTH = (
    "Month SettDate AcctStatus AcctBal RemRepPrd FiveCate FiveCateAdjDate RpyStatus OverdPrd TotOverd OverdPrinc "
    "Oved31_60Princ Oved61_90Princ Oved91_180Princ OvedPrinc180 CurRpyAmt ActRpyAmt LatRpyDate CloseDate"
).split()
_WHOLE = frozenset(
    "LoanAmt AcctCredLine RepayPrd AcctBal RemRepPrd OverdPrd TotOverd OverdPrinc Oved31_60Princ Oved61_90Princ "
    "Oved91_180Princ OvedPrinc180 CurRpyAmt ActRpyAmt TranAmt DueTranMon ArlpAmt RltRepymtNm CagOfTrdNm".split()
)
_DAYS = frozenset(
    "RptDate OpenDate DueDate SettDate FiveCateAdjDate LatRpyDate CloseDate TranDate DOB FcsInfoUpDate".split()
)

Fields = dict[str, Any]


def read_pboc(data: bytes) -> list[tuple[str, Fields]]:
    """Return the records in their order: the record's element and its fields by name, those of segments under theirs."""
    text = data.decode("utf-8")
    assert text.endswith("\r\n")
    found = []
    for line in text[:-2].split("\r\n"):
        assert "\n" not in line
        root = ET.fromstring(line)
        assert (root.tag, len(root)) == ("Document", 1)
        record = root[0]
        found.append((record.tag, _READERS[record.tag](record)))
    return found


def _account(record: ET.Element) -> Fields:
    told, names = {}, [child.tag for child in record]
    allowed = ["AcctBsSgmt", "AcctBsInfSgmt", "RltRepymtInfSgmt", "AcctMthlyBlgInfSgmt", "AcctSpecTrstDspnSgmt"]
    assert names == [name for name in allowed if name in names]
    assert {"AcctBsSgmt", "AcctBsInfSgmt", "AcctMthlyBlgInfSgmt"} <= set(names)
    for child in record:
        if child.tag == "RltRepymtInfSgmt":
            told[child.tag] = _related(child)
        elif child.tag == "AcctSpecTrstDspnSgmt":
            assert [each.tag for each in child] == ["CagOfTrdNm", "CagOfTrdInf"]
            told[child.tag] = _leaves(child[1], "ChanTranType TranDate TranAmt DueTranMon DetInfo".split())
        else:
            lists = {"AcctBsSgmt": _ACCOUNT, "AcctBsInfSgmt": _FACTS, "AcctMthlyBlgInfSgmt": _MONTH}
            told[child.tag] = _leaves(child, lists[child.tag])
    base, month = told["AcctBsSgmt"], told["AcctMthlyBlgInfSgmt"]
    assert base["InfRecType"] == "210"
    _check_month(month)
    assert base["RptDate"].isoformat()[:7] == month["Month"]
    assert (base["RptDateCode"] in ("20", "32")) == (month["AcctStatus"] == "3")
    return told


def _check_month(month: Fields) -> None:
    parts = [month[name] for name in ("Oved31_60Princ", "Oved61_90Princ", "Oved91_180Princ", "OvedPrinc180")]
    assert sum(parts) <= month["OverdPrinc"] <= month["TotOverd"]
    assert (month["OverdPrd"] > 0) == (month["TotOverd"] > 0)
    assert (month["RpyStatus"] in "1234567B") == (month["AcctStatus"] in ("2", "42"))
    assert month["RpyStatus"] != "*" or month["TotOverd"] == 0
    oldest = max((n for n, part in enumerate(parts) if part), default=-1)
    if month["RpyStatus"] in "1234567":
        assert int(month["RpyStatus"]) >= (1, 2, 3, 4, 7)[oldest + 1]
    assert (month["CloseDate"] is not None) == (month["AcctStatus"] == "3")
    if month["AcctStatus"] == "3":
        assert (month["AcctBal"], month["TotOverd"]) == (0, 0)
    assert month["FiveCate"] in "12345"


def _related(segment: ET.Element) -> list[Fields]:
    count, *people = segment
    assert count.tag == "RltRepymtNm"
    assert int(count.text or "") == len(people)
    names = "InfoIDType ArlpName ArlpCertType ArlpCertNum ArlpType ArlpAmt".split()
    return [_leaves(person, names) for person in people]


def _correction(record: ET.Element) -> Fields:
    assert [child.tag for child in record] == ["BsSgmt", "MdfcSgmt"]
    base = _leaves(record[0], "InfRecType ModRecCode RptDate AcctType MdfcSgmtCode".split())
    assert (base["InfRecType"], base["MdfcSgmtCode"]) == ("212", "H")
    month = _leaves(record[1][0], _MONTH)
    _check_month(month)
    return {"BsSgmt": base, "AcctMthlyBlgInfSgmt": month}


def _deletion(record: ET.Element) -> Fields:
    told = _leaves(record, ["InfRecType", "DelRecCode"])
    assert told["InfRecType"] == "214"
    return told


def _person(record: ET.Element) -> Fields:
    told = {
        "BsSgmt": _leaves(
            record[0], "InfRecType Name IDType IDNum InfSurcCode RptDate RptDateCode Cimoc CustomerType".split()
        ),
        "FcsInfSgmt": _leaves(record[1], "Sex DOB Nation HouseAdd HhDist CellPhone Email FcsInfoUpDate".split()),
    }
    for child in record[2:]:
        assert child.tag == "MlgInfSgmt"
        told[child.tag] = _leaves(child, "MailAddr MailPc MailDist MlgInfoUpDate".split())
    assert told["BsSgmt"]["InfRecType"] == "110"
    return told


def _person_deletion(record: ET.Element) -> Fields:
    told = _leaves(record, "InfRecType Name IDType IDNum InfSurcCode".split())
    assert told["InfRecType"] == "114"
    return told


def _leaves(segment: ET.Element, names: list[str]) -> Fields:
    found = [child.tag for child in segment]
    assert found == [name.rstrip("?") for name in names if not name.endswith("?") or name[:-1] in found]
    return {child.tag: _value(child) for child in segment}


def _value(leaf: ET.Element) -> Any:
    assert len(leaf) == 0
    text = leaf.text or ""
    if leaf.tag in _WHOLE:
        assert re.fullmatch(r"\d{1,15}", text), leaf.tag
        return int(text)
    if leaf.tag in _DAYS:
        return date.fromisoformat(text) if text else None
    return text


_READERS = {
    "InAcctInf": _account,
    "InAcctMdfc": _correction,
    "InAcctEntDel": _deletion,
    "InBasInf": _person,
    "InBsInfDlt": _person_deletion,
}
