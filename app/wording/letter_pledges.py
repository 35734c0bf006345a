"""What a letter about pledged things says of each: which it is, where it is, what it takes to have it back, what is in it.

A letter is sealed: plate and VIN stand in it whole, as nowhere else outside the desk. What it says is the house's own word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from app.domain.collateral_events import ThingState
from app.domain.collateral_things import VEHICLE
from app.domain.money import Money
from app.wording.amounts import written_date, written_money
from app.wording.letter_contents import Section


@dataclass(frozen=True, slots=True)
class LetterPledge:
    """A thing as a letter names it. `total_minor` None: it is not in custody, or nothing can be quoted for it."""

    kind: str
    state: str
    currency: str
    about: str | None = field(default=None, repr=False)
    plate: str | None = field(default=None, repr=False)
    vin: str | None = field(default=None, repr=False)
    place: str | None = field(default=None, repr=False)
    quoted_on: date | None = None
    total_minor: int | None = None
    costs_minor: int = 0
    """Of the total: what custody and recovery cost until that day."""
    daily_minor: int = 0
    not_looked_at: str | None = None
    """What else the law may say of getting it back, of which nothing was read."""


_WORDS = {
    "en": {
        "heading": "What is pledged, and where it is",
        "about": "What it is", "plate": "Plate", "vin": "VIN",
        "home": "It is with you.",
        "held": "It is kept for us at: {place}.", "held_nowhere": "It is kept for us; ask us where.",
        "gone": "We have it neither in our custody nor written down as being with you; ask us about it.",
        "total": "To get it back on {on} takes {total}; {costs} of that are costs of keeping and fetching it.",
        "daily": "Each further day that it is kept costs {daily}.",
        "ask": "Ask us what it takes to get it back; we write you the sum for the day that you name.",
        "inside": "What is in the vehicle and not pledged is yours, and does not answer for this loan. Write or call, and "
        "we agree with you on a day and a place to fetch it.",
        "joiner": "; ", "colon": ": ",
        "vehicle": "vehicle", "machinery": "machine", "real_estate": "real estate", "jewellery": "jewellery",
        "electronics": "electronics", "goods": "goods", "securities": "securities", "deposit": "deposit",
        "other": "a pledged thing",
    },
    "zh-CN": {
        "heading": "抵押（质押）物及其所在",
        "about": "名称", "plate": "车牌号", "vin": "车架号",
        "home": "该物现由您保管。",
        "held": "该物现由我方委托保管，地点：{place}。", "held_nowhere": "该物现由我方委托保管，地点请向我们查询。",
        "gone": "我们的记录中，该物既不在我方保管，也未登记由您保管，请与我们联系。",
        "total": "如在{on}取回，需支付{total}，其中保管和取车等费用为{costs}。",
        "daily": "此后每多保管一天，费用增加{daily}。",
        "ask": "取回所需金额请向我们查询，我们会书面告知您所选日期的金额。",
        "inside": "车内未作抵押（质押）的个人物品归您所有，不为该笔贷款提供担保。"
        "请来信或来电，我们与您约定领取的时间和地点。",
        "joiner": "；", "colon": "：",
        "vehicle": "车辆", "machinery": "机器设备", "real_estate": "不动产", "jewellery": "珠宝首饰",
        "electronics": "电子产品",
        "goods": "货物", "securities": "有价证券", "deposit": "存款", "other": "抵押（质押）物",
    },
}  # fmt: skip


def pledge_section(pledges: Sequence[LetterPledge], locale: str) -> Section:
    """Return what a letter says of these things: of each which it is, where, and what getting it back takes."""
    words = _WORDS["zh-CN" if locale == "zh-CN" else "en"]
    said: list[str] = []
    for each in pledges:
        named = [("about", each.about), ("plate", each.plate), ("vin", each.vin)]
        told = [f"{words[name]}{words['colon']}{value}" for name, value in named if value]
        said.append(words["joiner"].join([words[each.kind], *told]))
        said.extend(_where(each, words, locale))
    return Section(words["heading"], tuple(said))


def _where(each: LetterPledge, words: dict[str, str], locale: str) -> list[str]:
    if each.state in (ThingState.PLEDGED, ThingState.NOTICE_SERVED, ThingState.RELEASED, ThingState.REDEEMED):
        return [words["home"]]
    if each.state != ThingState.IN_CUSTODY:
        return [words["gone"]]
    said = [words["held"].format(place=each.place) if each.place else words["held_nowhere"]]
    if each.total_minor is None or each.quoted_on is None:
        said.append(words["ask"])
    else:
        on, total = written_date(each.quoted_on, locale), _written(each.total_minor, each, locale)
        said.append(words["total"].format(on=on, total=total, costs=_written(each.costs_minor, each, locale)))
    if each.daily_minor:
        said.append(words["daily"].format(daily=_written(each.daily_minor, each, locale)))
    if each.not_looked_at:
        said.append(each.not_looked_at)
    return [*said, words["inside"]] if each.kind == VEHICLE else said


def _written(minor: int, each: LetterPledge, locale: str) -> str:
    return written_money(Money(minor, each.currency), locale)
