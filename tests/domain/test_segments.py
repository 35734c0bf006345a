import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.segments import mainland_segments_of, segments_of

GSM_ALONE = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ§¿abcxyzäöñüà"
GSM_PAIRS = "\f^{}\\[~]|€"
EMOJI = "😀"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),  # the euro's two septets do not fit in the first part
        ("ç", "ucs2", 1, 1),  # the small c with a cedilla is not in the alphabet, the capital one is
        ("Ç", "gsm7", 1, 1),
        ("还" * 70, "ucs2", 70, 1),
        ("还" * 71, "ucs2", 71, 2),
        ("还" * 134, "ucs2", 134, 2),
        ("还" * 135, "ucs2", 135, 3),
        (EMOJI * 35, "ucs2", 70, 1),
        (EMOJI * 36, "ucs2", 72, 2),
        ("还" * 66 + EMOJI + "还" * 66, "ucs2", 134, 3),  # the pair is not split
        ("’" + "a" * 69, "ucs2", 70, 1),  # one curly quote makes the whole text UCS-2
    ],
)
def test_segments_are_counted_as_networks_carry_them(text: str, encoding: str, units: int, count: int) -> None:
    found = segments_of(text)

    assert (found.encoding, found.units, found.count) == (encoding, units, count)


@given(st.text(alphabet=GSM_ALONE, max_size=800))
def test_a_text_of_the_plain_alphabet_fills_every_part(text: str) -> None:
    length = len(text)

    assert segments_of(text).count == (1 if length <= 160 else -(-length // 153))


@given(st.text(alphabet=GSM_ALONE + GSM_PAIRS, max_size=800))
def test_escapes_cost_one_more_and_are_never_split(text: str) -> None:
    units = len(text) + sum(char in GSM_PAIRS for char in text)
    found = segments_of(text)

    assert (found.encoding, found.units) == ("gsm7", units)
    assert found.count == 1 if units <= 160 else -(-units // 153) <= found.count <= -(-units // 152)


@given(st.text(max_size=400))
def test_every_text_has_a_count_and_one_more_character_never_makes_it_less(text: str) -> None:
    shorter, longer = segments_of(text), segments_of(text + "还")

    assert 1 <= shorter.count <= segments_of(text + text).count
    assert longer.encoding == "ucs2"
    assert longer.units == len((text + "还").encode("utf-16-be", "surrogatepass")) // 2
    assert longer.count >= shorter.count


@pytest.mark.parametrize(
    ("text", "signature", "count"),
    [
        ("a" * 64, "银行信贷", 1),  # 6 of the signature with its brackets
        ("a" * 65, "银行信贷", 2),
        ("还" * 154, "银行信贷", 3),  # 160 in all: 67, 67, 26, the provider's own example
    ],
)
def test_to_the_mainland_every_character_is_one_and_the_signature_counts(text: str, signature: str, count: int) -> None:
    assert mainland_segments_of(text, signature).count == count
