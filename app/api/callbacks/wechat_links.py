"""Where WeChat sends a borrower back who has opened their link: a page for a person, without a sign-in of ours.

The link's token is the credential. What came back is only kept here; the engine asks WeChat whose it is, and the borrower
says in the app whether it is theirs, by the number that this page shows to who opened the link first.
"""

from typing import Any

from flask import Response
from marshmallow import Schema, fields

from app.domain.errors import ConflictError
from app.domain.wechat_links import TOKEN_PATTERN
from app.services import wechat_accounts
from app.web.doors import Door, answers
from app.web.etag import VARY_BY_MEDIA
from app.web.fields import PatternField
from app.web.languages import request_locale
from app.web.media import prefers
from app.web.request_context import now

door = Door("wechat-links", "Coming back from WeChat.", prefix="/v1/callbacks")

HTML = "text/html"
_GONE = (
    "This link is not good any more: it was opened before, or 10 minutes have passed. If the app shows an account that "
    "waits, it is not this one: refuse it there, and make a new link."
)
_WORDS = {
    ("en", True): (
        "Thank you. Your number is {}. Go back to the app within 15 minutes, and confirm if it shows the same number. "
        "Until then nothing is sent here."
    ),
    ("en", False): _GONE,
    (
        "zh-CN",
        True,
    ): "谢谢。您的核对码是 {}。请在15分钟内返回应用，如显示的核对码一致，请确认绑定。确认之前不会向此微信发送任何消息。",
    (
        "zh-CN",
        False,
    ): "此链接已失效：已被打开过，或已超过10分钟。如应用显示有微信等待确认，那不是本微信：请在应用中拒绝，并重新获取链接。",
}


class ReturnQuerySchema(Schema):
    """What WeChat adds to the address."""

    code = PatternField("[!-~]{1,512}", required=True, metadata={"description": "Good once, for five minutes."})
    state = PatternField(TOKEN_PATTERN, required=True, metadata={"description": "The token of the link."})


class ReturnSchema(Schema):
    """What happens now."""

    state = fields.Constant("waiting", required=True)
    check_code = fields.String(required=True, metadata={"description": "The number to compare with the one in the app."})


@door.get("/wechat-link")
@door.asks(ReturnQuerySchema)
@answers(200, ReturnSchema, example={"state": "waiting", "check_code": "482913"}, files=(HTML,), problems=("conflict",))
def come_back_from_wechat(query: dict[str, Any]) -> Any:
    """Take the code by which WeChat tells whose account opened a link. The link is then used up.

    Nothing is bound by it: the borrower confirms in the app, or nobody does.
    """
    number = wechat_accounts.keep_code(query["state"], query["code"], now=now())
    if prefers(HTML):
        return _page(number)
    if number is None:
        raise ConflictError(_GONE)
    return {"check_code": number}


def _page(number: str | None) -> Response:
    locale, good = request_locale(), number is not None
    words = _WORDS[locale if (locale, good) in _WORDS else "en", good].format(number)
    page = f'<!DOCTYPE html><html lang="{locale}"><meta charset="utf-8"><title>WeChat</title><p>{words}</p></html>'
    response = Response(page, 200 if good else 409, content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Language"] = locale
    response.headers["Vary"] = VARY_BY_MEDIA
    return response
