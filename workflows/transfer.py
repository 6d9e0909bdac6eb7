"""What was learned from several actions, on a new one: as it is, and fine-tuned (parmar2019action §5.2, 5.3)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.device import pick_device
from aqa.errors import AqaError, UnknownNameError
from aqa.features.store import FeatureStore
from aqa.metrics import mean_and_std, spearman
from aqa.models.heads import find_head, get_head, make_head
from aqa.models.heads.base import Head, HeadError, Sequences, pick
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.scaling import spread
from aqa.models.training.loop import AugmentedVideos, BatchSource, VideoTensors, threads_for
from aqa.workflows.fit import check_layer, head_params

# Where the weights that fine-tuning begins with come from.
Start = Literal["random", "multi-action"]
STARTS: tuple[Start, ...] = get_args(Start)
# A curve's points are so many steps apart (parmar2019action §5.3), and so many others are tested.
EVERY, TESTED = 100, 50
# Seeds of the untrained networks that zero-shot results are held against; ours.
SEEDS = 10

Row = dict[str, Any]


@dataclass(frozen=True)
class Performances:
    """Videos: features (n_clips, dim) each, scores in points (n,), and augmented views of them."""

    x: Sequences
    y: NDArray[np.float64]
    views: Sequence[Sequences] = ()

    def __len__(self) -> int:
        return len(self.y)

    def part(self, numbers: NDArray[np.intp]) -> Performances:
        """Those of these numbers."""
        views = [pick(view, numbers) for view in self.views]
        return Performances(pick(self.x, numbers), self.y[numbers], views)


@dataclass(frozen=True)
class Transfer:
    """How an action was taken to.

    others: the actions that were learned before, of n_others videos. n: videos of the action,
    of which `tested` in each draw. zero_shot: of all `n`, `multi-action` and `random`, the latter
    the mean over untrained networks with its standard deviation. curves: a row a point: samples,
    draw, start, iteration, spearman on the tested videos; iteration 0 is zero-shot.
    """

    action: str
    others: tuple[str, ...]
    n_others: int
    n: int
    tested: int
    zero_shot: dict[str, float | None]
    curves: list[Row]

    def readings(self) -> list[Row]:
        """A row for each number of samples and start: means and deviations over the draws.

        zero_shot: iteration 0. last: the last iteration. best: the best point after iteration 0,
        on the tested videos themselves, which is what parmar2019action Table 4 prints.
        """
        return readings(self.curves)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        kept = {name: getattr(self, name) for name in ("action", "others", "n_others", "n")}
        return kept | {
            "tested": self.tested,
            "zero_shot": self.zero_shot,
            "best_chosen_on": "the tested videos, as parmar2019action Table 4 is",
            "readings": self.readings(),
        }


def steps_of(samples: int) -> tuple[int, int]:
    """Iterations, and those after which the learning rate is halved, for so many videos.

    parmar2019action §5.3 prints 500 and 100 for 25, 1200 and 300 for 75, 2000 and 500 for 125, and
    scales them "similarly" for others; 16 and 4 a video, and 300 iterations at least, are ours for
    those.
    """
    return 500 if samples == 25 else max(16 * samples, 300), 4 * samples


def samples_for(n: int) -> tuple[int, ...]:
    """How many videos parmar2019action §5.3 fine-tunes on, where an action has `n` in all."""
    return (25, 75, 125) if n >= 125 + TESTED else (15, 25, 35)


def learn_others(
    head: str, params: Mapping[str, Any], others: Performances, actions: Sequence[str]
) -> ScoreNetworkHead:
    """A head fitted on several actions, each one's scores divided by their deviation (parmar2019action §5).

    `HeadError` for a head that trains no network from clips' vectors to scores, or is told more.
    """
    kind = get_head(head)
    if not issubclass(kind, ScoreNetworkHead) or kind.columns or kind.takes == "maps":
        raise HeadError(
            f"{head} trains no network from clips' vectors to scores alone; take lstm, average, wd"
        )
    if params.get("difficulty", "none") != "none":
        raise HeadError("a new action's difficulties are on another scale; leave out difficulty")
    made = make_head(head, {**params, "scale": "action"})
    options: dict[str, Any] = {"views": others.views} if others.views else {}
    return network_of(made.fit(others.x, others.y, action=actions, **options))  # type: ignore[call-arg]


def network_of(head: Head) -> ScoreNetworkHead:
    """The fitted head of a network within what it was told to do with actions."""
    inner = getattr(head, "head_", head)
    assert isinstance(inner, ScoreNetworkHead)
    return inner


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
    made = replace(head, **params).restore(head.state())
    assert isinstance(made, ScoreNetworkHead)
    return made


def correlation(head: ScoreNetworkHead, videos: Performances) -> float | None:
    """Spearman's correlation of a head's answers; None where it is undefined."""
    value = float(spearman(videos.y, head.predict(videos.x)))
    return value if np.isfinite(value) else None


def control(head: ScoreNetworkHead, videos: Performances, seeds: int = SEEDS) -> list[float | None]:
    """Spearman of untrained networks, one a seed: what knows nothing gets."""
    return [correlation(untrained(head, seed), videos) for seed in range(seeds)]


def fine_tune(
    head: ScoreNetworkHead, train: Performances, test: Performances
) -> list[tuple[int, float | None]]:
    """Train a fitted head's network on; (iteration, Spearman on `test`), every 100 and the last.

    `test` is only looked at. The head itself stays as it is.
    """
    iterations, halve_every = steps_of(len(train))
    head = copy_of(head, lr_halve_every=halve_every)
    device = pick_device(head.device)
    examples, trainer = _examples(head, train, device), head.trainer(head.net_.to(device))
    batches = itertools.chain.from_iterable(trainer.shuffled(examples) for _ in itertools.count())
    points = [(0, correlation(head, test))]
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        threads_for(head.net_),
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

    Divided by their deviation (parmar2019action §5), then scaled as the head scales those of all
    actions.
    """
    return head.targets(scores / spread(scores))


def _examples(head: ScoreNetworkHead, train: Performances, device: torch.device) -> BatchSource:
    """Training videos as the head's network takes them; each epoch shows one view of each."""
    shown = [train.x, *train.views]
    scaled = [(s - head.centre_) / head.scale_ for view in shown for s in view]
    videos = VideoTensors.of(scaled, np.tile(scaled_scores(head, train.y), len(shown)), device)
    return AugmentedVideos(videos, len(shown), head.seed) if train.views else videos


def curves_of(
    head: ScoreNetworkHead,
    videos: Performances,
    samples: Sequence[int],
    *,
    draws: int,
    tested: int,
    seed: int = 0,
) -> Iterator[Row]:
    """Fine-tune from both starts, on videos drawn anew for each draw; see `Transfer.curves`.

    A draw tests `tested` videos, and the fewer samples are among the more; both starts see the
    same videos in the same order.
    """
    for draw in range(draws):
        order = np.random.default_rng([seed, draw]).permutation(len(videos))
        test, rest = videos.part(order[:tested]), order[tested:]
        for n in samples:
            train = videos.part(rest[:n])
            mean = float(scaled_scores(head, train.y).mean())
            begun: dict[Start, ScoreNetworkHead] = {
                "random": untrained(head, seed + draw, mean),
                "multi-action": copy_of(head, seed=seed + draw),
            }
            for start, one in begun.items():
                named = {"samples": n, "start": start, "draw": draw}
                for iteration, value in fine_tune(one, train, test):
                    yield named | {"iteration": iteration, "spearman": value}


def readings(curves: Sequence[Row]) -> list[Row]:
    """See `Transfer.readings`."""
    rows = []
    for samples, start in dict.fromkeys((row["samples"], row["start"]) for row in curves):
        by_draw: dict[int, list[float | None]] = {}
        for row in curves:
            if (row["samples"], row["start"]) == (samples, start):
                by_draw.setdefault(row["draw"], []).append(row["spearman"])
        drawn = list(by_draw.values())
        best = [max((v for v in curve[1:] if v is not None), default=None) for curve in drawn]
        rows.append(
            {"samples": samples, "start": start, "draws": len(drawn)}
            | mean_and_std("zero_shot", [curve[0] for curve in drawn])
            | mean_and_std("last", [curve[-1] for curve in drawn])
            | mean_and_std("best", best)
        )
    return rows


def transfer(
    head: str,
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    action: str,
    *,
    samples: Sequence[int] = (),
    draws: int = 5,
    tested: int = TESTED,
    seed: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> Transfer:
    """Learn every video of the other actions, and try it on this one.

    params: `name=value` texts. samples: how many videos to fine-tune on; parmar2019action's by
    default. tell: is told what happens. `AqaError` where there is no such action, no other, or too
    few videos of it, or where the network behind the features has learned from some.
    """
    source = find_head(head)
    check_layer(source, store)
    own, others = _parted(manifest, store, action)
    samples = tuple(dict.fromkeys(samples)) or samples_for(len(own))
    if max(samples) + tested > len(own):
        raise AqaError(
            f"{manifest.path}: {len(own)} videos of {action}, too few to fine-tune on "
            f"{max(samples)} and test {tested} others; take fewer with --samples and --test"
        )
    values = head_params(source, params, seed)
    names = tuple(sorted({str(video.action) for video in others}))
    tell(f"{action}: learning {len(others)} videos of {', '.join(names)}")
    learned = learn_others(
        head, values, performances(others, store), [str(video.action) for video in others]
    )
    videos = performances(own, store)
    rows: list[Row] = []
    for row in curves_of(learned, videos, samples, draws=draws, tested=tested, seed=seed):
        if row["iteration"] == 0 and row["start"] == STARTS[0] and row["samples"] == samples[0]:
            tell(f"{action}: fine-tuning, draw {row['draw'] + 1} of {draws}")
        rows.append(row)
    known = {"multi-action": correlation(learned, videos)}
    zero_shot = known | mean_and_std("random", control(learned, videos))
    return Transfer(action, names, len(others), len(own), tested, zero_shot, rows)


def _parted(
    manifest: Manifest, store: FeatureStore, action: str
) -> tuple[list[Video], list[Video]]:
    """The stored videos of an action, and those of all others."""
    known = sorted({video.action for video in manifest if video.action})
    if action not in known:
        raise UnknownNameError("action", action, known, remedy=f"of {manifest.path}")
    stored = [video for video in manifest if video.id in store and video.action]
    own = [video for video in stored if video.action == action]
    others = [video for video in stored if video.action != action]
    if not own or not others:
        raise AqaError(
            f"{store.path}: features of {len(own)} videos of {action} and {len(others)} of other "
            "actions; it takes both"
        )
    seen = set(store.spec["weights"]["fitted_on"] or ()) & {video.id for video in own}
    if seen:
        raise AqaError(
            f"the network behind {store.path} has learned from {len(seen)} videos of {action}; "
            "it is not new to it"
        )
    return own, others


def performances(videos: Sequence[Video], store: FeatureStore) -> Performances:
    """What a store holds of videos, its augmented views included."""
    ids = [video.id for video in videos]
    scores = np.array([video.score for video in videos])
    return Performances(
        store.load(ids), scores, [store.augmented(a).load(ids) for a in store.augmentations[1:]]
    )
