import hashlib
import io
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader

from app.domain.letters import LetterRefusedError
from app.wording.letter_contents import Letter, Section
from app.wording.letter_layouts import LAYOUTS, POINTS_PER_MM
from app.wording.letter_lines import broken
from app.wording.letter_pdf import letter_pdf, postal_lines
from app.wording.pdf_fonts import width_of
from tests.builders.letters import a_letter, a_table

LONG = " ".join(["We would like to find a way together with you that fits."] * 12)
LONG_ZH = (
    "如果可以，请还清或先还一部分。如果有困难，我们一起想办法：请按信上的地址来信（或在应用内回复），会有专人答复您。" * 6
)


def read(letter: Letter) -> PdfReader:
    return PdfReader(io.BytesIO(letter_pdf(letter).pdf))


def placed(page: Any) -> list[tuple[float, float, str, float]]:
    """(x, y from the top, text, size) in points of every line of a page."""
    found: list[tuple[float, float, str, float]] = []
    high = float(page.mediabox.height)

    def visit(text: str, _cm: Any, tm: Any, _font: Any, size: float) -> None:
        if text.strip():
            found.append((tm[4], high - tm[5], text.strip(), size))

    page.extract_text(visitor_text=visit)
    return found


def test_the_same_letter_has_the_same_bytes_and_another_has_others() -> None:
    one, again, other = (letter_pdf(letter).pdf for letter in (a_letter(), a_letter(), a_letter(subject="About loan L2")))

    assert hashlib.sha256(one).digest() == hashlib.sha256(again).digest()
    assert one != other


def test_it_can_be_read_in_the_order_in_which_it_is_read() -> None:
    letter = a_letter(tables=(a_table(),), sheets=(Section("Free advice", ("Ask somebody.",)),), enclosed=("Free advice",))

    first, second = (page.extract_text() for page in read(letter).pages)

    order = ["Acme Finance Ltd", "Jane Roe", "LS1 4AP", "Mar 16, 2026", "About loan L1", "Dear customer"]
    order += ["With kind regards", "Enclosed: Free advice", "Due before", "101.50"]
    places = [first.index(words) for words in order]
    assert places == sorted(places)
    assert "Page 1 of 2" in first
    assert "Ask somebody." in second
    assert "Page 2 of 2" in second


def test_chinese_of_any_rarity_is_embedded_and_can_be_read_back() -> None:
    letter = a_letter(locale="zh-CN", recipient=("上海市徐汇区", "𣗋野家㛃（收）"), paragraphs=("尊敬的客户：", LONG_ZH))

    reader = read(letter)

    text = reader.pages[0].extract_text()
    assert "𣗋野家㛃（收）" in text
    assert "尊敬的客户：" in text
    assert LONG_ZH in text.replace("\n", "")
    fonts = reader.pages[0]["/Resources"]["/Font"].values()
    embedded = [font for font in (each.get_object() for each in fonts) if font["/Subtype"] == "/Type0"]
    assert embedded
    assert all("/FontFile2" in font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for font in embedded)


@pytest.mark.parametrize("key", LAYOUTS)
def test_the_address_stands_in_the_window_and_nothing_else_does(key: str) -> None:
    layout = LAYOUTS[key]
    letter = a_letter(layout=layout, recipient=("Dr. Wolfeschlegelsteinhausenbergerdorff", "2 Low Road", "Flat 3", "Leeds"))

    page = read(letter).pages[0]

    window, address = layout.window, layout.address
    expected = {*letter.recipient, letter.return_line} if layout.return_line else set(letter.recipient)
    inside: dict[float, str] = {}
    for x, y, text, size in placed(page):
        right = x + width_of(text, size)
        overlaps_x = x < (window.left + window.width) * POINTS_PER_MM and right > window.left * POINTS_PER_MM
        overlaps_y = y > window.top * POINTS_PER_MM and y - size < (window.top + window.height) * POINTS_PER_MM
        if overlaps_x and overlaps_y:
            inside[y] = f"{inside.get(y, '')} {text}".strip()
            assert address.left * POINTS_PER_MM - 0.1 <= x
            assert right <= (address.left + address.width) * POINTS_PER_MM + 0.1
            assert address.top * POINTS_PER_MM - 0.1 <= y - size * 0.8
            assert y <= address.bottom * POINTS_PER_MM + 0.1
    assert set(inside.values()) == expected


def test_the_address_box_lies_in_the_window_box_of_every_layout() -> None:
    for layout in LAYOUTS.values():
        window, address = layout.window, layout.address
        assert window.left <= address.left, layout.key
        assert address.left + address.width <= window.left + window.width, layout.key
        assert window.top <= address.top, layout.key
        assert address.bottom <= window.bottom, layout.key
        assert layout.text_top >= window.bottom, layout.key


def test_a_long_line_of_an_address_is_wrapped_and_a_long_address_is_refused() -> None:
    wrapped = a_letter(
        recipient=("Jane Roe", "Wolfeschlegelsteinhausen Apartments on the Green, Block C, Second Floor", "Leeds")
    )
    too_long = a_letter(recipient=tuple(f"Line {n}" for n in range(12)))

    text = read(wrapped).pages[0].extract_text()

    assert "Second Floor" in text
    with pytest.raises(LetterRefusedError) as refusal:
        letter_pdf(too_long)
    assert refusal.value.what == "address_too_long"
    assert "Line" not in refusal.value.detail


@pytest.mark.parametrize(("changes", "what"), [
    ({"recipient": ("नेहा शर्मा", "Pune")}, "address_characters"),
    ({"recipient": ()}, "address"),
    ({"paragraphs": ("مرحبا",)}, "text_characters"),
    ({"return_line": "x" * 300}, "letterhead"),
    ({"sender_lines": ("a line",) * 40}, "letterhead"),
    ({"paragraphs": (LONG,) * 90}, "too_many_pages"),
])  # fmt: skip
def test_what_cannot_be_set_is_refused_by_name(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(LetterRefusedError) as refusal:
        letter_pdf(a_letter(**changes))

    assert refusal.value.what == what


def test_no_page_begins_with_the_last_line_of_a_paragraph_or_ends_with_the_first() -> None:
    words = " ".join(["one way of many that we may find together"] * 11)
    paragraphs = tuple(f"P{n} {words} END{n}" for n in range(12))

    broken_at = 0
    for shift in range(12):
        letter = a_letter(paragraphs=("x",) * shift + paragraphs)
        for above, below in pairwise([page.extract_text().splitlines() for page in read(letter).pages]):
            last = [line for line in above if not line.startswith("Page")][-1]
            assert not last.startswith("P") or "END" in last, "a paragraph's first line stays alone"
            assert below[0].startswith("P") or "END" not in below[0], "a paragraph's last line stands alone"
            broken_at += not below[0].startswith("P")
    assert broken_at > 3


def test_a_table_over_pages_repeats_its_head_and_its_total_never_stands_alone() -> None:
    for rows in range(20, 75):
        texts = [page.extract_text() for page in read(a_letter(tables=(a_table(rows),))).pages]
        assert all("Principal" in text for text in texts)
        assert f"L{rows - 2} " in texts[-1]
        assert f"L{rows - 1} " in texts[-1]
    assert len(texts) == 2


def test_the_document_says_nothing_of_the_recipient_outside_its_pages() -> None:
    reader = read(a_letter())

    said = " ".join(str(value) for value in (reader.metadata or {}).values())
    assert "Roe" not in said
    assert "L1" not in said
    assert "Acme" in said


def test_what_letters_share_is_a_subset_that_does_not_depend_on_the_letter() -> None:
    one = a_letter(fixed_text=LONG_ZH, recipient=("王晓明",))
    other = a_letter(fixed_text=LONG_ZH, recipient=("李四光",))

    names = [
        sorted(font.get_object()["/BaseFont"] for font in read(letter).pages[0]["/Resources"]["/Font"].values())
        for letter in (one, other)
    ]

    assert len(set(names[0]) & set(names[1]) - {"/AAAAAA+DuecourseSans-Regular"}) == 1
    assert names[0] != names[1]


def test_pages_and_folds_are_of_the_paper() -> None:
    us = read(a_letter(layout=LAYOUTS["us_no10"])).pages[0]
    german = read(a_letter(layout=LAYOUTS["din5008b"])).pages[0]

    assert (float(us.mediabox.width), float(us.mediabox.height)) == (612.0, 792.0)
    drawn = german.get_contents().get_data().decode("latin-1")
    marks = {round((841.89 - float(y)) / POINTS_PER_MM, 1) for y in re.findall(r"^\d+\.\d+ (\d+\.\d+) m", drawn, re.M)}
    assert {105.0, 148.5, 210.0} <= marks


def test_the_envelope_of_a_country_decides_the_order_of_an_address() -> None:
    lines = ("上海市徐汇区漕溪北路88号", "200030")

    assert postal_lines("王晓明", lines, LAYOUTS["cn_dl"]) == ("200030", lines[0], "王晓明（收）")
    assert postal_lines("Jane Roe", ("2 Low Road ", "", "Leeds"), LAYOUTS["uk_dl"]) == ("Jane Roe", "2 Low Road", "Leeds")
    assert postal_lines(None, ("2 Low\u200b Road",), LAYOUTS["uk_dl"]) == ("2 Low Road",)


def test_lines_break_by_the_rules_of_chinese_marks() -> None:
    for width in range(60, 200, 7):
        lines = broken(LONG_ZH, 10, width)
        assert "".join(lines) == LONG_ZH
        assert all(width_of(line, 10) <= width for line in lines)
        assert not any(line[0] in "，。：）" for line in lines)
        assert not any(line[-1] == "（" for line in lines)


def test_words_wider_than_a_line_are_cut_and_nothing_is_lost() -> None:
    lines = broken("a " + "w" * 100 + " b", 10, 80)

    assert "".join(lines).replace(" ", "") == "a" + "w" * 100 + "b"
    assert all(width_of(line, 10) <= 80 for line in lines)
    assert broken("", 10, 80) == ("",)


def test_an_address_of_the_window_may_have_as_many_lines_as_it_shows() -> None:
    six = tuple(f"Line {n}" for n in range(6))

    for layout in LAYOUTS.values():
        assert letter_pdf(replace(a_letter(), layout=layout, recipient=six)).pages == 1
