"""What staff may say by hand: templates that state what stands in the book, or free text; checked by form and by truth."""

from dataclasses import dataclass, field
from datetime import date

from app.domain.contact_checks import ContactCheck
from app.domain.errors import refused_at
from app.domain.free_text import without_card_numbers
from app.domain.times import business_date
from app.services.message_texts import WrittenMessage, written_message
from app.services.provider_templates import takes_free_text
from app.services.rule_parts import providers_of
from app.wording.catalogue import match_locale, template_infos
from app.wording.template_texts import purpose_of, templates_by_hand
from app.wording.variables import Value, write_variables

CHANNELS = ("in_app", "push", "sms", "email", "wechat")
"""What a message can be sent on. People ring and visit themselves; letters are drafted and approved."""
FREE_TEXT_CHANNELS = ("in_app", "email", "sms")
FREE_CLASSES = ("servicing", "collection")
FREE_TEXT = "by_hand"
"""Named as the template of what no template says."""
LONGEST_TEXT = 2000
LONGEST_TITLE = 78


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is to be sent: a template, or text with a title where the channel has one."""

    channel: str
    template: str | None = None
    title: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    message_class: str = "servicing"
    """Of free text: servicing or collection. What a template is for, the catalogue says."""
    locale: str | None = None
    loan_no: str | None = None
    override_reason: str | None = field(default=None, repr=False)


def choices(locale: str | None) -> list[tuple[str, str]]:
    """Return (template, channel) of all that may be sent by hand and has approved, fit words in the locale."""
    infos = template_infos()
    wanted = match_locale(locale)
    found = []
    for template in templates_by_hand():
        for channel in CHANNELS:
            info = infos.get((template, channel), {}).get(wanted)
            if info is not None and info.is_approved and info.unfit is None:
                found.append((template, channel))
    return found


def check_form(new: NewMessage) -> None:
    """Refuse what could never be sent. Raises ValidationError that points at the field."""
    if new.channel not in CHANNELS:
        raise refused_at("/channel", f"channel is not one of {', '.join(CHANNELS)}.")
    if (new.template is None) == (new.text is None):
        raise refused_at("/text", "Say it by a template or in your own words: give one of template and text.")
    if new.template is not None:
        if new.template not in templates_by_hand() or (new.template, new.channel) not in template_infos():
            raise refused_at("/template", f"There is no template {new.template} to send by hand on {new.channel}.")
        if new.title is not None:
            raise refused_at("/title", "A template has its own title; leave title out.")
        return
    _check_own_words(new)


def _check_own_words(new: NewMessage) -> None:
    if not (new.text or "").strip():
        raise refused_at("/text", "Write what is to be said.")
    if new.channel not in FREE_TEXT_CHANNELS:
        raise refused_at("/text", f"On {new.channel} only templates are sent; free text goes on in_app, email and sms.")
    if not takes_free_text(new.channel, providers_of(new.channel)):
        raise refused_at("/text", f"The providers of {new.channel} send only wordings that they have registered.")
    if new.message_class not in FREE_CLASSES:
        raise refused_at("/message_class", f"message_class is not one of {', '.join(FREE_CLASSES)}.")
    if new.channel == "sms" and new.title is not None:
        raise refused_at("/title", "A text message has no title; leave title out.")
    if new.channel == "email" and not (new.title or "").strip():
        raise refused_at("/title", "An e-mail needs a title.")
    text = f"{new.title or ''} {new.text}"
    if without_card_numbers(text) != text:
        raise refused_at("/text", "There is a card number in it; no message may carry one.")


def check_true(check: ContactCheck, template: str) -> None:
    """Refuse a template that says of a loan what is not so. What is paid the gate refuses itself."""
    purpose = purpose_of(template)
    for loan in check.loans:
        stage = loan.stage(business_date(check.now, loan.lender_zone))
        if loan.rows and purpose is not None and stage not in (*purpose.stages, "written_off"):
            raise refused_at("/template", f"{template} is not for a loan that is {stage}.")


def said_in(check: ContactCheck, new: NewMessage) -> tuple[WrittenMessage, dict[str, str | int]]:
    """Return the words and what they were made from. No link for paying: such links say what a decision was about."""
    wanted = new.locale or check.case.locale
    if new.template is None:
        return WrittenMessage((new.title or "").strip(), (new.text or "").strip(), match_locale(wanted), 0), {}
    variables = write_variables(values_of(check), match_locale(wanted))
    return written_message(new.template, new.channel, wanted, variables), variables


def values_of(check: ContactCheck) -> dict[str, Value]:
    """Return what a template may say of the loans of a check: what is past due, else what falls due next."""
    totals: dict[str, int] = {}
    due: list[date] = []
    for loan in check.loans:
        today = business_date(check.now, loan.lender_zone)
        late = [row for row in loan.rows if row.due_on < today]
        for row in late or loan.rows[:1]:
            totals[loan.currency] = totals.get(loan.currency, 0) + row.open_minor
            due.append(row.due_on)
    first = check.loans[0]
    return {
        "count": len(due) or 1, "amount": totals or {first.currency: 0}, "due_on": min(due, default=check.now.date()),
        "loan": first.loan_no, "lender": first.facts.lender_name,
    }  # fmt: skip
