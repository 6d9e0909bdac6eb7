"""Evaluate saved runs on the test videos of their splits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import EVERYTHING, PARTS, Split
from aqa.errors import AqaError, told_together
from aqa.evaluation.baselines import keep_baseline, split_baselines
from aqa.evaluation.complete_splits import (
    answerable_split,
    check_scored,
    learned_scores,
    split_without,
)
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import save_evaluated
from aqa.evaluation.families import Tested
from aqa.evaluation.feedback import evaluate_feedback, explains
from aqa.evaluation.leaks import run_marks
from aqa.evaluation.ranking import tested_pairs
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.results import results_of
from aqa.evaluation.run_stores import RunStores, stored_split
from aqa.evaluation.score_rows import Row
from aqa.evaluation.summing_up import summed_up
from aqa.features.store import FeatureStore
from aqa.files import write_rows
from aqa.models.run_source import RunError
from aqa.models.runs import FEEDBACK, Run, load_run
from aqa.models.saved.hashes import check_learned, warn_unchecked
from aqa.target_names import SCORE


def evaluate_runs(
    folders: Sequence[Path],
    manifest: Manifest,
    store: FeatureStore | None = None,
    *,
    allow_leak: bool = False,
    skip_missing: bool = False,
    skip_incomplete: bool = False,
    feedback: bool = False,
    align: str = "index",
    by: str | None = None,
    baselines: Path | None = None,
    heads: Sequence[str] = (),
) -> Evaluation:
    """Evaluate saved runs on the test videos of their splits, and average over families of splits.

    See `results_of` for the results of each kind of heads. feedback: evaluate instead which clips
    are called faulty, for the heads that say so; align: see `ALIGNMENTS`. by: `type` or `action`,
    to evaluate each by itself too. baselines: the folder of runs; predictions without pixels are
    evaluated on the same splits and targets, follow the results, and are kept there. heads: what
    the user named with --head, see `load_run`.

    skip_missing: leave out videos that the store does not hold. skip_incomplete: leave out test
    videos that lack a label that the head answers by, with a warning that names them.

    store: None takes each run's own. A test video that the head or the backbone has learned from
    is a failure; with `allow_leak` it is counted in the result instead. So is a run whose model
    file, or what it learned from, has changed since. A run that fails stops none of the others;
    `RunError` where all do.

    Each run's predictions.csv and metrics.json get the test videos beside the others.
    """
    failed: list[str] = []
    loaded: list[Run] = []
    with ExitStack() as stack:
        evaluator = _Evaluator(
            manifest, RunStores(stack, store), allow_leak, skip_missing, skip_incomplete, align, by
        )
        evaluate = evaluator.feedback_of if feedback else evaluator.answers_of
        for folder in folders:
            try:
                run = load_run(folder, heads)
                loaded.append(run)
                if run.split != EVERYTHING or EVERYTHING in manifest.split_names:
                    evaluate(run)
            except AqaError as error:
                failed.append(str(error))
        if baselines is not None:
            evaluator.add_baselines(baselines)
    warn_unchecked((run.folder, run.record) for run in loaded)
    failed = list(dict.fromkeys(failed))
    if not evaluator.results:
        raise RunError("\n".join(told_together(failed)) or _nothing(feedback))
    return summed_up(evaluator.results, {} if by else evaluator.tested, manifest, failed)


@dataclass
class _Evaluator:
    """Evaluates one run after the other, and keeps what comes out."""

    manifest: Manifest
    stores: RunStores
    allow_leak: bool
    skip_missing: bool
    skip_incomplete: bool
    align: str
    by: str | None
    results: list[Result] = field(default_factory=list)
    # Rows of the test videos, of heads that score.
    tested: dict[Tested, Sequence[Row]] = field(default_factory=dict)
    # (target, split) -> the split, the store and the manifest seen with the target.
    scored: dict[tuple[str, str], tuple[Split, FeatureStore, Manifest]] = field(
        default_factory=dict
    )

    def answers_of(self, run: Run) -> None:
        """Evaluate and keep the answers of a run."""
        table = run.seen(self.manifest)
        store, split, marks = self._opened(run, table)
        if learned_scores(run.head, table):
            check_scored(split, table, PARTS)
        features = self.stores.features(store, run, split)
        evaluated = evaluate_run(run, split, table, features, PARTS)
        save_evaluated(run.folder, evaluated, marks)
        kind = run.kind
        self.results += results_of(kind, run.label, run.split, evaluated, marks, table, self.by)
        if kind in ("scores", "classes"):
            self.tested[run.label, run.target, run.split] = evaluated["test"].rows
            self.scored.setdefault((run.target, run.split), (split, store, table))

    def feedback_of(self, run: Run) -> None:
        """Evaluate and keep the feedback of a run, if its head gives any."""
        table = run.seen(self.manifest)
        store, split, marks = self._opened(run, table)
        if explains(run.head):
            head = run.scoring_head()
            answers = evaluate_feedback(
                *(head, split.test, table, store, self.align, run.clip_reference)
            )
            write_rows(run.folder / FEEDBACK, answers.rows)
            one = Result.of(answers.metrics, "feedback", run.label, run.split, marks=marks)
            target = None if run.target == SCORE else run.target
            self.results.append(replace(one, target=target))

    def add_baselines(self, runs: Path) -> None:
        """Evaluate and keep predictions without pixels, of the splits where heads scored."""
        for split, store, table in self.scored.values():
            for baseline in split_baselines(split, table, store):
                self.results += keep_baseline(baseline, split, table, runs, self.by)
                self.tested[baseline.name, table.target, split.name] = baseline.tested.rows

    def _opened(self, run: Run, manifest: Manifest) -> tuple[FeatureStore, Split, Marks]:
        """What a run is evaluated with. manifest: as its head learns it."""
        store = self.stores.of(run)
        check_learned(run.folder, run.record, manifest, store)
        split = stored_split(_as_fitted(run, manifest), manifest, store, self.skip_missing)
        if self.skip_incomplete:
            split = answerable_split(run, split, manifest)
        if not (split.test if manifest.pairs is None else tested_pairs(manifest.pairs, split)):
            raise RunError(
                f"{self.manifest.path}: split {split.name} has no test "
                f"{'videos' if manifest.pairs is None else 'pairs'}; "
                "name the splits that have with --split"
            )
        return store, split, run_marks(run, split, store, self.allow_leak, manifest)


def _as_fitted(run: Run, manifest: Manifest) -> Split:
    """The run's split, without the videos that fitting left out.

    Training videos that it took for validation are shown as that.
    """
    split = split_without(manifest.split(run.split), run.record.get("left_out") or {})
    held = {*run.record["split"]["val"]}
    return replace(
        split,
        train=tuple(i for i in split.train if i not in held),
        val=(*split.val, *(i for i in split.train if i in held)),
    )


def _nothing(feedback: bool) -> str:
    if feedback:
        return (
            "no fitted head gives feedback: fit `score-estimation`, `wd`, `average`, `uil`, or "
            "`lstm` with -p label=incremental"
        )
    return "nothing to evaluate: the heads were fitted on every video"
