"""Made-up people for the sample book: names of their place, phones of their region, nobody real.

Phones are valid in form: numbers set aside for fiction where a region has them (US 555-01xx), else neighbours of the
example number of the numbering plan. Nothing is ever sent to them: the sandbox's messages end in the stand-in.
"""

import random
from dataclasses import dataclass
from functools import cache

import phonenumbers

from app.domain.book import BorrowerValues
from app.domain.policies import share_of
from app.sandbox.stand_in.magic import OUTCOMES

_OPTED_OUT_OF_TEXTS, _OPTED_OUT_OF_CALLS = 400, 600
"""Of ten thousand."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a share of the borrowers lives."""

    country: str
    locale: str
    zones: tuple[str, ...]
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    """Last line of an address, one for each zone."""
    family_first: bool = False


PLACES: dict[str, Place] = {
    "CN": Place(
        "CN",
        "zh-CN",
        ("Asia/Shanghai",),
        (
            "晓雨",
            "子涵",
            "建国",
            "丽华",
            "明轩",
            "雪梅",
            "志强",
            "思远",
            "佳怡",
            "海燕",
            "文博",
            "春兰",
            "俊杰",
            "秀英",
            "天宇",
        ),
        ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "林", "欧阳"),
        ("中山路", "人民路", "解放大道", "建设街", "和平里"),
        ("200001 上海市黄浦区",),
        family_first=True,
    ),
    "US": Place(
        "US",
        "en-US",
        ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
        ("Maya", "James", "Aisha", "Daniel", "Grace", "Luis", "Hannah", "Marcus", "Sofia", "Ethan", "Nora", "Tyrone"),
        ("Torres", "Miller", "Johnson", "Nguyen", "Garcia", "Brooks", "Chen", "Patel", "Walker", "Rossi", "Kim"),
        ("Maple Avenue", "Oak Street", "Lincoln Road", "2nd Street"),
        ("New York, NY 10001", "Chicago, IL 60601", "Denver, CO 80202", "Los Angeles, CA 90001"),
    ),
    "GB": Place(
        "GB",
        "en-GB",
        ("Europe/London",),
        ("Oliver", "Amelia", "Harry", "Isla", "Callum", "Zara", "Rhys", "Freya", "Mohammed", "Eleanor"),
        ("Bennett", "Hughes", "Clarke", "Ahmed", "Murray", "Wright", "Okafor", "Price", "Campbell"),
        ("High Street", "Station Road", "Church Lane", "Mill Road"),
        ("Leeds LS1 4AP",),
    ),
    "IN": Place(
        "IN",
        "en-IN",
        ("Asia/Kolkata",),
        ("Priya", "Arjun", "Ananya", "Rahul", "Kavya", "Imran", "Lakshmi", "Vikram", "Meera", "Sandeep"),
        ("Nair", "Sharma", "Iyer", "Khan", "Das", "Reddy", "Gupta", "Singh", "Patil", "Bose"),
        ("MG Road", "Nehru Marg", "Park Street", "Station Road"),
        ("Bengaluru 560001",),
    ),
    "DE": Place(
        "DE",
        "de-DE",
        ("Europe/Berlin",),
        ("Lena", "Jonas", "Mia", "Felix", "Emine", "Lukas", "Hannah", "Paul", "Clara", "Deniz"),
        ("Hoffmann", "Schneider", "Yılmaz", "Becker", "Krüger", "Vogel", "Weiß", "Lang"),
        ("Hauptstraße", "Gartenweg", "Bahnhofstraße", "Lindenallee"),
        ("10115 Berlin",),
    ),
    "FR": Place(
        "FR",
        "fr-FR",
        ("Europe/Paris",),
        ("Camille", "Hugo", "Inès", "Louis", "Chloé", "Nathan", "Léa", "Karim"),
        ("Moreau", "Lefèvre", "Garnier", "Benali", "Rousseau", "Fontaine", "Girard"),
        ("rue Victor-Hugo", "avenue de la Gare", "rue des Lilas"),
        ("75001 Paris",),
    ),
    "JP": Place(
        "JP",
        "ja-JP",
        ("Asia/Tokyo",),
        ("陽菜", "蓮", "美咲", "大翔", "結衣", "悠真"),
        ("佐藤", "鈴木", "高橋", "田中", "伊藤"),
        ("本町", "栄町", "緑町"),
        ("Tokyo 100-0001",),
        family_first=True,
    ),
    "KW": Place(
        "KW",
        "ar-KW",
        ("Asia/Kuwait",),
        ("Fahad", "Noura", "Yousef", "Dana"),
        ("Al-Salem", "Al-Mutairi", "Al-Rashid", "Haddad"),
        ("Gulf Street", "Salem Al Mubarak Street"),
        ("13001 Kuwait City",),
    ),
}

_US_AREA_CODES = {
    "America/New_York": (212, 617, 305),
    "America/Chicago": (312, 214, 612),
    "America/Denver": (303, 505),
    "America/Los_Angeles": (415, 206, 213),
}


def borrower_of(place: Place, borrower_no: str, number: int, rng: random.Random) -> BorrowerValues:
    """Return a made-up borrower; `number` counts the people of a place, so that each phone is given once.

    One in eight has no zone in the profile, one in ten does not want push; a few have no phone that takes codes.
    """
    zone = place.zones[number % len(place.zones)]
    given, family = rng.choice(place.given_names), rng.choice(place.family_names)
    name = f"{family}{given}" if place.family_first else f"{given} {family}"
    return BorrowerValues(
        borrower_no=borrower_no,
        name=name,
        phone=phone_of(place.country, number, zone) if rng.random() < 0.96 else None,
        email=f"{borrower_no.lower()}@example.com" if rng.random() < 0.7 else None,
        address_lines=(f"{rng.randint(1, 240)} {rng.choice(place.streets)}", place.cities[number % len(place.cities)]),
        country=place.country,
        locale=place.locale,
        zone=zone if rng.random() < 0.875 else None,
        consents=({"push": False} if rng.random() < 0.1 else {}) | opt_outs_of(borrower_no),
        flags=(rng.choice(("represented", "insolvent", "deceased")),) if rng.random() < 0.02 else (),
    )


def opt_outs_of(borrower_no: str) -> dict[str, bool]:
    """Return what a borrower has opted out of besides push; by the number alone: nobody else is drawn anew."""
    share = share_of("sample-opt-outs", borrower_no)
    if share < _OPTED_OUT_OF_TEXTS:
        return {"sms": False}
    return {"voice": False, "sms": False} if share < _OPTED_OUT_OF_CALLS else {}


def phone_of(country: str, number: int, zone: str) -> str:
    """Return the phone of the `number`-th person (from 0) of a country, E.164: none that asks for an outcome.

    In the United States these lie among the numbers set aside for fiction. Who would have one gets that of somebody
    who lives in another zone, and so has another area code.
    """
    if country == "US":
        codes, last = _US_AREA_CODES[zone], number % 100
        return f"+1{codes[number // 100 % len(codes)]}55501{last + len(OUTCOMES) if last < len(OUTCOMES) else last:02}"
    example = _example_of(country)
    return f"{example[:-3]}{number % 1000:03}"


@cache
def _example_of(country: str) -> str:
    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        raise LookupError(f"No example phone for {country}.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
