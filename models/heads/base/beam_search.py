"""Which words to write: greedy and beam search, by nothing but the odds of the next word."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# The last words (m,), a state (m, ...) -> log-probabilities of the next (m, words), the new state.
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def beam_search(
    step: Step,
    state: Tensor,
    *,
    start: int,
    end: int,
    most: int,
    width: int,
    once: int | None = None,
) -> Tensor:
    """The most probable texts that a search of `width` texts at a time finds.

    state: (n, ...), of n videos before any word. step: asked for n x width texts at once, those of
    a video one after the other. most: words, after which a text is cut. Texts are compared by
    their mean log-probability per word, the end counted as one; width 1 is greedy decoding. once:
    no run of so many words is written twice in a text; None: without that limit. Gives (n, length)
    numbers of words, `end` from the end on.
    """
    n, device = len(state), state.device
    state = state.repeat_interleave(width, dim=0)
    texts = torch.full((n, width, 0), end, dtype=torch.long, device=device)
    last = torch.full((n * width,), start, dtype=torch.long, device=device)
    # All texts of a video are alike at first: all but one are out of the race.
    total = torch.full((n, width), -torch.inf, device=device)
    total[:, 0] = 0
    length = torch.zeros((n, width), device=device)
    ended = torch.zeros((n, width), dtype=torch.bool, device=device)
    for _ in range(most):
        odds, state = step(last, state)
        odds = odds.unflatten(0, (n, width))
        if once is not None:
            odds = odds.masked_fill(_repeats(texts, once, odds.shape[-1]), -torch.inf)
        odds = odds.masked_fill(ended[..., None], -torch.inf)  # an ended text is never continued
        odds[..., end] = odds[..., end].masked_fill(ended, 0)  # but stays as it is
        sums = total[..., None] + odds  # (n, width, words)
        lengths = length + (~ended).float()
        chosen = (sums / lengths.clamp(min=1)[..., None]).flatten(1).topk(width).indices
        parent, word = chosen // odds.shape[-1], chosen % odds.shape[-1]  # (n, width)
        total = sums.flatten(1).gather(1, chosen)
        length = lengths.gather(1, parent)
        ended = ended.gather(1, parent) | (word == end)
        texts = torch.cat([texts.take_along_dim(parent[..., None], 1), word[..., None]], 2)
        rows = (parent + width * torch.arange(n, device=device)[:, None]).flatten()
        state, last = state[rows], word.flatten()
        if ended.all():
            break
    best = (total / length.clamp(min=1)).argmax(dim=1)
    return texts[torch.arange(n, device=device), best]


def _repeats(texts: Tensor, once: int, words: int) -> Tensor:
    """Which next words would make a run of `once` words stand in a text again (paulus2018 §2.5).

    texts: (n, width, length) -> (n, width, words).
    """
    n, width, length = texts.shape
    counts = torch.zeros((n, width, words), device=texts.device)
    if length >= once:
        runs = texts.unfold(2, once, 1)  # (n, width, runs, once)
        last = texts[:, :, None, length - once + 1 :]
        alike = (runs[..., :-1] == last).all(dim=-1)
        counts.scatter_add_(2, runs[..., -1], alike.float())
    return counts > 0
