"""The catalogue: another language is another file, and a text that fails its check is known as unfit."""

from pathlib import Path

import pytest
import yaml
from jinja2 import UndefinedError

from app.wording.catalogue import Catalogue, shipped
from app.wording.sending_lint import fault_of
from app.wording.template_texts import MESSAGES
from app.wording.unsubscribe_words import page_words
from app.wording.variables import samples, write_variables

VALUES = samples("en")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped files, to which a test adds."""
    for file in MESSAGES.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def add(folder: Path, locale: str, template: str, channel: str, **text: object) -> None:
    """Add a file of one wording."""
    wording = {"title": "", "body": "x", "approved": True, "markers": [], **text}
    document = {"locale": locale, "version": 7, "templates": {template: {channel: wording}}}
    (folder / f"{locale}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def test_a_further_language_is_a_file_and_nothing_else(folder: Path) -> None:
    add(folder, "xx", "due_soon", "in_app", title="Ka {{ due_on }}", body="{{ amount }} ka {{ loan }}. {{ count }}.")

    catalogue = Catalogue(folder)

    assert catalogue.locales == ("en", "xx", "zh-CN")
    wanted = ("xx", "XX-Latn", "zh-Hant", "sw", None)
    assert [catalogue.match_locale(each) for each in wanted] == ["xx", "xx", "zh-CN", "en", "en"]
    rendered = catalogue.render("due_soon", "in_app", "xx", VALUES)
    assert (rendered.title, rendered.locale, rendered.template_version) == (f"Ka {VALUES['due_on']}", "xx", 7)
    assert catalogue.render("due_soon", "push", "xx", {}).locale == "en", "what it lacks is said in English"
    assert catalogue.infos()["due_soon", "in_app"]["xx"].is_approved


def test_amounts_of_a_language_that_nobody_knows_are_written_as_in_english() -> None:
    assert write_variables({"amount": {"USD": 123_456}}, "xx") == write_variables({"amount": {"USD": 123_456}}, "en")


@pytest.mark.parametrize(
    ("channel", "text", "problem"),
    [
        ("in_app", {"body": "You must pay immediately or we call the police."}, "forbidden, pressure"),
        ("in_app", {"body": "{{ amont }} is due"}, "variable_unknown"),
        ("in_app", {"body": "{% if %}"}, "unreadable"),
        ("push", {"body": "{{ amount }}"}, "lock_screen"),
        ("email", {"title": "{{ loan }}", "body": "x"}, "lock_screen"),
        ("wechat", {"title": "x" * 21}, "too_long"),
        ("in_app", {"body": ""}, "empty"),
    ],
)
def test_a_text_that_fails_is_unfit(folder: Path, channel: str, text: dict[str, object], problem: str) -> None:
    add(folder, "xx", "due_soon", channel, **text)

    unfit = Catalogue(folder).infos()["due_soon", channel]["xx"].unfit

    assert unfit is not None
    assert problem.split(", ")[0] in unfit


def test_everything_that_ships_is_fit() -> None:
    assert [key for key, infos in shipped().infos().items() for info in infos.values() if info.unfit] == []


def test_a_variable_without_a_value_is_never_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        shipped().render("due_soon", "email", "en", {})


@pytest.mark.parametrize(
    ("channel", "title", "body", "lender", "fault"),
    [
        ("voice", "", "This is {{ lender }}.", "Harbour Credit", None),
        ("email", "From {{ lender }}", "x", "Harbour Credit", None),
        ("email", "From {{ lender }}", "x", "x" * 80, "too_long"),
        ("email", "From {{ lender }}", "x", "$5.00 Loans", "lock_screen"),
        ("wechat", "From {{ lender }}", "x", "Harbour Credit Union", "too_long"),
        ("in_app", "From {{ lender }}", "x", "x" * 80, None),
        ("push", "constant", "constant", "x", None),
        ("voice", "", "{{ '' if lender }}", "x", "empty"),
        ("voice", "", "This is {{ lender }}.", "$5.00 Loans", "overheard"),
    ],
)
def test_real_values_are_looked_at_before_a_message_is_kept(
    channel: str, title: str, body: str, lender: str, fault: str | None, folder: Path
) -> None:
    add(folder, "xx", "due_soon", channel, title=title, body=body)

    rendered = Catalogue(folder).render("due_soon", channel, "xx", {"lender": lender})

    assert fault_of(channel, rendered) == fault


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_an_email_and_the_page_that_ends_it_speak_every_language_of_the_texts(locale: str) -> None:
    assert set(shipped().locales) == {"en", "zh-CN"}
    assert page_words([locale])[0] == locale
    assert page_words([locale])[1].keys() == page_words(["en"])[1].keys()
