"""The words that a head can write, learned from training videos' commentary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.commentary import words_of
from aqa.errors import HeadError
from aqa.models.heads.base.arrays import pack_texts, unpack_texts

# Numbers that stand for no word; words follow. UNKNOWN: a word that is too rare to be learned.
END, START, UNKNOWN = 0, 1, 2
_FIRST = 3
NONE = -1  # behind the end of a text
MOST = 20_000


@dataclass(frozen=True)
class Vocabulary:
    """Words by their numbers. words: the most frequent first, equally frequent ones by letters."""

    words: tuple[str, ...] = ()

    @classmethod
    def learn(cls, texts: Iterable[str | None], least: int) -> Vocabulary:
        """The words that stand in the texts `least` times or more, the 20,000 most frequent."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(words_of(text))
        frequent = [(-n, word) for word, n in counts.items() if n >= least]
        return cls(tuple(word for _, word in sorted(frequent)[:MOST]))

    def __len__(self) -> int:
        """How many numbers there are, those that stand for no word included."""
        return len(self.words) + _FIRST

    def encode(self, texts: Sequence[str | None], most: int) -> NDArray[np.int64]:
        """The numbers of each text's first `most` words and the end, (n, longest + 1).

        `NONE` stands behind the end, and everywhere in the row of a text without words. A text
        that is longer has no end.
        """
        numbers = {word: i for i, word in enumerate(self.words, start=_FIRST)}
        rows = [[numbers.get(word, UNKNOWN) for word in words_of(text)] for text in texts]
        rows = [[*row, END][: most + 1] if row else [] for row in rows]
        encoded = np.full((len(rows), max(map(len, rows), default=0)), NONE, np.int64)
        for row, values in zip(encoded, rows, strict=True):
            row[: len(values)] = values
        return encoded

    def decode(self, numbers: Iterable[int]) -> str:
        """The words of these numbers up to the end, as one line."""
        said = []
        for number in numbers:
            if number == END:
                break
            said.append(self.words[number - _FIRST])
        return " ".join(said)

    def pack(self) -> NDArray[np.uint8]:
        """As a saved model holds it."""
        return pack_texts(self.words)

    @classmethod
    def unpack(cls, array: NDArray[Any]) -> Vocabulary:
        """The vocabulary of `pack`; `HeadError` where the array holds something else."""
        try:
            words = unpack_texts(np.asarray(array, np.uint8))
        except (ValueError, RecursionError) as error:
            raise HeadError(f"its vocabulary cannot be read ({error})") from None
        if not isinstance(words, list) or len(words) > MOST or len({*map(str, words)}) < len(words):
            raise HeadError(f"its vocabulary is no list of {MOST} different words or fewer")
        for word in words:
            if not isinstance(word, str) or words_of(word) != [word]:
                raise HeadError(f"its vocabulary holds {str(word)[:40]!r}, which is no word")
        return cls(tuple(words))
