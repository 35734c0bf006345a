import pytest
from flask import Flask


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["due_soon", "--channel", "fax"],
            "Error: There is no text due_soon for fax; there is one for in_app, push, sms, wechat, email.\n",
        ),
        (["otp", "--channel", "letter"], "Error: There is no text otp for letter; there is one for sms.\n"),
        (["due_sooon", "--channel", "sms"], "Error: There is no text due_sooon.\n"),
        (["due_sooon"], "Error: There is no text due_sooon.\n"),
    ],
)
def test_a_text_that_is_not_there_is_said_with_the_channels_that_have_it(
    sqlite_book: Flask, arguments: list[str], complaint: str
) -> None:
    shown = sqlite_book.test_cli_runner().invoke(args=["template", "preview", *arguments])

    assert (shown.exit_code, shown.output) == (1, complaint)
