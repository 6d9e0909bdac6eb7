from __future__ import annotations

import numpy as np
import pytest

from aqa.models.heads.base import HeadError, pack_texts
from aqa.models.heads.base.vocabulary import END, MOST, UNKNOWN, Vocabulary

TEXTS = ["A back dive, piked.", None, "a BACK dive", "", "a splash"]


def test_words_are_learned_by_how_often_they_stand() -> None:
    assert Vocabulary.learn(TEXTS, least=1).words == ("a", "back", "dive", "piked", "splash")
    assert Vocabulary.learn(TEXTS, least=3).words == ("a",)
    assert Vocabulary.learn([None, ""], least=1).words == ()


def test_texts_come_back_as_one_line_without_unknown_words() -> None:
    words = Vocabulary.learn(TEXTS, least=2)
    numbers = words.encode(["a dive back", "a pike", None, "..."], most=10)
    np.testing.assert_array_equal(
        numbers,
        [[3, 5, 4, END], [3, UNKNOWN, END, -1], [-1] * 4, [-1] * 4],
    )
    assert words.decode(numbers[0]) == "a dive back"


def test_a_long_text_is_cut_and_has_no_end() -> None:
    words = Vocabulary.learn(["a"], least=1)
    np.testing.assert_array_equal(words.encode(["a a a a", "a a"], most=2), [[3, 3, 3], [3, 3, 0]])


def test_a_text_of_any_size_is_bounded() -> None:
    many = " ".join(f"w{i}" for i in range(100_000))
    words = Vocabulary.learn([many, "\x1b[2J " * 50_000, "x" * 10**6], least=1)
    assert len(words.words) <= 1001
    assert words.encode([many], most=100).shape == (1, 101)
    assert len(Vocabulary.learn((f"a{i}" for i in range(MOST + 5)), least=1).words) == MOST


def test_saved_it_is_the_same() -> None:
    words = Vocabulary.learn(TEXTS, least=1)
    assert Vocabulary.unpack(words.pack()) == words


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.array([255, 1], np.uint8), "cannot be read"),
        (np.frombuffer(b'{"a": 1}', np.uint8), "is no list of"),
        (np.frombuffer(b"[1]", np.uint8), "holds '1', which is no word"),
        (pack_texts(["a", "a"]), "is no list of 20000 different words"),
        (pack_texts(["a", "two words"]), "holds 'two words', which is no word"),
        (pack_texts(["red\x1b[31m"]), "which is no word"),
    ],
)
def test_what_is_no_vocabulary_is_refused(array: np.ndarray, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        Vocabulary.unpack(array)
