"""Texts as providers want them registered: which providers do, and what to paste into their form.

Sources: Alibaba Cloud SMS "Template specifications" (variables are ${name}; a notice, not a promotion); WeChat official
accounts "Template Message Interface" (fields are {{name.DATA}}, 20 characters each, no free text since 2023-05).
"""

from collections.abc import Mapping

from jinja2 import TemplateError

from app.domain import wechat_fields
from app.domain.errors import FieldError
from app.wording.sources import has_statements, variables_in, written
from app.wording.template_texts import TemplateText
from app.wording.variables import sample_of_one_currency

REGISTERING = frozenset(
    {("sms", "aliyun"), ("sms", "tencent"), ("voice", "aliyun"), ("voice", "tencent"), ("wechat", "wechat")}
)
"""(channel, provider): sends only what it has approved before."""
PROVIDER_FIELDS = frozenset({"title", "body"})
"""What a provider's field may be filled with besides a variable: our text as rendered."""
_LONGEST_FIELD = 20
_WECHAT_CURRENCY = "CNY"
"""What amounts in its fields are in."""


class NotExportableError(ValueError):
    """The text holds more than plain variables, which no provider's template can say."""


def values_of(text: TemplateText) -> frozenset[str]:
    """Return the variables of a text."""
    return variables_in(text.title) | variables_in(text.body)


def field_faults(text: TemplateText, provider: str, fields: Mapping[str, str]) -> list[FieldError]:
    """Return the fields that a provider would not take our values in, each with what to do about it.

    WeChat refuses a whole subscription message for one field (47003). `fields`: its name -> our variable, or title or body.
    """
    if provider != "wechat":
        return []
    values = sample_of_one_currency(text.locale, _WECHAT_CURRENCY)
    words = {"title": written(text.title, values), "body": written(text.body, values)}
    filled = {name: str({**values, **words}[source]) for name, source in fields.items()}
    seen = wechat_fields.shown(filled)
    return [
        FieldError(
            f"/fields/{name}",
            reason,
            f"{name} takes {wechat_fields.takes(name)}; in {text.locale} our {fields[name]} is {seen[name]!r}. Choose a "
            f"template of the library with a thing field for it, or fill {name} with something else.",
        )
        for name, reason in wechat_fields.refusals(filled).items()
    ]


def submission_of(text: TemplateText, provider: str) -> str:
    """Return what to submit to a provider for one text. Raises NotExportableError."""
    try:
        plain = not (has_statements(text.title) or has_statements(text.body))
    except TemplateError as error:
        raise NotExportableError(f"It cannot be read: {error.message}") from None
    if provider == "wechat":
        return _wechat(text)
    if not plain:
        raise NotExportableError("It has conditions in it; a provider's template has variables alone.")
    body = text.body
    for number, name in enumerate(sorted(variables_in(body), key=body.index), start=1):
        mark = f"{{{number}}}" if provider == "tencent" else f"${{{name}}}"
        body = body.replace(f"{{{{ {name} }}}}", mark).replace(f"{{{{{name}}}}}", mark)
    kind = "verification code" if text.template == "otp" else "notice (通知), not promotion (推广)"
    lines = [f"name: {text.template} v{text.version}", f"kind: {kind}", f"language: {text.locale}", "text:", body]
    return "\n".join(lines)


def _wechat(text: TemplateText) -> str:
    """WeChat registers fields, not sentences: our title and body fill two of them."""
    for part in (text.title, text.body):
        if len(part) > _LONGEST_FIELD and not variables_in(part):
            raise NotExportableError(f"A field takes {_LONGEST_FIELD} characters, and this has {len(part)}: {part}")
    return "\n".join(
        [
            f"name: {text.template} v{text.version}",
            f"language: {text.locale}",
            "fields, from the library of the account's category (no first, no remark):",
            f"  {{{{thing1.DATA}}}} <- title, for instance: {text.title}",
            f"  {{{{thing2.DATA}}}} <- body, for instance: {text.body}",
            "register with: --field thing1=title --field thing2=body",
        ]
    )
