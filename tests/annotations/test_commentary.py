from __future__ import annotations

import pytest

from aqa.annotations.commentary import MOST_WORDS, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, []),
        ("", []),
        (" ,.-'!  ", []),
        ("A back 2.5, piked.", ["a", "back", "2.5", "piked"]),
        ("that's THE one \u2014 well-done", ["that's", "the", "one", "well-done"]),
        ("that\u2019s it", ["that's", "it"]),
        ("tuck\x00ed\x1b[31m red\u202e\u200bdive", ["tuck", "ed", "31m", "red", "dive"]),
        ("<sos> snake_case <eos>", ["sos", "snake", "case", "eos"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("x" * 41 + " " + "y" * 40, ["y" * 40]),
    ],
)
def test_words(text: str | None, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_text_may_be_of_any_length() -> None:
    assert words_of("dive " * 100_000) == ["dive"] * MOST_WORDS
    assert words_of("d" * 10_000_000) == []
