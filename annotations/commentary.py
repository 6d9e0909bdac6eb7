"""The words of a commentary, as heads learn them and metrics count them."""

from __future__ import annotations

import itertools
import re
import unicodedata

# A number, or letters and digits with apostrophes and hyphens within; all else parts words.
_WORD = re.compile(r"\d+(?:\.\d+)+|[^\W_]+(?:['-][^\W_]+)*")
# A commentary's further words are not read, and longer ones are none: a text may be anything.
MOST_WORDS = 1000
_LONGEST_WORD = 40
_LONGEST_TEXT = 100_000


def words_of(text: str | None) -> list[str]:
    """The words of a text in lower case, 1000 at most, without signs and control characters.

    >>> words_of("It's 3.5 somersaults,\\t piked!")
    ["it's", '3.5', 'somersaults', 'piked']
    """
    plain = unicodedata.normalize("NFC", (text or "")[:_LONGEST_TEXT]).replace("\u2019", "'")
    words = (match.group() for match in _WORD.finditer(plain.lower()))
    return list(itertools.islice((w for w in words if len(w) <= _LONGEST_WORD), MOST_WORDS))
