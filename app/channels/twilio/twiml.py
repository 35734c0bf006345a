"""What a call says: TwiML, with everything that is not ours escaped.

The words come from the message; the menu around them is here in English and Chinese, and `phrases` of the provider's entry
adds or replaces languages. A call can end on an answering machine, so a text for calls says nothing that others may not
hear.

Source: Twilio, "TwiML Voice: Gather" (a text is interrupted by a key; with `finishOnKey` as the first key, and on silence,
no request is made and the next verb follows, by which key 2 repeats without asking us), "Say", "Dial". Which languages
the voice of an account speaks was not verified; `voices` of the entry names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

EMPTY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
CONTENT_TYPE = "text/xml; charset=utf-8"
LONGEST = 4000
"""Characters of the Twiml parameter. Source: Twilio, "Call resource"."""
KEY_CONNECT, KEY_REPEAT, KEY_STOP = "1", "2", "9"
_LANGUAGES = {
    "en": "en-US", "zh": "zh-CN", "zh-Hans": "zh-CN", "zh-Hant": "zh-TW", "es": "es-ES", "fr": "fr-FR", "de": "de-DE",
    "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nl": "nl-NL", "pl": "pl-PL", "pt": "pt-PT", "ru": "ru-RU", "sv": "sv-SE",
}  # fmt: skip

_PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "menu": "To speak to a member of our staff, press 1. To hear this again, press 2. To stop these calls, press 9.",
        "connecting": "Please hold the line. We are putting you through.",
        "call_back": "Thank you. A member of our staff will call you back.",
        "stopped": "Thank you. We have noted that you do not want these calls.",
        "goodbye": "Goodbye.",
    },
    "zh": {
        "menu": "如需与工作人员通话，请按1。重听请按2。不希望再接到此类电话，请按9。",
        "connecting": "请稍候，正在为您转接。",
        "call_back": "谢谢。工作人员会给您回电。",
        "stopped": "谢谢。我们已记录，您不希望再接到此类电话。",
        "goodbye": "再见。",
    },
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """How to speak: the menu's words by language and the voices, of the provider's entry."""

    phrases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    voices: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Speaker":
        """Return the speaker of an entry: `phrases` and `voices`, each by locale or language."""
        return cls(entry.get("phrases") or {}, entry.get("voices") or {})

    def say(self, text: str, locale: str) -> str:
        """Return one Say."""
        language = _LANGUAGES.get(locale) or locale or "en-US"
        voice = self.voices.get(locale) or self.voices.get(locale.partition("-")[0])
        spoken_by = f" voice={quoteattr(voice)}" if voice else ""
        return f"<Say language={quoteattr(language)}{spoken_by}>{escape(text)}</Say>"

    def phrase(self, name: str, locale: str) -> str:
        """Return a Say of a phrase of ours in the language of a locale, in English where we do not speak it."""
        language = locale.partition("-")[0]
        for words in (self.phrases.get(locale), self.phrases.get(language), _PHRASES.get(language)):
            if words and name in words:
                return self.say(words[name], locale)
        return self.say(_PHRASES["en"][name], "en")


def announcement(speaker: Speaker, text: str, locale: str, action_url: str | None) -> str:
    """Return a call: the words and the menu, once more on silence or key 2, then goodbye.

    Without `action_url` nobody could take the key: the words alone, twice.
    """
    said = speaker.say(text, locale)
    if action_url is None:
        return _document(said, '<Pause length="1"/>', said, speaker.phrase("goodbye", locale))
    menu = speaker.phrase("menu", locale)
    gather = (
        f'<Gather input="dtmf" numDigits="1" timeout="6" finishOnKey="{KEY_REPEAT}" method="POST"'
        f" action={quoteattr(action_url)}>{said}{menu}</Gather>"
    )
    return _document(gather, gather, speaker.phrase("goodbye", locale))


def answer_to_key(speaker: Speaker, key: str, locale: str, connect_to: str | None) -> str:
    """Return what follows a key: put through (and a promise to call back where nobody answers), stopped, or goodbye."""
    goodbye = speaker.phrase("goodbye", locale)
    if key == KEY_CONNECT:
        call_back = speaker.phrase("call_back", locale)
        if not connect_to:
            return _document(call_back, goodbye)
        connecting = speaker.phrase("connecting", locale)
        dial = f'<Dial timeout="25" answerOnBridge="true"><Number>{escape(connect_to)}</Number></Dial>'
        return _document(connecting, dial, call_back, goodbye)
    if key == KEY_STOP:
        return _document(speaker.phrase("stopped", locale), goodbye)
    return _document(goodbye)


def _document(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'
