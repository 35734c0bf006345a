"""What a borrower agreed to or refused, per purpose and channel, and what of it stands."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import ForbiddenError, refused_at

CONTACT = "contact"
PURPOSES: Mapping[str, str] = {
    CONTACT: "being contacted on the channel at all; refused, it is an opt-out",
    "contact_by_text": "texts to this number",
    "automated_call": "automated or artificial-voice calls and texts",
    "call_back": "a call at an agreed time",
    "third_party_contact": "contact with another person",
    "direct_contact_despite_attorney": "given by the attorney",
    "marketing": "offers and promotion",
    "electronic_delivery": "notices by electronic document (E-SIGN)",
    "credit_reporting": "furnish to a bureau",
    "credit_query": "fetch a credit report",
    "data_sharing": "hand data to another company (separate consent)",
    "sensitive_data": "use of sensitive data",
    "publication": "publication of data",
    "extra_hours": "contact outside the usual hours",
}
"""`contact`, and the consent purposes of the law packs' vocabulary, with their meaning."""
CONSENT_PURPOSES = frozenset(PURPOSES) - {CONTACT}
"""Those of the law packs' vocabulary."""

ANY = "any"
CONSENT_CHANNELS = ("push", "sms", "voice", "wechat", "email", "letter")
CHANNELS = (*CONSENT_CHANNELS, ANY)
FORMS = ("written", "electronic", "oral", "separate", "bundled")

NOT_IN_THE_APP = frozenset({"direct_contact_despite_attorney", "extra_hours"})
"""Purposes whose giving needs a proof that a tap is not: an attorney's word, a letter. Withdrawing needs none."""

REVOKED_BY_STOP = (CONTACT, "contact_by_text", "automated_call", "marketing")
"""What a borrower takes back who says STOP on a channel. Source: 47 CFR 64.1200(a)(10)."""


@dataclass(frozen=True, slots=True)
class ConsentValues:
    """One consent as it is told; `given` False: refused or withdrawn. `channel` `any`: of no single channel."""

    purpose: str
    channel: str
    given: bool
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent as it is recorded."""

    purpose: str
    channel: str
    given: bool
    recorded_at: datetime
    form: str | None = None
    origin: str = ""

    @property
    def is_own_word(self) -> bool:
        """Whether the borrower said it to us, rather than a file or feed on their behalf."""
        return self.origin.partition(":")[0] in ("borrower", "text", "staff", "operator")


def standing(consents: Iterable[Consent]) -> dict[tuple[str, str], Consent]:
    """Return what stands, by (purpose, channel), of consents in the order they were recorded.

    The newest of each pair counts; one of channel `any` takes the place of all older ones of its purpose.
    """
    found: dict[tuple[str, str], Consent] = {}
    for consent in consents:
        if consent.channel == ANY:
            found = {pair: kept for pair, kept in found.items() if pair[0] != consent.purpose}
        found[consent.purpose, consent.channel] = consent
    return found


def said(stands: Mapping[tuple[str, str], Consent], purpose: str, channel: str) -> bool | None:
    """Return whether it was given for that channel; None: nobody said anything."""
    consent = stands.get((purpose, channel)) or stands.get((purpose, ANY))
    return None if consent is None else consent.given


def revoked_by_stop(
    stands: Mapping[tuple[str, str], Consent], channel: str, form: str | None = "electronic"
) -> list[ConsentValues]:
    """Return what a STOP on a channel writes: the opt-out, and each consent to texts, robots and offers that stands."""
    return [
        ConsentValues(purpose, channel, False, form)
        for purpose in REVOKED_BY_STOP
        if said(stands, purpose, channel) is not False and (purpose == CONTACT or said(stands, purpose, channel))
    ]


def check_consent(values: ConsentValues, *, pointer: str = "") -> None:
    """Refuse what is no consent. Raises ValidationError at `pointer`/name."""
    for name, given, known in (
        ("purpose", values.purpose, PURPOSES),
        ("channel", values.channel, CHANNELS),
        ("form", values.form, (None, *FORMS)),
    ):
        if given not in known:
            raise refused_at(f"{pointer}/{name}", f"{name} is not one of {', '.join(each for each in known if each)}.")


def check_in_app(values: ConsentValues) -> None:
    """Refuse the giving of what a tap in the app does not prove. Raises ForbiddenError."""
    if values.given and values.purpose in NOT_IN_THE_APP:
        raise ForbiddenError(
            f"{values.purpose} cannot be given in the app: it needs a proof in writing. Send it to your lender; "
            "to withdraw it here is always possible."
        )


def kept_refusals(stands: Mapping[tuple[str, str], Consent], told: Collection[ConsentValues]) -> list[ConsentValues]:
    """Return what a feed says is given although the borrower has refused it to us: the borrower's own word is kept."""
    return [
        values
        for values in told
        if values.given
        and (known := stands.get((values.purpose, values.channel)) or stands.get((values.purpose, ANY))) is not None
        and not known.given
        and known.is_own_word
    ]
