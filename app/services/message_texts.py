"""The text of one message, made and looked at a last time before it is kept. One that fails is kept too, and never sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import TemplateError

from app.domain.segments import segments_of
from app.logs import logger
from app.wording.catalogue import match_locale, render
from app.wording.lint import PAY_URL
from app.wording.sending_lint import fault_of

RENDER_ERROR = "RENDER_ERROR"
CONTENT_LINT = "CONTENT_LINT"


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """Title and body as they will be read; `fault`: the reason for which it must not leave, None: it may."""

    title: str
    body: str
    locale: str
    version: int
    fault: str | None = None


def written_message(
    template: str, channel: str, locale: str | None, variables: Mapping[str, str | int], *, pay_url: str | None = None
) -> WrittenMessage:
    """Return the text of a template with these values. Never raises: what cannot be made says so in `fault`.

    `pay_url`: a link for paying that it may carry. Where the text has no place for it, or the message would become too long,
    it goes without.
    """
    if pay_url is not None:
        linked = written_message(template, channel, locale, {**variables, PAY_URL: pay_url})
        if linked.fault is None and (channel != "sms" or segments_of(linked.body).count == 1):
            return linked
    try:
        rendered = render(template, channel, locale, variables)
    except (KeyError, TemplateError, TypeError, ValueError) as error:
        logger().error("a message could not be written", template=template, channel=channel, error=type(error).__name__)
        return WrittenMessage("", "", match_locale(locale), 0, RENDER_ERROR)
    found = fault_of(channel, rendered)
    if found is not None:
        logger().error("a message was not fit to leave", template=template, channel=channel, problem=found)
    return WrittenMessage(
        rendered.title, rendered.body, rendered.locale, rendered.template_version, CONTENT_LINT if found else None
    )
