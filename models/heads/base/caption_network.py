"""The network that writes commentary: it reads a video's clips in order and writes word by word."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from aqa.models.heads.base.beam_search import beam_search
from aqa.models.heads.base.vocabulary import END, NONE, START, UNKNOWN


class CaptionNetwork(nn.Module):
    """A GRU over the clips, and one over the words that begins with the state of the first.

    After venugopalan2015 as parmar2019what takes it. Ours: before each word is chosen, the state
    of the second is held against those of all clips, so that a word can be about one of them
    (attention). dim: of a clip's feature. words: numbers there are, see `Vocabulary`.
    """

    def __init__(self, dim: int, words: int, hidden: int, dropout: float):
        super().__init__()
        self.project = nn.Linear(dim, hidden)
        self.clips = nn.GRU(hidden, hidden, batch_first=True)
        self.embedding = nn.Embedding(words, hidden)
        self.writer = nn.GRU(hidden, hidden, batch_first=True)
        self.mix = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, words)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor, words: Tensor) -> Tensor:
        """The odds of each word of known texts, given those before it.

        x: (n, clips, dim), lengths: (n,), words: (n, steps), `NONE` behind the end -> (n, steps,
        numbers), not normalised.
        """
        memory, outside, state = self.read(x, lengths)
        before = torch.cat([torch.full_like(words[:, :1], START), words[:, :-1]], dim=1)
        embedded = self.dropout(self.embedding(before.clamp(min=0)))
        written, _ = self.writer(embedded, state[None])  # (n, steps, hidden)
        return self._odds(written, memory, outside)

    def read(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """States after each clip (n, clips, hidden), which are behind the end, and the last."""
        projected = self.dropout(torch.tanh(self.project(x)))
        memory, _ = self.clips(projected)
        outside = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
        state = memory[torch.arange(len(x), device=x.device), lengths - 1]
        return memory, outside, state

    def _odds(self, written: Tensor, memory: Tensor, outside: Tensor) -> Tensor:
        fit = written @ memory.transpose(1, 2) / memory.shape[2] ** 0.5  # (n, steps, clips)
        weight = fit.masked_fill(outside[:, None], -torch.inf).softmax(dim=2)
        mixed = torch.tanh(self.mix(torch.cat([written, weight @ memory], dim=2)))
        odds: Tensor = self.out(self.dropout(mixed))
        return odds

    @torch.no_grad()
    def write(
        self, x: Tensor, lengths: Tensor, most: int, width: int, once: int | None = None
    ) -> Tensor:
        """The numbers of the words that are written of each video, (n, steps): `beam_search`."""
        memory, outside, state = self.read(x, lengths)
        memory, outside = (each.repeat_interleave(width, dim=0) for each in (memory, outside))

        def step(last: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            written, after = self.writer(self.embedding(last[:, None]), state[None].contiguous())
            odds = self._odds(written, memory, outside)[:, 0]
            odds[:, [START, UNKNOWN]] = -torch.inf  # which stand for no word
            return log_softmax(odds, dim=1), after[0]

        return beam_search(step, state, start=START, end=END, most=most, width=width, once=once)


def caption_loss(odds: Tensor, words: Tensor) -> Tensor:
    """The mean cross-entropy per word; 0 where no video has a text.

    odds: (n, steps, numbers). words: (n, steps), `NONE` where there is no word.
    """
    total = cross_entropy(odds.flatten(0, 1), words.flatten(), ignore_index=NONE, reduction="sum")
    return total / (words != NONE).sum().clamp(min=1)
