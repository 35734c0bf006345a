"""The check of what a person writes by hand: the house's rules of every message, and what a reader finds in the text."""

from app.wording.lint import lint_message, read_markers
from app.wording.lint_findings import Problem
from app.wording.lint_words import DEBT, DEMAND, LATENESS, SIGNS
from app.wording.template_texts import ANY_STAGE, Purpose

MOST_BYTES_OF_ANSWER = 2048
"""Of UTF-8, on WeChat: what it takes in a reply to a post. Its documentation has no figure for customer-service messages,
whose excess is refused with 45002."""
_OF_FIELDS = frozenset({"too_long", "line_break"})


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

    `is_late`: it is about what is past due. An answer may say so too, where the borrower asks. On WeChat an answer is free
    text; everything else fills fields of a registered template.
    """
    stages = ANY_STAGE if is_late or is_reply else ("upcoming", "due")
    markers = markers_of_free_text(channel, title, body)
    found = lint_message(
        channel=channel, locale=locale, title=title, body=body, markers=markers, purpose=Purpose(stages, (message_class,))
    )
    if channel != "wechat" or not is_reply:
        return found
    size = len(answer_text(title, body).encode())
    too_long = Problem("too_long", f"It has {size} bytes; an answer on WeChat takes {MOST_BYTES_OF_ANSWER}.")
    return [each for each in found if each.code not in _OF_FIELDS] + ([too_long] if size > MOST_BYTES_OF_ANSWER else [])


def answer_text(title: str, body: str) -> str:
    """Return an answer as it is read on a channel that has no titles."""
    return f"{title}\n{body}" if title else body


def speaks_of_debt(text: str) -> bool:
    """Return whether a text asks for money or says that it is late: then it is no mere word about how the loan runs."""
    return bool(DEMAND.search(text) or LATENESS.search(text))
