from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from aqa.models.heads.base.beam_search import beam_search

START, END, N_WORDS = 1, 0, 5


def odds_of(seed: int, videos: int) -> np.ndarray:
    """log p[video, words so far (5 at most), last word, next word]; the start is never written."""
    values = np.random.default_rng(seed).normal(scale=2, size=(videos, 6, N_WORDS, N_WORDS))
    values[..., START] = -np.inf
    return values - np.log(np.exp(values).sum(-1, keepdims=True))


def found(odds: np.ndarray, most: int, width: int, once: int | None = None) -> list[list[int]]:
    """What `beam_search` writes; the state holds the video's number and the words so far."""
    table = torch.from_numpy(odds)

    def step(last: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        video, n = state.unbind(1)
        return table[video, n, last].float(), torch.stack([video, n + 1], 1)

    state = torch.tensor([[video, 0] for video in range(len(odds))])
    texts = beam_search(step, state, start=START, end=END, most=most, width=width, once=once)
    return [trimmed(text) for text in texts.tolist()]


def trimmed(text: list[int]) -> list[int]:
    return [*itertools.takewhile(lambda word: word != END, text)]


def mean_odds(odds: np.ndarray, text: tuple[int, ...]) -> float:
    before = (START, *text[:-1])
    return float(
        np.mean([odds[n, a, b] for n, (a, b) in enumerate(zip(before, text, strict=True))])
    )


def repeats(text: tuple[int, ...], once: int | None) -> bool:
    """Whether a run of `once` words, the end not counted, stands in a text twice."""
    words = trimmed([*text])
    runs = [] if once is None else [*zip(*(words[k:] for k in range(once)), strict=False)]
    return len({*runs}) < len(runs)


def naive_beam(odds: np.ndarray, most: int, width: int, once: int | None = None) -> list[int]:
    """Of one video, with lists of words."""
    texts: list[tuple[int, ...]] = [()]
    for _ in range(most):
        longer = [
            text if text and text[-1] == END else (*text, word)
            for text in texts
            for word in range(N_WORDS)
            if word != START
        ]
        longer = [text for text in longer if not repeats(text, once)]
        texts = sorted({*longer}, key=lambda text: -mean_odds(odds, text))[:width]
    return trimmed([*texts[0]])


@pytest.mark.parametrize("width", [1, 2, 3, 7])
def test_it_finds_what_the_naive_search_finds(width: int) -> None:
    odds = odds_of(0, videos=40)
    assert found(odds, 5, width) == [naive_beam(one, 5, width) for one in odds]


def test_width_one_takes_the_most_probable_word_each_time() -> None:
    odds = odds_of(1, videos=20)
    for one, text in zip(odds, found(odds, 5, 1), strict=True):
        greedy, last = [], START
        for n in range(5):
            last = int(one[n, last].argmax())
            greedy.append(last)
            if last == END:
                break
        assert text == trimmed(greedy)


def test_a_width_of_all_texts_finds_the_best_of_all() -> None:
    odds = odds_of(2, videos=10)
    every = [
        text
        for length in (1, 2, 3)
        for text in itertools.product((0, 2, 3, 4), repeat=length)
        if END not in text[:-1] and (text[-1] == END or length == 3)
    ]
    best = [max(every, key=lambda text, one=one: mean_odds(one, text)) for one in odds]
    assert found(odds, 3, 64) == [trimmed([*text]) for text in best]
    assert found(odds, 3, 1) != found(odds, 3, 64)


def test_a_text_that_never_ends_is_cut() -> None:
    odds = odds_of(3, videos=3)
    odds[..., END] = -100
    assert [len(text) for text in found(odds, 4, 2)] == [4, 4, 4]


@pytest.mark.parametrize("once", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 3])
def test_no_run_of_words_is_written_twice(once: int, width: int) -> None:
    odds = np.repeat(odds_of(4, videos=30)[:, :1], 12, axis=1)  # alike at every step, so it loops
    odds += np.random.default_rng(4).normal(scale=0.05, size=odds.shape)  # and no two texts tie
    odds[..., END] -= 3
    plain, limited = found(odds, 11, width), found(odds, 11, width, once)
    assert sum(repeats((*text,), once) for text in plain) > 20
    assert not any(repeats((*text,), once) for text in limited)
    assert limited == [naive_beam(one, 11, width, once) for one in odds]
