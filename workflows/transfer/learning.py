"""Learning several actions at once, and fine-tuning on few videos of another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.device import deterministic_kernels, pick_device
from aqa.errors import HeadError, HeadUsageError
from aqa.metrics import spearman
from aqa.models.examples import Examples
from aqa.models.heads.base import Head
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.heads.base.source import HeadSource
from aqa.models.scaling import spread
from aqa.models.target_transforms import TransformedHead, transformed
from aqa.models.training.loop import AugmentedVideos, BatchSource, threads_for
from aqa.workflows.transfer.results import Row, Start

# A curve's points are so many iterations apart (parmar2019action §5.3).
EVERY = 100
# Seeds of the untrained networks that zero-shot results are compared with; ours.
SEEDS = 10


def iterations_for(samples: int) -> tuple[int, int]:
    """Iterations, and those after which the learning rate is halved, for so many videos.

    parmar2019action §5.3 prints 500 and 100 for 25, 1200 and 300 for 75, 2000 and 500 for 125, and
    scales them "similarly" for others; for those, 16 and 4 per video, and at least 300 iterations,
    are ours.
    """
    return 500 if samples == 25 else max(16 * samples, 300), 4 * samples


def check_transfer(source: HeadSource, params: Mapping[str, Any]) -> None:
    """Raise `HeadUsageError` for a head that cannot be taken to another action with these."""
    if not source.head_class.transferable:
        raise HeadUsageError(
            f"{source.name} trains no network from clips' vectors to scores alone, which "
            "fine-tuning on another action takes; use lstm, average, wd, gdlt, cofinal or uil"
        )
    if params.get("difficulty", "none") != "none":
        raise HeadUsageError(
            "a new action's difficulties are on another scale; leave out difficulty"
        )


def learn_others(
    source: HeadSource, params: Mapping[str, Any], others: Examples
) -> ScoreNetworkHead:
    """Fit a head on several actions, the scores of each divided by their standard deviation.

    parmar2019action §5. others: with the column action. `HeadUsageError` for a head that cannot be
    taken to another action.
    """
    check_transfer(source, params)
    made = transformed(source.head_class, {**params, "scale": "action"})
    return network_of(made.fit_examples(others))


def network_of(head: Head) -> ScoreNetworkHead:
    """The fitted head that trains the network, without the transform of its scores."""
    inner = head.head_ if isinstance(head, TransformedHead) else head
    return cast("ScoreNetworkHead", inner)


def untrained(head: ScoreNetworkHead, seed: int, mean: float = 0.0) -> ScoreNetworkHead:
    """The fitted head with the weights that its network has before training, by the seed.

    Features and scores stay scaled as they were, so that the two differ in the weights alone.
    mean: of the scaled scores that it is to be trained to.
    """
    made = copy_of(head, seed=seed)
    made.net_ = made.untrained(len(head.centre_), mean)
    return made


def copy_of(head: ScoreNetworkHead, **params: Any) -> ScoreNetworkHead:
    """The fitted head with weights of its own, and other hyper-parameters."""
    return replace(head, **params).restore(head.state())


def correlation(head: ScoreNetworkHead, videos: Examples) -> float | None:
    """Spearman's correlation of a head's answers; None where it is undefined."""
    value = float(spearman(videos.scores, head.predict_examples(videos)))
    return value if np.isfinite(value) else None


def control(head: ScoreNetworkHead, videos: Examples, seeds: int = SEEDS) -> list[float | None]:
    """Spearman's correlation of untrained networks, one per seed: what chance gives."""
    return [correlation(untrained(head, seed), videos) for seed in range(seeds)]


def fine_tune(
    head: ScoreNetworkHead, train: Examples, test: Examples, most: int | None = None
) -> list[tuple[int, float | None]]:
    """Train a fitted head's network on; (iteration, Spearman on `test`), every 100 and the last.

    `test` is only predicted. The head itself stays as it is. most: iterations at most. A point is
    of the weights after its step, as published, also where the head takes an average of weights.
    """
    iterations, halve_every = iterations_for(len(train))
    iterations = iterations if most is None else min(iterations, most)
    head = copy_of(head, lr_halve_every=halve_every)
    device = pick_device(head.device)
    videos, trainer = _training_videos(head, train), head.trainer(head.net_.to(device))
    batches = itertools.chain.from_iterable(trainer.shuffled(videos) for _ in itertools.count())
    points = [(0, correlation(head, test))]
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        threads_for(head.net_),
        deterministic_kernels(),
    ):
        torch.manual_seed(head.seed)
        for number, batch in zip(range(1, iterations + 1), batches, strict=False):
            head.net_.train()
            loss = trainer.step(batch)
            if not np.isfinite(loss):
                raise HeadError(
                    f"the loss is {loss} in step {number}; lower the learning rate, -p lr=..."
                )
            if number % EVERY == 0 or number == iterations:
                points.append((number, correlation(head, test)))
    return points


def scaled_scores(head: ScoreNetworkHead, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of one action as the head's network learns them.

    Divided by their standard deviation (parmar2019action §5), then scaled as the head scales those
    of all actions.
    """
    return head.targets(scores / spread(scores))


def _training_videos(head: ScoreNetworkHead, train: Examples) -> BatchSource:
    """Training videos as the network takes them; an epoch shows one augmentation of each."""
    shown = [train.features, *train.views]
    every = list(itertools.chain.from_iterable(shown))
    videos = head.videos(every, np.tile(scaled_scores(head, train.scores), len(shown)))
    return AugmentedVideos(videos, len(shown), head.seed) if train.views else videos


def curves_of(
    head: ScoreNetworkHead,
    videos: Examples,
    samples: Sequence[int],
    *,
    draws: int,
    tested: int,
    seed: int = 0,
    most: int | None = None,
) -> Iterator[Row]:
    """Fine-tune from both starts, on videos drawn anew in each draw; see `TransferResult.curves`.

    A draw tests `tested` videos. Fewer samples are taken from among the more. Both starts see the
    same videos in the same order. most: see `fine_tune`.
    """
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(videos))
        test, rest = videos.select(order[:tested]), order[tested:]
        for n in samples:
            train = videos.select(rest[:n])
            mean = float(scaled_scores(head, train.scores).mean())
            begun: dict[Start, ScoreNetworkHead] = {
                "random": untrained(head, seed + draw, mean),
                "multi-action": copy_of(head, seed=seed + draw),
            }
            for start, one in begun.items():
                named = {"samples": n, "start": start, "draw": draw}
                for iteration, value in fine_tune(one, train, test, most):
                    yield named | {"iteration": iteration, "spearman": value}
