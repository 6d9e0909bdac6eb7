"""C3D-AVG-MTL: score, attributes and a commentary together (parmar2019what)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from aqa.annotations.columns import ATTRIBUTES
from aqa.models.examples import Examples
from aqa.models.heads.base import Answer, HeadError, pack_texts, param, unpack_texts
from aqa.models.heads.base.captioned import CaptionedHead, JointTrainer
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.pooling import AverageMLP
from aqa.models.heads.base.score_graph import ScaledNetwork, ScoreGraph
from aqa.models.scaling import spread
from aqa.models.training import losses
from aqa.models.training.loop import Trainer


@dataclass(repr=False, eq=False)
class MTLHead(CaptionedHead):
    """Clip average, a shared layer, then the score and a classification for each attribute.

    The attributes are those of position, armstand, rotation, somersaults and twists that the
    manifest has; their classes are those of the training videos. The loss is the squared and the
    absolute error of the score and the cross-entropy of each attribute; a video without an
    attribute is left out of its cross-entropy. Where training videos have a commentary, a GRU that
    reads the clips learns to write one, see `CaptionedHead`. Fitted: `classes_`.
    """

    hidden: int = param(
        256, "width of the shared layer", source="ours, for few videos; parmar2019what: 4096"
    )
    classify: bool = param(
        True, "learn the attributes too; false: C3D-AVG-STL", source="parmar2019what"
    )
    class_weight: float = param(
        1.0, "weight of each cross-entropy beside the score's errors", source="parmar2019what"
    )

    takes_views: ClassVar[bool] = True

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    columns: ClassVar[tuple[str, ...]] = ("attributes", "commentary")
    fitted: ClassVar[tuple[str, ...]] = (*CaptionedHead.fitted, "y_std_", "classes_")

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`."""
        return ()

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("attributes", "commentary") if self.writes else ("attributes",)

    @property
    def classes(self) -> dict[str, list[str]]:
        """The labels of each attribute that it predicts."""
        classes: dict[str, list[str]] = json.loads(unpack_texts(self.classes_)[0])
        return classes

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        net = AverageMLP(dim, (self.hidden,), 1 + sum(map(len, self.classes.values())))
        return self.captioned(net, dim)

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Scores are not centred, so the score's bias starts at their mean."""
        assert isinstance(net, AverageMLP)
        with torch.no_grad():
            net.last.bias[0] = mean

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`."""
        return JointTrainer(self, net, self._loss, start=1 + len(self.classes))

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: the classes of each attribute, and words."""
        given = self._given(columns.get("attributes"), len(scores))
        names = [name for name in ATTRIBUTES if any(name in labels for labels in given)]
        if self.classify and not names:
            raise HeadError(
                f"no training video has any of the attributes {', '.join(ATTRIBUTES)}; fill in the "
                "manifest's columns of these names, or fit the score alone with -p classify=false"
            )
        classes = {n: sorted({labels[n] for labels in given if n in labels}) for n in names}
        self.classes_ = pack_texts([json.dumps(classes)])
        self.y_std_ = spread(scores)
        self.learn_captions(columns.get("commentary"))

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: scaled scores, each attribute's class, words; -1: none."""
        given = self._given(columns.get("attributes"), len(scores))
        numbers = [
            [classes.index(labels[name]) if labels.get(name) in classes else -1 for labels in given]
            for name, classes in self.classes.items()
        ]
        words = self.caption_targets(columns.get("commentary"), len(scores))
        return np.column_stack([scores / self.y_std_, *numbers, words])

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        scores: NDArray[np.float64] = self.outputs(examples)[:, 0] * self.y_std_
        return scores

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        self.check_fitted()
        network = ScaledNetwork(self.net_, self.centre_, self.scale_)
        return ScoreGraph(network, 0.0, self.y_std_)

    def attributes(self, examples: Examples) -> list[dict[str, str]]:
        """See `GivesAttributes`: the most probable label of each attribute."""
        outputs = self.outputs(examples)
        said = {
            name: [labels[k] for k in outputs[:, columns].argmax(axis=1)]
            for (name, labels), columns in zip(self.classes.items(), self._slices(), strict=True)
        }
        return [{name: labels[i] for name, labels in said.items()} for i in range(len(outputs))]

    def _given(
        self, attributes: Sequence[Mapping[str, str]] | None, n: int
    ) -> list[Mapping[str, str]]:
        if not self.classify or attributes is None:
            return [{}] * n
        if len(attributes) != n:
            raise HeadError(f"{len(attributes)} values of attributes for {n} videos")
        return list(attributes)

    def _slices(self) -> Iterator[slice]:
        """Where each attribute's classes stand in the outputs."""
        start = 1
        for labels in self.classes.values():
            yield slice(start, start + len(labels))
            start += len(labels)

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Of a batch: (n, 1 + classes), and targets without a look at the words behind them."""
        loss = losses.l1_l2(outputs[:, 0], targets[:, 0])
        classes = targets[:, 1 : 1 + len(self.classes)].long()
        for columns, numbers in zip(self._slices(), classes.unbind(1), strict=True):
            known = (numbers >= 0).sum().clamp(min=1)
            entropy = cross_entropy(outputs[:, columns], numbers, ignore_index=-1, reduction="sum")
            loss = loss + self.class_weight * entropy / known
        return loss


HEAD = MTLHead
