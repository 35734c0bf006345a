"""The shape of the PBOC records written here: which elements, in which order, with which values. A schema of ours.

It is put together from samples and classes of open-source reporters (read): the official collection standard is not public,
and nothing here says that a file conforms to it. `check_document` holds one record against it.
"""

import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

_DAY = r"\d{4}-\d{2}-\d{2}"
_NO_DAY = rf"({_DAY})?"
_YUAN = r"\d{1,15}"
_CODE = r"[A-Z0-9]{1,60}"
_TEXT = r"[^\r\n]{1,120}"


class Leaf(NamedTuple):
    """An element with a value: its pattern, and whether it may be missing."""

    name: str
    pattern: str
    is_optional: bool = False


class Group(NamedTuple):
    """An element of elements in this order."""

    name: str
    parts: tuple["Leaf | Group", ...]
    is_optional: bool = False
    repeats: bool = False


_BASE = Group(
    "AcctBsSgmt",
    (
        Leaf("InfRecType", "210"),
        Leaf("AcctType", "D1|R[1-4]"),
        Leaf("AcctCode", _CODE),
        Leaf("RptDate", _DAY),
        Leaf("RptDateCode", "10|20|3[012]|40"),
        Leaf("Name", _TEXT),
        Leaf("IDType", "10"),
        Leaf("IDNum", r"\d{17}[\dX]"),
        Leaf("MngmtOrgCode", "[A-Z0-9]{14}"),
    ),
)
_FACTS = Group(
    "AcctBsInfSgmt",
    (
        Leaf("BusiLines", "1"),
        Leaf("BusiDtlLines", r"\d\d"),
        Leaf("OpenDate", _DAY),
        Leaf("Cy", "CNY"),
        Leaf("AcctCredLine", _YUAN, is_optional=True),
        Leaf("LoanAmt", _YUAN),
        Leaf("Flag", "[01]"),
        Leaf("DueDate", _NO_DAY),
        Leaf("RepayMode", r"\d\d"),
        Leaf("RepayFreqcy", r"\d\d"),
        Leaf("RepayPrd", r"\d{1,4}"),
        Leaf("ApplyBusiDist", r"\d{6}"),
        Leaf("GuarMode", "[1-7]"),
        Leaf("OthRepyGuarWay", "[019]"),
        Leaf("AssetTrandFlag", "[01]"),
        Leaf("FundSou", r"\d{1,2}"),
        Leaf("LoanForm", "[159]"),
    ),
)
_RELATED = Group(
    "RltRepymtInfSgmt",
    (
        Leaf("RltRepymtNm", r"\d{1,2}"),
        Group(
            "RltRepymtInf",
            (
                Leaf("InfoIDType", "1"),
                Leaf("ArlpName", _TEXT),
                Leaf("ArlpCertType", "10"),
                Leaf("ArlpCertNum", r"\d{17}[\dX]"),
                Leaf("ArlpType", "[129]"),
                Leaf("ArlpAmt", _YUAN),
            ),
            repeats=True,
        ),
    ),
    is_optional=True,
)
MONTHLY = Group(
    "AcctMthlyBlgInfSgmt",
    (
        Leaf("Month", r"\d{4}-(0[1-9]|1[0-2])"),
        Leaf("SettDate", _NO_DAY),
        Leaf("AcctStatus", "1|2|3|4[12]|6|8"),
        Leaf("AcctBal", _YUAN),
        Leaf("RemRepPrd", r"\d{1,4}"),
        Leaf("FiveCate", "[1-59]"),
        Leaf("FiveCateAdjDate", _DAY),
        Leaf("RpyStatus", r"[*N1-7DZMBCG#]"),
        Leaf("OverdPrd", r"\d{1,4}"),
        Leaf("TotOverd", _YUAN),
        Leaf("OverdPrinc", _YUAN),
        Leaf("Oved31_60Princ", _YUAN),
        Leaf("Oved61_90Princ", _YUAN),
        Leaf("Oved91_180Princ", _YUAN),
        Leaf("OvedPrinc180", _YUAN),
        Leaf("CurRpyAmt", _YUAN),
        Leaf("ActRpyAmt", _YUAN),
        Leaf("LatRpyDate", _NO_DAY),
        Leaf("CloseDate", _NO_DAY),
    ),
)
_SPECIAL = Group(
    "AcctSpecTrstDspnSgmt",
    (
        Leaf("CagOfTrdNm", "1"),
        Group(
            "CagOfTrdInf",
            (
                Leaf("ChanTranType", r"\d{1,2}"),
                Leaf("TranDate", _DAY),
                Leaf("TranAmt", _YUAN),
                Leaf("DueTranMon", r"\d{1,3}"),
                Leaf("DetInfo", ".{0,200}"),
            ),
        ),
    ),
    is_optional=True,
)
RECORDS = {
    "210": Group("InAcctInf", (_BASE, _FACTS, _RELATED, MONTHLY, _SPECIAL)),
    "212": Group(
        "InAcctMdfc",
        (
            Group(
                "BsSgmt",
                (
                    Leaf("InfRecType", "212"),
                    Leaf("ModRecCode", _CODE),
                    Leaf("RptDate", _DAY),
                    Leaf("AcctType", "D1|R[1-4]"),
                    Leaf("MdfcSgmtCode", "H"),
                ),
            ),
            Group("MdfcSgmt", (MONTHLY,)),
        ),
    ),
    "214": Group("InAcctEntDel", (Leaf("InfRecType", "214"), Leaf("DelRecCode", _CODE))),
    "110": Group(
        "InBasInf",
        (
            Group(
                "BsSgmt",
                (
                    Leaf("InfRecType", "110"),
                    Leaf("Name", _TEXT),
                    Leaf("IDType", "10"),
                    Leaf("IDNum", r"\d{17}[\dX]"),
                    Leaf("InfSurcCode", _CODE),
                    Leaf("RptDate", _DAY),
                    Leaf("RptDateCode", "[12]0"),
                    Leaf("Cimoc", "[A-Z0-9]{14}"),
                    Leaf("CustomerType", r"\d{1,2}"),
                ),
            ),
            Group(
                "FcsInfSgmt",
                (
                    Leaf("Sex", "[0129]"),
                    Leaf("DOB", _DAY),
                    Leaf("Nation", "CHN"),
                    Leaf("HouseAdd", ".{0,200}"),
                    Leaf("HhDist", r"(\d{6})?"),
                    Leaf("CellPhone", r"(\d{11})?"),
                    Leaf("Email", ".{0,120}"),
                    Leaf("FcsInfoUpDate", _DAY),
                ),
            ),
            Group(
                "MlgInfSgmt",
                (
                    Leaf("MailAddr", _TEXT),
                    Leaf("MailPc", r"(\d{6})?"),
                    Leaf("MailDist", r"(\d{6})?"),
                    Leaf("MlgInfoUpDate", _DAY),
                ),
                is_optional=True,
            ),
        ),
    ),
    "114": Group(
        "InBsInfDlt",
        (
            Leaf("InfRecType", "114"),
            Leaf("Name", _TEXT),
            Leaf("IDType", "10"),
            Leaf("IDNum", r"\d{17}[\dX]"),
            Leaf("InfSurcCode", _CODE),
        ),
    ),
}
"""By record type: 210 account, 212 correction of its month, 214 deletion of it; 110 person, 114 deletion of one."""


def check_document(document: str, record_type: str) -> list[str]:
    """Return what of one document does not fit the schema, as paths with what is wrong; nothing: it fits."""
    root = ET.fromstring(document)  # noqa: S314 - only what was written here is read
    if root.tag != "Document":
        return [f"{root.tag}: a record stands in <Document>"]
    return list(_misfits(root, (RECORDS[record_type],), "Document"))


def _misfits(element: ET.Element, parts: tuple[Leaf | Group, ...], path: str) -> list[str]:
    found: list[str] = []
    children = list(element)
    for part in parts:
        taken = 0
        while children and children[0].tag == part.name and (not taken or (isinstance(part, Group) and part.repeats)):
            child = children.pop(0)
            taken += 1
            if isinstance(part, Group):
                found += _misfits(child, part.parts, f"{path}/{part.name}")
            elif len(child) or not re.fullmatch(part.pattern, child.text or ""):
                found.append(f"{path}/{part.name}: the value does not fit")
        if not taken and not part.is_optional:
            found.append(f"{path}/{part.name}: missing, or out of order")
    return found + [f"{path}/{child.tag}: nothing of that name belongs here" for child in children]
