"""Fine-tuning: videos in; a trained backbone, its features and its head out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from aqa.annotations.splits import Split
from aqa.errors import listed
from aqa.extract.progress import ExtractionProgress
from aqa.models.run_source import RunError
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.heads import trainable_head
from aqa.workflows.finetune.plan import FinetunePlan
from aqa.workflows.finetune.progress import FinetuneProgress
from aqa.workflows.finetune.results import FinetunedSplit
from aqa.workflows.finetune.scratch import is_untrained
from aqa.workflows.finetune.split_training import SplitTraining


def finetune(
    plan: FinetunePlan,
    splits: Sequence[Split],
    group: ProcessGroup,
    progress: Callable[[Split], FinetuneProgress] | None = None,
    extraction: ExtractionProgress | None = None,
) -> Iterator[FinetunedSplit]:
    """Train a backbone and a head on the training videos of each split, one after the other.

    Each split leaves a run of its chosen and one of its last epoch: the head, the fine-tuned
    backbone, and its features of all videos of the split. The test videos' scores are not read,
    except with `plan.test`. A killed training goes on after its last whole epoch; a finished one
    of the same settings is reused. In a group of processes the first one writes and yields.
    """
    _check_layer(plan)
    settings = plan.settings.resolved(is_untrained(plan.backbone))
    plan = replace(plan, settings=settings)
    untested = [split.name for split in splits if plan.test and not split.test]
    if untested:
        raise RunError(f"split {listed(untested)} has no test videos to choose an epoch by")
    prepared = [SplitTraining(plan, split) for split in splits]
    for training in prepared:
        done = training.run(group, progress, extraction)
        if group.first:
            assert done is not None
            yield done


def _check_layer(plan: FinetunePlan) -> None:
    """Refuse a layer whose features the head does not take."""
    head = trainable_head(plan.head)
    gives = "vectors" if len(plan.shape) == 1 else "maps"
    if head.head_class.takes != gives:
        raise RunError(
            f"layer {plan.backbone.layer} of {plan.backbone.name} gives {gives}, {head.name} "
            f"takes {head.head_class.takes}; name another with --layer, or another --head"
        )
