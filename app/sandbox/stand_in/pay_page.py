"""The page that a payment provider shows to a payer, with a button for each way it can end, and how the provider tells it.

`act` is what the payer or the bank does; `posts` what goes wrong with telling it: once, twice, never, late, other_amount,
other_currency.
"""

from collections.abc import Callable, Sequence
from html import escape
from urllib.parse import parse_qs

from app.sandbox.stand_in.answers import Answer
from app.sandbox.stand_in.callbacks import CallbackPost

POSTS = ("once", "twice", "never", "late", "other_amount", "other_currency")
LATE_MS = 60_000
_WORDS = {
    "pay": "Pay",
    "debit": "Pay by bank debit",
    "decline": "Have the card declined",
    "fail": "Fail",
    "cancel": "Leave",
    "settle": "Bank: the money has come",
    "bounce": "Bank: it is sent back",
}


def page(provider: str, title: str, amount: str, state: str, *, action: str, acts: Sequence[str]) -> Answer:
    """Return the page of a payment."""
    buttons = "".join(f'<button name="act" value="{each}">{_WORDS[each]}</button> ' for each in acts)
    options = "".join(f"<option>{each}</option>" for each in POSTS)
    body = (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(provider)} stand-in</title><h1>{escape(title)}</h1><p><strong>{escape(amount)}</strong> · "
        f"{escape(state)}</p><p>A stand-in for {escape(provider)}: no money moves, and no card is asked for.</p>"
        f'<form method="post" action="{escape(action)}"><p>{buttons}</p>'
        f'<p><label>The provider tells it <select name="posts">{options}</select></label></p></form></html>'
    )
    return Answer(200, body.encode(), content_type="text/html; charset=utf-8")


def chosen(body: bytes) -> tuple[str, str]:
    """Return act and posts of the page's form."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    return form.get("act", ""), form.get("posts", "once")


def go_to(url: str) -> Answer:
    """Send the browser on."""
    return Answer(303, b"", (("Location", url),), content_type="text/plain")


def told(posts: str, count: int, make: Callable[[int, str], CallbackPost]) -> tuple[CallbackPost, ...]:
    """Return what is posted for `count` events. `make(which, posts)` makes one; made twice, it is the same event."""
    if posts == "never":
        return ()
    order = [which for which in range(count) for _ in range(2 if posts == "twice" else 1)]
    return tuple(make(which, posts) for which in order)
