"""How near written commentary is to what was said: BLEU and CIDEr, and METEOR where it can be.

One commentary per video is known. BLEU is of all videos together, as papers print it; CIDEr and
METEOR are means over videos. Words are those of `words_of`: without case and punctuation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.annotations.commentary import words_of
from aqa.evaluation.metric import metric_of, metrics_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, resampled
from aqa.metrics import Values

Words = Sequence[str]
ORDERS = (1, 2, 3, 4)
_SIGMA = 6.0  # of the Gaussian penalty of CIDEr-D, in words


def measure_commentary(
    true: Sequence[str | None],
    said: Sequence[str],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricValues | None:
    """The metrics of the videos whose commentary is known; None where none is.

    true, said: a text per video. CIDEr counts how rare words are in the true texts of all these
    videos, in each resample too.
    """
    summed = CommentarySums.of(true, said)
    if summed is None:
        return None
    samples = resampled(summed.n, summed.measure, resamples, seed)
    words = float(summed.counts[:, 8].mean())
    return MetricValues.of(summed.n, samples, level, words=round(words, 2))


@dataclass(frozen=True)
class CommentarySums:
    """What the metrics sum over the n videos whose commentary is known.

    counts: (n, 10), see `bleu_counts`. means: (n,) of each metric that is a mean over videos.
    """

    counts: Values
    means: Mapping[str, Values]

    @property
    def n(self) -> int:
        """How many videos there are."""
        return len(self.counts)

    @classmethod
    def of(cls, true: Sequence[str | None], said: Sequence[str]) -> CommentarySums | None:
        """A text per video; None where the commentary of none is known."""
        pairs = [(words_of(t), words_of(s)) for t, s in zip(true, said, strict=True)]
        pairs = [(t, s) for t, s in pairs if t]
        if not pairs:
            return None
        references, hypotheses = [t for t, _ in pairs], [s for _, s in pairs]
        means = {"cider": cider(references, hypotheses)}
        if has_wordnet():
            means["meteor"] = meteor(references, hypotheses)
        return cls(np.array([bleu_counts(t, s) for t, s in pairs], float), means)

    def measure(self, drawn: Values) -> dict[str, Values]:
        """Each metric where the videos count so often: (..., n) to (...,)."""
        sums = drawn @ self.counts
        of_all = {m.name: m.function(sums) for m in metrics_of("commentary") if m.name in _BLEU}
        return of_all | {
            name: metric_of(name, "commentary").function(drawn @ each, drawn.sum(axis=-1))
            for name, each in self.means.items()
        }


_BLEU = tuple(f"bleu_{order}" for order in ORDERS)


def bleu_counts(reference: Words, hypothesis: Words) -> list[int]:
    """What BLEU sums over videos (papineni2002): see `aqa.metrics.bleu`."""
    from nltk.translate.bleu_score import modified_precision

    fractions = [modified_precision([reference], hypothesis, order) for order in ORDERS]
    matched = [fraction.numerator for fraction in fractions]
    possible = [fraction.denominator for fraction in fractions]
    return [*matched, *possible, len(hypothesis), len(reference)]


def cider(references: Sequence[Words], hypotheses: Sequence[Words]) -> Values:
    """CIDEr-D of each video (vedantam2015), 0 to 10: similarity of n-grams weighed by rarity.

    Words are not stemmed, as in the code that captioning papers evaluate by. With a single video
    every n-gram is in every text, and it is 0.
    """
    frequency: Counter[Words] = Counter()
    for reference in references:
        frequency.update(_n_grams(reference).keys())
    rarity = {gram: math.log(len(references) / n) for gram, n in frequency.items()}
    unseen = math.log(len(references))
    return np.array(
        [_cider(t, s, rarity, unseen) for t, s in zip(references, hypotheses, strict=True)]
    )


def _cider(true: Words, said: Words, rarity: Mapping[Words, float], unseen: float) -> float:
    lengths = [max(len(words) - 1, 0) for words in (true, said)]  # in pairs of words
    penalty = math.exp(-((lengths[1] - lengths[0]) ** 2) / (2 * _SIGMA**2))
    known, written = (
        {gram: n * rarity.get(gram, unseen) for gram, n in _n_grams(words).items()}
        for words in (true, said)
    )
    total = 0.0
    for order in ORDERS:
        a, b = ({g: w for g, w in one.items() if len(g) == order} for one in (known, written))
        norm = math.hypot(*a.values()) * math.hypot(*b.values())
        if norm:
            total += sum(min(w, a.get(g, 0.0)) * a.get(g, 0.0) for g, w in b.items()) / norm
    return 10 * penalty * total / len(ORDERS)


def _n_grams(words: Words) -> Counter[Words]:
    """How often each run of one to four words stands in a text."""
    return Counter(
        tuple(words[start : start + order])
        for order in ORDERS
        for start in range(len(words) - order + 1)
    )


def meteor(references: Sequence[Words], hypotheses: Sequence[Words]) -> Values:
    """METEOR of each video (banerjee2005), by nltk; it takes WordNet, see `has_wordnet`."""
    from nltk.translate.meteor_score import meteor_score

    return np.array(
        [meteor_score([t], s) for t, s in zip(references, hypotheses, strict=True)], float
    )


def has_wordnet() -> bool:
    """Whether nltk finds WordNet on this machine; nothing is downloaded."""
    import nltk.data

    for place in ("corpora/wordnet", "corpora/wordnet.zip"):
        try:
            nltk.data.find(place)
        except LookupError:
            continue
        return True
    return False
