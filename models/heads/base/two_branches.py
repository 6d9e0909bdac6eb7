"""How `scoringnet`, which has a network for each part of the score, is trained end to end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.examples import Examples
from aqa.models.heads.base.checks import check_fit
from aqa.models.heads.base.end_to_end import (
    Columns,
    EndToEndAdapter,
    EndToEndLoss,
    History,
    OneNetworkAdapter,
)
from aqa.models.heads.base.score_rules import PARTS, fused

if TYPE_CHECKING:
    from aqa.models.heads.scoringnet import ScoringNetHead


class TwoBranchesAdapter(EndToEndAdapter):
    """Trains both branches on one backbone, on the hand-labelled key fragments."""

    head: ScoringNetHead

    def learn_scores(self, scores: NDArray[np.float64], columns: Columns) -> None:
        """See `EndToEndAdapter.learn_scores`: the rule, and what the stages are called."""
        self.head.learn_rule(scores, columns)

    def targets(self, scores: NDArray[np.float64], columns: Columns) -> NDArray[np.float64]:
        """See `EndToEndAdapter.targets`: scaled difficulty and execution, (n, 2)."""
        truth = self.head.truth(scores, columns)
        return np.column_stack(
            [self.head.branches_[score_part].targets(truth[score_part]) for score_part in PARTS]
        )

    def check_columns(
        self, scores: NDArray[np.float64], ids: Sequence[str], columns: Columns
    ) -> None:
        """See `EndToEndAdapter.check_columns`."""
        self.head.truth(scores, columns, ids)
        self.head.key.check(columns, ids)

    def clips_read(self, columns: Mapping[str, Any]) -> NDArray[np.intp] | None:
        """See `EndToEndAdapter.clips_read`: what either branch reads."""
        return self.head.key.clips_read(columns)

    def begin(self, train: Examples) -> None:
        """See `EndToEndAdapter.begin`."""
        head = self.head
        sequences, scores = check_fit(train.features, train.scores, ids=train.ids)
        head.check_params()
        self.learn_scores(scores, train.columns)
        truth = head.truth(scores, train.columns, train.ids)
        chosen = head.key.labelled(sequences, train.columns, train.ids)
        head.branches_ = {}
        for score_part in PARTS:
            head.branches_[score_part] = head.branch(truth[score_part].std())
            examples = Examples(train.ids, chosen[score_part], truth[score_part])
            OneNetworkAdapter(head.branches_[score_part]).begin(examples)

    @property
    def module(self) -> nn.Module:
        """See `EndToEndAdapter.module`: both branches' networks."""
        branches = self.head.branches_
        return nn.ModuleDict({score_part: branch.net_ for score_part, branch in branches.items()})

    def make_loss(self) -> EndToEndLoss:
        """See `EndToEndAdapter.make_loss`: the sum of the branches' (li2018scoringnet eq. 10)."""
        losses = {p: OneNetworkAdapter(b).make_loss() for p, b in self.head.branches_.items()}

        def loss(features: Sequence[Tensor], targets: Tensor, columns: Columns) -> Tensor:
            chosen = self.head.key.labelled(features, columns)
            both = [
                losses[score_part](chosen[score_part], targets[:, i], {})
                for i, score_part in enumerate(PARTS)
            ]
            return torch.stack(both).sum()

        return loss

    def loss_on(self, examples: Examples) -> float:
        """See `EndToEndAdapter.loss_on`: that of the fused scores, by hand-labelled stages."""
        head = self.head
        chosen = head.key.labelled(examples.features, examples.columns, examples.ids)
        scores = fused(head.rule_, head.branch_scores(examples, chosen))
        predicted, true = (torch.from_numpy(v / head.y_std_) for v in (scores, examples.scores))
        return float(head.lstm().objective(head.y_std_)(predicted, true))

    def finish(self, history: History, epoch: int, train: Examples, validation: Examples) -> None:
        """See `EndToEndAdapter.finish`: the stages are learned from the backbone's features."""
        from aqa.models.heads.kfs import KFSHead

        head = self.head
        head.history_ = history
        for branch in head.branches_.values():
            branch.best_epoch_ = epoch
        if head.key_fragments:
            kfs = KFSHead(seed=head.seed, device=head.lstm().device)
            head.kfs_ = kfs.fit_examples(train, validation)
            head.names_ = kfs.stages

    def held_out(self, n: int, groups: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """See `EndToEndAdapter.held_out`."""
        return self.head.lstm().hold_out(n, groups=groups)[1] if n else np.arange(0)
