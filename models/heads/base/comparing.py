"""What `siamese` and `score-estimation` share: the network, its parameters, types, pairs."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from aqa.device import deterministic_kernels, pick_device
from aqa.errors import AqaWarning, HeadError, HeadUsageError, listed
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base.checks import check_sequences, listed_videos
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.training.fast_lstm import advance, input_gates, lstm_states
from aqa.models.training.hold_out import held_out_groups
from aqa.models.training.loop import TrainingSettings

if TYPE_CHECKING:
    from typing_extensions import Self

PAIRS_AT_ONCE = 1 << 16


class SiameseNet(nn.Module):
    """One LSTM for both videos, then layers D1 (128), D2 (64) and one number (jain2020 §III-A).

    D1 and D2 are followed by ReLU, which the paper does not say: if they were linear, an exemplar
    would only add a constant to all scores of its type.
    """

    def __init__(self, dim: int, hidden: int, widths: tuple[int, int] = (128, 64)):
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.d1 = nn.Linear(2 * hidden, widths[0])
        self.d2 = nn.Linear(widths[0], widths[1])
        self.last = nn.Linear(widths[1], 1)

    def embed(
        self,
        x: Tensor,
        lengths: Tensor,
        rows: Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> the state after each last clip (n, M).

        rows: (n, clips), where x is (k, dim) distinct clips instead; see `lstm_states`. gates:
        their `input_gates`, where these are known.
        """
        states = lstm_states(self.lstm, x, rows, gates)  # (n, clips, M)
        last: Tensor = states[torch.arange(len(states), device=x.device), lengths - 1]
        return last

    def embed_clips(self, x: Tensor | None, blank: Tensor, gates: Tensor | None = None) -> Tensor:
        """Each clip by itself, behind as many blank ones as are before it (jain2020 §IV).

        (n, clips, dim) and (dim,) -> (n, clips, M). The blank ones are the same for all videos, so
        the LSTM sees them once. gates: see `embed`; they take the place of `x`.
        """
        shown = x if gates is None else gates
        assert shown is not None
        n, clips = shown.shape[:2]
        state = (blank.new_zeros(1, self.lstm.hidden_size),) * 2
        states = [state]
        one_blank: Tensor | None = blank[None]
        if gates is not None:
            one_blank = input_gates(self.lstm, blank[None])  # (1, 4 M)
        assert one_blank is not None
        for _ in range(clips - 1):
            state = self._after(one_blank, state, gates is not None)
            states.append(state)
        before = tuple(  # as each clip finds them, (n * clips, M)
            torch.cat(parts).repeat(n, 1) for parts in zip(*states, strict=True)
        )
        after, _ = self._after(shown.flatten(0, 1), before, gates is not None)
        return after.reshape(n, clips, -1)

    def _after(
        self, clip: Tensor, state: tuple[Tensor, ...], is_gates: bool
    ) -> tuple[Tensor, Tensor]:
        """State and cell, (n, M) each, after one clip more: (n, dim), or its gates (n, 4 M)."""
        hidden, cell = state
        if is_gates:
            return advance(self.lstm, clip, hidden, cell)
        _, (hidden, cell) = self.lstm(clip[:, None], (hidden[None], cell[None]))
        return hidden[0], cell[0]

    def join(self, embedded: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """D2's activations of pairs of rows of `embedded`, the exemplar first: (pairs, 64).

        D1 of two joined vectors is the sum of its halves on each of them, so the halves are
        computed once per video and not once per pair.
        """
        left, right = self.d1.weight.chunk(2, dim=1)  # (128, M) each
        as_first = linear(embedded, left, self.d1.bias)  # (n, 128)
        as_second = linear(embedded, right)  # (n, 128)
        joined = as_first.index_select(0, first) + as_second.index_select(0, second)
        return relu(self.d2(relu(joined)))

    def forward(
        self,
        x: Tensor,
        lengths: Tensor,
        first: Tensor,
        second: Tensor,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Each distinct video once, see `embed`; pairs of their numbers -> (pairs,) logits."""
        embedded = self.embed(x, lengths, rows)
        out: Tensor = self.last(self.join(embedded, first, second)).squeeze(1)
        return out

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> SiameseNet:
        """The network of these tensors, whatever its widths."""
        hidden, dim = tensors["lstm.weight_hh_l0"].shape[1], tensors["lstm.weight_ih_l0"].shape[1]
        net = cls(dim, hidden, (len(tensors["d1.bias"]), len(tensors["d2.bias"])))
        net.load_state_dict(tensors)
        return net


@dataclass(repr=False, eq=False)
class ComparingHead(NetworkHead):
    """A head around a `SiameseNet`, with the parameters of its metric learning.

    jain2020 §III-A, V-A.

    The type of a video says what it may be compared with. Where no training video has a type, all
    are of one; where some have and some have not, fitting within types is refused.
    """

    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "learned_clips_")

    metric_types: int | None = param(
        None,
        "learn the metric on so many types only, the most frequent; none: on all",
        source="jain2020 §V-A: 3",
    )
    epochs: int = param(
        150, "passes over the training videos, or over all their pairs, at most", source="ours"
    )
    max_steps: int | None = param(
        1000,
        "training ends with the epoch in which so many steps are reached; none: all epochs are run",
        source="ours, by held-out training dives",
    )
    batch_size: int = param(32, "videos per step; all pairs of them are learned", source="ours")
    lr: float = param(0.001, "Adam learning rate", source="ours", above=0)
    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    validation: float = param(
        0.15,
        "share of the training videos whose pairs are held out for early stopping",
        source="ours",
        below=1,
    )
    patience: int = param(
        20,
        "epochs without better answers on held-out pairs, after which training stops",
        source="ours",
    )
    hidden: int = param(
        128,
        "width of the shared LSTM",
        source="ours; jain2020 does not say, parmar2019action §4: 256",
    )
    threshold: float = param(
        5.0,
        "points; two scores that differ by less are similar. The manifest's column "
        "similar_within is used first",
        source="jain2020 §III-C, for diving",
        above=0,
    )
    pairing: Literal["within", "all"] = param(
        "all",
        "learn pairs of videos of one type, or all pairs",
        source="all: the text of jain2020 §V-A; within fits its counts",
    )
    difference_weight: float = param(
        1.0,
        "weight, in metric learning, of predicting the difference of a pair's scores, beside "
        "whether they are similar",
        source="ours; jain2020: 0",
    )
    balance: bool = param(
        True, "give similar and dissimilar pairs the same weight in total", source="jain2020 §III-C"
    )
    learn_clips: bool | None = param(
        None,
        "learn also which clips make a video unlike the best of its type, for feedback; none: "
        "where the store has the response to a blank clip, and a type has two videos",
        source="ours; jain2020: false",
    )
    sampling: Literal["batches", "every"] = param(
        "batches",
        "batches: in each epoch, learn the pairs within batches of videos, drawn anew; every: "
        "each pair of training videos",
        source="ours; jain2020: every",
    )
    both_orders: bool = param(
        True, "learn each pair (p, q) as (q, p) too; the network tells them apart", source="ours"
    )

    @property
    def learned_clips(self) -> bool:
        """Whether the fitted metric has learned from single clips."""
        return bool(self.learned_clips_)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `NetworkHead.restore`; runs saved before say it by their hyper-parameter alone."""
        return super().restore({"learned_clips": np.asarray(bool(self.learn_clips)), **state})

    def thresholds(self, given: Sequence[float | None] | None, n: int) -> NDArray[np.float64]:
        """Each video's own threshold, in points, where it has one; else the parameter, (n,)."""
        # None becomes NaN.
        thresholds = np.full(n, np.nan) if given is None else np.asarray(given, np.float64)
        if thresholds.shape != (n,) or (thresholds <= 0).any():
            raise HeadError(
                f"similar_within takes points above 0, one per video; got {thresholds.size} for "
                f"{n} videos, the smallest {np.nanmin(thresholds, initial=np.inf):g}"
            )
        return np.where(np.isnan(thresholds), self.threshold, thresholds)

    def training_settings(self) -> TrainingSettings:
        """See `NetworkHead.training_settings`."""
        return replace(super().training_settings(), max_steps=self.max_steps)

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.learn_clips and not self.both_orders:
            raise HeadUsageError(
                "learn_clips=true sets exemplars first; leave out both_orders=false"
            )

    def restore_net(self, tensors: Mapping[str, Tensor]) -> SiameseNet:
        """See `NetworkHead.restore_net`; widths are the tensors' own, whoever learned them."""
        return SiameseNet.of(tensors)

    @torch.no_grad()
    @deterministic_kernels()
    def embed(self, x: Sequences) -> Tensor:
        """The LSTM's last state O of each video, (n, M)."""
        sequences = check_sequences(x, len(self.centre_))
        net = self._siamese_net(pick_device(self.device))
        videos = self.tensors(sequences, np.zeros(len(sequences)))
        embedded = [net.embed(batch.x, batch.lengths) for batch in videos.batches(self.batch_size)]
        return torch.cat(embedded)

    @torch.no_grad()
    @deterministic_kernels()
    def embed_clips(self, video: NDArray[np.floating], blank: NDArray[np.floating]) -> Tensor:
        """The LSTM's state after each clip alone behind blank ones, (n_clips, M); jain2020 §IV."""
        device = pick_device(self.device)
        clips, behind = (
            torch.as_tensor(self.scaled(sequence), dtype=torch.float32, device=device)
            for sequence in (video, blank)
        )
        return self._siamese_net(device).embed_clips(clips[None], behind)[0]

    @torch.no_grad()
    @deterministic_kernels()
    def join(
        self, embedded: Tensor, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """D2's activations of pairs of embedded videos, (pairs, 64)."""
        return np.concatenate(list(self._joined(embedded, first, second)))

    @torch.no_grad()
    @deterministic_kernels()
    def probability(
        self, embedded: Tensor, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """The probability that pairs of embedded videos are similar, (pairs,)."""
        last = self._siamese_net(embedded.device).last
        weight, bias = (p.detach().double().cpu().numpy() for p in (last.weight, last.bias))
        # Only the sums are kept: the activations of a million pairs would take half a GiB.
        sums = [z @ weight[0] for z in self._joined(embedded, first, second)]
        return 1 / (1 + np.exp(-(np.concatenate(sums) + bias[0])))

    def _joined(
        self, embedded: Tensor, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> Iterator[NDArray[np.float64]]:
        """D2's activations, `PAIRS_AT_ONCE` pairs at a time, (pairs, 64) each."""
        net, device = self._siamese_net(embedded.device), embedded.device
        for a, b in zip(
            torch.from_numpy(first).split(PAIRS_AT_ONCE),
            torch.from_numpy(second).split(PAIRS_AT_ONCE),
            strict=True,
        ):
            yield net.join(embedded, a.to(device), b.to(device)).double().cpu().numpy()

    def _siamese_net(self, device: torch.device) -> SiameseNet:
        assert isinstance(self.net_, SiameseNet)
        return self.net_.to(device).eval()


def check_types(
    types: Sequence[str | float | None] | None,
    n: int,
    *,
    strict: bool,
    column: str = "type",
    ids: Sequence[str] | None = None,
) -> list[str]:
    """One type per video, "" for none; all "" where none is known.

    strict: refuse videos without a type beside others that have one. column: of the manifest,
    where something else than the type says what may be compared. ids: what errors call the videos.
    """
    given = [""] * n if types is None else ["" if t is None else str(t) for t in types]
    if len(given) != n:
        raise HeadError(f"{len(given)} values of {column} for {n} videos; give one per video")
    without = [i for i, t in enumerate(given) if not t]
    if strict and without and len(without) < n:
        raise HeadError(
            f"{len(without)} of {n} training videos have no {column} "
            f"({listed_videos(without, ids)}): fill in the manifest's column {column}, "
            "or leave them out with --skip-incomplete"
        )
    return given


def of_frequent_types(videos: Examples, count: int) -> NDArray[np.intp]:
    """The numbers of the videos of the `count` most frequent types; the label decides a tie."""
    types = check_types(videos.columns.get("type"), len(videos), strict=False)
    counts = Counter(types)
    frequent = sorted(counts, key=lambda label: (-counts[label], label))[:count]
    return np.flatnonzero(np.isin(types, frequent))


def of_same_types(videos: Examples, others: Examples) -> Examples:
    """Those of the videos that are of a type of the others."""
    types, known = (
        check_types(some.columns.get("type"), len(some), strict=False) for some in (videos, others)
    )
    return videos.select(np.flatnonzero(np.isin(types, known)))


def hold_out(
    types: Sequence[str], share: float, seed: int, groups: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """The numbers of the videos to hold out, drawn by the seed, the same share of each type.

    groups: see `Examples.groups`; whole ones are drawn, which leave two videos of a type.
    """

    def pairs_left(held: NDArray[np.intp]) -> bool:
        left = np.delete(labels, held)
        return len(np.unique(left)) < len(left)

    labels = np.unique(np.asarray(types, str), return_inverse=True)[1]
    together = held_out_groups(
        groups, round(share * len(types)), seed, kinds=labels, usable=pairs_left
    )
    if together is not None:
        return together
    order = np.random.default_rng(seed).permutation(len(types))
    by_type = order[np.argsort(np.asarray(types)[order], kind="stable")]
    size = round(share * len(types))
    places = (np.arange(size) + 0.5) * len(types) / max(size, 1)
    return np.sort(by_type[places.astype(int)])


def meet_exemplars(
    labels: Sequence[str], types: Sequence[str], *, warn: bool = True, kind: str = "type"
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which exemplar meets which video: numbers of both, (rows,) each.

    labels: the type that each exemplar is for, "" for all. types: one per video, "" for none. A
    video of a type that no exemplar is for meets those of every type, with a warning; one type
    of exemplars fits every video of no known type. kind: what the warning calls a type.
    """
    known = np.asarray(labels, str)
    for_all = len(set(known)) == 1
    first, second, strange = [], [], []
    for i, label in enumerate(types):
        exemplars = np.flatnonzero(known == label)
        if not len(exemplars):
            exemplars = np.arange(len(known))
            if not (for_all and (known[0] == "" or not label)):
                strange.append(label)
        first.append(exemplars)
        second.append(np.full(len(exemplars), i))
    if strange and warn:
        unknown = listed(sorted({label or f"no {kind}" for label in strange}))
        warnings.warn(
            f"{len(strange)} of {len(types)} videos are of a {kind} without an exemplar "
            f"({unknown}): compared with the exemplars of every {kind}, which are of "
            f"{listed(sorted(set(labels)), 20)}",
            AqaWarning,
            stacklevel=3,
        )
    return np.concatenate(first), np.concatenate(second)
