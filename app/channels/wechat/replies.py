"""What a post of WeChat is answered with where the user is to read it: the platform shows it as a message of the account.

Source: platform documentation, "Passive reply of user messages"; in encrypted mode it is sealed and signed as posts are.
"""

from collections.abc import Mapping

from app.channels.wechat.encryption import MessageKey, signature
from app.domain.wechat_links import check_code

_WORDS = (
    "核对码：{0}。请在15分钟内返回应用，如显示的核对码一致，请确认绑定。如不一致或没有显示，请勿确认。\n"
    "Your number: {0}. Go back to the app within 15 minutes, and confirm only if it shows the same number."
)
"""In both languages: which one the person reads is not known of an account that is nobody's yet."""


def number_reply(fields: Mapping[str, str], token: str, *, now_seconds: int) -> str:
    """Return the text that shows who scanned a link's code their number. `fields`: of the post it answers.

    It is told to who comes too late as well: the app does not show that number, and that is how they know.
    """
    openid = fields.get("FromUserName", "")
    words = _WORDS.format(check_code(token, openid))
    return (
        f"<xml><ToUserName>{_cdata(openid)}</ToUserName><FromUserName>{_cdata(fields.get('ToUserName', ''))}</FromUserName>"
        f"<CreateTime>{now_seconds}</CreateTime><MsgType>{_cdata('text')}</MsgType><Content>{_cdata(words)}</Content></xml>"
    )


def sealed_reply(reply: str, key: MessageKey, token: str, query: Mapping[str, str]) -> str:
    """Return a reply as encrypted mode wants it; `query`: of the post, whose timestamp and nonce it takes up."""
    timestamp, nonce, sealed = query["timestamp"], query.get("nonce", ""), key.seal(reply.encode())
    return (
        f"<xml><Encrypt>{_cdata(sealed)}</Encrypt><MsgSignature>{_cdata(signature(token, timestamp, nonce, sealed))}"
        f"</MsgSignature><TimeStamp>{timestamp}</TimeStamp><Nonce>{_cdata(nonce)}</Nonce></xml>"
    )


def _cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', '')}]]>"
