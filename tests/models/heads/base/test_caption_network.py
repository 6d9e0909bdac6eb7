from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.models.heads.base.caption_network import CaptionNetwork, caption_loss
from aqa.models.heads.base.vocabulary import NONE


@pytest.fixture
def net() -> CaptionNetwork:
    torch.manual_seed(0)
    return CaptionNetwork(dim=4, words=9, hidden=8, dropout=0.3).eval()


def test_the_loss_is_that_of_the_naive_loop(rng: np.random.Generator) -> None:
    odds = rng.normal(size=(3, 4, 6))
    words = np.array([[3, 5, 0, NONE], [NONE] * 4, [2, 0, NONE, NONE]])
    each = [
        -np.log(np.exp(odds[v, s, w]) / np.exp(odds[v, s]).sum())
        for v, row in enumerate(words)
        for s, w in enumerate(row)
        if w != NONE
    ]
    found = caption_loss(torch.tensor(odds), torch.tensor(words))
    assert found.item() == pytest.approx(np.mean(each))


def test_a_video_without_commentary_has_no_part_in_the_gradient(net: CaptionNetwork) -> None:
    x, words = torch.randn(2, 3, 4, requires_grad=True), torch.tensor([[3, 0], [NONE, NONE]])
    caption_loss(net(x, torch.tensor([3, 2]), words), words).backward()
    assert x.grad[0].abs().sum() > 0
    assert x.grad[1].abs().sum() == 0
    silent = torch.full((2, 2), NONE)
    assert caption_loss(net(x, torch.tensor([3, 2]), silent), silent).item() == 0


def test_what_stands_behind_a_videos_end_is_not_read(net: CaptionNetwork) -> None:
    x, lengths = torch.randn(2, 5, 4), torch.tensor([5, 3])
    words = torch.tensor([[3, 4, 0], [5, 0, NONE]])
    changed = x.clone()
    changed[1, 3:] = 100
    torch.testing.assert_close(net(x, lengths, words), net(changed, lengths, words))
    alone = net(x[1:, :3], torch.tensor([3]), words[1:])
    torch.testing.assert_close(net(x, lengths, words)[1:], alone)


def test_a_word_depends_on_the_words_before_it_alone(net: CaptionNetwork) -> None:
    x, lengths = torch.randn(1, 5, 4), torch.tensor([5])
    one, other = (net(x, lengths, torch.tensor([[3, 4, last, 6]])) for last in (5, 7))
    torch.testing.assert_close(one[:, :3], other[:, :3])
    assert not torch.allclose(one[:, 3], other[:, 3])


def test_what_is_written_is_what_known_texts_would_make_it_write(net: CaptionNetwork) -> None:
    """Greedily, each word is the most probable after those before it, as training sees them."""
    x, lengths = torch.randn(3, 5, 4), torch.tensor([5, 2, 4])
    written = net.write(x, lengths, most=6, width=1)
    odds = net(x, lengths, written)
    odds[..., [1, 2]] = -torch.inf
    for row, best in zip(written, odds.argmax(dim=2), strict=True):
        steps = int((row != 0).sum()) + 1
        assert row[:steps].tolist() == best[:steps].tolist()
    assert not {1, 2} & {*net.write(x, lengths, most=6, width=4).flatten().tolist()}
