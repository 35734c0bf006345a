"""The law on the command line: each rule with its paragraph, its dates and how well it was read."""

from flask import Flask

from app.services.law_packs import get_pack, jurisdictions


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    result = app.test_cli_runner().invoke(args=["law", *arguments])
    return result.exit_code, result.output


def test_every_rule_is_listed_with_its_paragraph_and_a_recalled_one_is_marked(sqlite_book: Flask) -> None:
    code, output = _run(sqlite_book, "list")

    lines = {line.split("\t")[0]: line for line in output.splitlines()}
    assert code == 0
    for name in jurisdictions():
        for rule in get_pack(name).rules:
            assert rule.source in lines[rule.id]
            assert lines[rule.id].endswith("[recalled, unverified]") is rule.is_recalled
    assert any(line.endswith("[recalled, unverified]") for line in lines.values())


def test_a_list_may_be_of_one_jurisdiction_or_of_a_country(sqlite_book: Flask) -> None:
    assert _run(sqlite_book, "list", "--jurisdiction", "DE")[1].startswith("EU: European Union")
    assert _run(sqlite_book, "list", "--jurisdiction", "GB")[1].startswith("UK: United Kingdom")
    assert _run(sqlite_book, "list", "--jurisdiction", "default")[1].startswith("DEFAULT: ")
    assert _run(sqlite_book, "list", "--jurisdiction", "BR")[1].startswith("There is no law pack for BR")


def test_a_rule_is_shown_with_its_tests_in_words(sqlite_book: Flask) -> None:
    code, output = _run(sqlite_book, "show", "UK-DISPUTE")

    assert code == 0
    assert "In force: from 2014-04-01 (date recalled, unverified)" in output
    assert "Executed by: the reminder engine" in output
    assert "  if disputes has one with ground is identity or nonexistent or amount and active -> block" in output


def test_every_rule_can_be_shown(sqlite_book: Flask) -> None:
    for name in jurisdictions():
        for rule in get_pack(name).rules:
            code, output = _run(sqlite_book, "show", rule.id)
            assert code == 0
            assert "{'" not in output  # nothing is left untold
            assert ("[recalled, unverified]" in output) is rule.is_recalled


def test_an_unknown_rule_is_refused_with_the_nearest(sqlite_book: Flask) -> None:
    code, output = _run(sqlite_book, "show", "UK-DISPUT")

    assert code == 1
    assert "Did you mean UK-DISPUTE" in output
