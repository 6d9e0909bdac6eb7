"""How a network head learns who is better of given pairs, rather than scores."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import nn

from aqa.errors import HeadError
from aqa.models.examples import Examples, Sequences, pick
from aqa.models.heads.base.checks import check_pairs, check_sequences, check_views
from aqa.models.scaling import spread
from aqa.models.training.hold_out import held_out_groups
from aqa.models.training.loop import AugmentedVideos, BatchSource
from aqa.models.training.losses import make_pair_loss
from aqa.models.training.ranked_pairs import RankedVideos, RankingTrainer

if TYPE_CHECKING:
    from aqa.models.heads.base.score_network import ScoreNetworkHead

Numbers = NDArray[np.intp]


def fit_ranking(
    head: ScoreNetworkHead, train: Examples, validation: Examples | None = None
) -> None:
    """Train a head's network by the pairs of the training videos.

    validation: videos and the pairs to stop by; some of the videos may be training videos. Without
    it, training videos are held out, and the pairs with any of them stop the training. What the
    network says is scaled to rank values of mean 0 and deviation 1 over the training videos.
    """
    maps = head.takes == "maps"
    head.check_params()
    if train.pairs is None:
        raise HeadError(
            f"loss={head.loss} learns who is better from pairs of videos, and none are given: fit "
            "with --target pairs, or take another loss"
        )
    sequences = check_sequences(train.features, maps=maps, ids=train.ids)
    pairs = check_pairs(train)
    head.y_mean_, head.y_std_ = 0.0, 1.0
    copies = check_views(train.views, sequences, train.ids) if head.takes_views else []
    head.fit_scaling(sequences)
    learned, out = pairs, np.arange(0)
    if validation is not None and len(validation):
        shape = sequences[0].shape[1:]
        x = check_sequences(validation.features, shape, maps=maps, ids=validation.ids)
        held: BatchSource | None = RankedVideos(_videos(head, x), check_pairs(validation))
    else:
        out, stopping = hold_out(pairs, head.validation, head.seed, train.groups)
        learned = pairs[~stopping]
        held = _stopping(head, sequences, pairs[stopping])

    def make() -> nn.Module:
        net = head.build(sequences[0].shape[1])
        head.start_at(net, 0.0)
        return net

    def shown(chosen: Numbers) -> BatchSource:
        videos = _videos(head, list(itertools.chain(sequences, *copies)))
        if copies:
            videos = AugmentedVideos(videos, 1 + len(copies), head.seed)
        return RankedVideos(videos, chosen)

    def trainer(net: nn.Module) -> RankingTrainer:
        loss = make_pair_loss(head.loss, head.pair_margin)
        return RankingTrainer(net, loss, head.training_settings(), head.seed)

    head.train_net(make, shown(learned), held, trainer)
    head.held_out_ = out
    if len(out):
        head.refit_net(make, lambda: shown(pairs), trainer)
    _scale(head, train)


def hold_out(
    pairs: Numbers, share: float, seed: int, groups: Numbers | None = None
) -> tuple[Numbers, NDArray[np.bool_]]:
    """The videos to stop by, by the seed, and which pairs hold any of them.

    A held-out pair shows a video of which nothing is learned, or two. share: of the videos that
    are in pairs. None are held out where too few pairs would be left to learn from. groups: see
    `Examples.groups`; whole ones are drawn.
    """

    def stops(out: Numbers) -> NDArray[np.bool_]:
        return np.asarray(np.isin(pairs, out).any(axis=1))

    videos = np.unique(pairs)
    size = round(share * len(videos))
    order = np.random.default_rng(seed).permutation(videos)
    size = min(max(size, 1) if share else 0, len(videos) - 2)
    out = np.sort(order[: max(size, 0)])
    together = held_out_groups(
        None if groups is None else groups[videos],
        len(out),
        seed,
        usable=lambda drawn: not stops(videos[drawn]).all(),
    )
    if together is not None:
        out = videos[together]
    stopping = stops(out)
    if stopping.all():
        return out[:0], np.zeros(len(pairs), bool)
    return out, stopping


def _stopping(head: ScoreNetworkHead, sequences: Sequences, pairs: Numbers) -> BatchSource | None:
    """The held-out pairs and their videos, if there are any."""
    if not len(pairs):
        return None
    videos, ends = np.unique(pairs, return_inverse=True)
    return RankedVideos(_videos(head, pick(sequences, videos)), ends.reshape(-1, 2))


def _videos(head: ScoreNetworkHead, sequences: Sequences) -> BatchSource:
    """Videos without targets, as the head's network takes them."""
    return head.videos(sequences, np.zeros(len(sequences)))


def _scale(head: ScoreNetworkHead, train: Examples) -> None:
    """Make rank values of mean 0 and deviation 1 of what the network says of training videos.

    Values of several runs can then be averaged.
    """
    said = head.outputs(train)
    deviation = spread(said)
    head.y_mean_, head.y_std_ = -float(said.mean()) / deviation, 1 / deviation
