"""Where WeChat sends a borrower back who has opened their link: a page for a person, without a sign-in of ours.

The link's token is the credential. What came back is only kept here; the engine asks WeChat whose it is.
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
_GONE = "This link is not good any more: it was used, or 10 minutes have passed. Make a new one in the app."
_WORDS = {
    ("en", True): "Thank you. You can go back to the app; your WeChat will be bound in a moment.",
    ("en", False): _GONE,
    ("zh-CN", True): "谢谢。请返回应用，您的微信很快就会绑定完成。",
    ("zh-CN", False): "此链接已失效：已被使用，或已超过10分钟。请在应用中重新获取。",
}


class ReturnQuerySchema(Schema):
    """What WeChat adds to the address."""

    code = PatternField("[!-~]{1,512}", required=True, metadata={"description": "Good once, for five minutes."})
    state = PatternField(TOKEN_PATTERN, required=True, metadata={"description": "The token of the link."})


class ReturnSchema(Schema):
    """What happens now."""

    state = fields.Constant("waiting", required=True)


@door.get("/wechat-link")
@door.asks(ReturnQuerySchema)
@answers(200, ReturnSchema, example={"state": "waiting"}, files=(HTML,), problems=("conflict",))
def come_back_from_wechat(query: dict[str, Any]) -> Any:
    """Take the code by which WeChat tells whose account opened a link. The link is then used up."""
    good = wechat_accounts.keep_code(query["state"], query["code"], now=now())
    if prefers(HTML):
        return _page(good)
    if not good:
        raise ConflictError(_GONE)
    return {}


def _page(good: bool) -> Response:
    locale = request_locale()
    words = _WORDS[locale if (locale, good) in _WORDS else "en", good]
    page = f'<!DOCTYPE html><html lang="{locale}"><meta charset="utf-8"><title>WeChat</title><p>{words}</p></html>'
    response = Response(page, 200 if good else 409, content_type=f"{HTML}; charset=utf-8")
    response.headers["Content-Language"] = locale
    response.headers["Vary"] = VARY_BY_MEDIA
    return response
