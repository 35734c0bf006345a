"""What the page says by which e-mails are ended, one file a locale in content/email."""

from collections.abc import Iterable, Mapping

from app.wording.page_locales import page_words_of


def page_words(tags: Iterable[str]) -> tuple[str, Mapping[str, str]]:
    """Return (locale, words by name) for the first of these language tags that we speak, else in English."""
    locale, document = page_words_of("email", tags)
    words: Mapping[str, str] = document["page"]
    return locale, words
