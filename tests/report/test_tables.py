"""Tables and wrapped lines, as narrow as the terminal."""

from __future__ import annotations

import pytest

from aqa.report.tables import table, wrapped

ROWS = [
    ["svr", "1", "0.712 [0.512, 0.812]", "12.0 [8.1, 14.2]", "svr is better as fitted, not more"],
    ["baseline-all", "10", "-0.1 [-0.2, 0.1]", "120.0 [80.1, 140.2]", ""],
]
HEADER = ["head", "split", "Spearman [95 %]", "MSE [95 %]", "what is shown"]
TEXT = [0, 1, -1]


def test_columns_are_aligned_under_a_plain_header() -> None:
    assert table([["a", "1"], ["long name", "200"]], ["head", "n"]).split("\n") == [
        "head         n",
        "a            1",
        "long name  200",
    ]


def test_a_table_without_a_header() -> None:
    assert table([["a", "1"], ["b", "22"]], left=2) == "a  1\nb  22"
    assert table([], ["head", "n"]) == "head  n"


@pytest.mark.parametrize("width", [30, 45, 60, 80, 100, 200])
def test_no_line_is_wider_and_no_number_is_broken(width: int) -> None:
    lines = table(ROWS, HEADER, TEXT, width=width).split("\n")
    assert max(map(len, lines)) <= width
    for row in ROWS:
        for number in row[2:4]:
            assert sum(number in line for line in lines) == 1


def test_text_wraps_between_words_beside_its_row() -> None:
    lines = table(ROWS, HEADER, TEXT, width=80).split("\n")
    assert lines[1].startswith("svr ")
    assert lines[1].endswith("svr is better as")
    assert lines[2].strip() == "fitted, not more"


def test_what_does_not_fit_goes_on_below_with_the_names_repeated() -> None:
    above, below = table(ROWS, HEADER, TEXT, width=60).split("\n\n")
    assert "Spearman" in above
    assert "MSE" in below
    assert [part.count("baseline-all") for part in (above, below)] == [1, 1]


def test_the_width_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert max(map(len, wrapped("word " * 30).split("\n"))) <= 20
    assert max(map(len, table([["word " * 30]]).split("\n"))) <= 20


def test_brackets_and_colons_are_text() -> None:
    assert table([["[bold]:smile:", "1"]]) == "[bold]:smile:  1"


def test_wrapping_keeps_lines_indents_and_paths() -> None:
    path = "/a/path/that-is/longer-than/the-width.h5"
    text = wrapped(f"first second third\n  {path} and more words", width=18)
    assert text.split("\n")[:3] == ["first second third", f"  {path}", "  and more words"]
