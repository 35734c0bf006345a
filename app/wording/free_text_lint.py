"""The check of what a person writes by hand: the house's rules of every message, and what a reader finds in the text."""

from app.wording.lint import lint_message, read_markers
from app.wording.lint_findings import Problem
from app.wording.lint_words import DEBT, DEMAND, LATENESS, SIGNS
from app.wording.template_texts import ANY_STAGE, Purpose


def markers_of_free_text(channel: str, title: str, body: str) -> frozenset[str]:
    """Return the content markers, by the law packs' words, that a reader finds in a text nobody has stated any for."""
    text = f"{title}\n{body}"
    found = {marker for marker, words in SIGNS.items() if words.search(text)}
    if DEBT.search(text):
        found.add("debt_details")  # whoever reads it over the borrower's shoulder learns of the debt
    return read_markers(channel, title, body) | found


def lint_free_text(
    *, channel: str, locale: str, title: str, body: str, message_class: str, is_late: bool, is_reply: bool
) -> list[Problem]:
    """Return what the house's rules say against a text; the law's are asked with the contact itself.

    `is_late`: it is about what is past due. An answer may say so too, where the borrower asks.
    """
    stages = ANY_STAGE if is_late or is_reply else ("upcoming", "due")
    markers = markers_of_free_text(channel, title, body)
    return lint_message(
        channel=channel, locale=locale, title=title, body=body, markers=markers, purpose=Purpose(stages, (message_class,))
    )


def speaks_of_debt(text: str) -> bool:
    """Return whether a text asks for money or says that it is late: then it is no mere word about how the loan runs."""
    return bool(DEMAND.search(text) or LATENESS.search(text))
