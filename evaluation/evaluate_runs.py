"""Evaluate saved runs on the test videos of their splits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import EVERYTHING, PARTS, Split
from aqa.errors import AqaError
from aqa.evaluation.baselines import keep_baseline, split_baselines
from aqa.evaluation.complete_splits import answerable_split, split_without
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import save_evaluated
from aqa.evaluation.families import means_over_splits, pooled_results
from aqa.evaluation.feedback import evaluate_feedback, explains
from aqa.evaluation.leaks import run_marks
from aqa.evaluation.result import Evaluation, Marks, Result
from aqa.evaluation.results import results_of
from aqa.evaluation.run_stores import RunStores, stored_split
from aqa.evaluation.score_rows import Row
from aqa.features.store import FeatureStore
from aqa.files import write_rows
from aqa.models.run_source import RunError
from aqa.models.runs import FEEDBACK, Run, load_run
from aqa.models.saved.hashes import check_learned, warn_unchecked


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
    evaluated on the same splits, follow the results, and are kept there. heads: what the user named
    with --head, see `load_run`.

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
    results = evaluator.results
    failed = list(dict.fromkeys(failed))
    if not results:
        raise RunError("\n".join(failed) or _nothing(feedback))
    pooled = [] if by else pooled_results(results, evaluator.tested, manifest)
    return Evaluation(results, pooled, means_over_splits(results), failed)


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
    # (head, split) -> rows of the test videos, of heads that score.
    tested: dict[tuple[str, str], Sequence[Row]] = field(default_factory=dict)
    # Split -> itself and the store, of heads that score.
    scored: dict[str, tuple[Split, FeatureStore]] = field(default_factory=dict)

    def answers_of(self, run: Run) -> None:
        """Evaluate and keep the answers of a run."""
        store, split, marks = self._opened(run)
        features = self.stores.features(store, run, split)
        evaluated = evaluate_run(run, split, self.manifest, features, PARTS)
        save_evaluated(run.folder, evaluated, marks)
        kind = run.head.kind
        self.results += results_of(
            kind, run.label, run.split, evaluated, marks, self.manifest, self.by
        )
        if kind == "scores":
            self.tested[run.label, run.split] = evaluated["test"].rows
            self.scored.setdefault(run.split, (split, store))

    def feedback_of(self, run: Run) -> None:
        """Evaluate and keep the feedback of a run, if its head gives any."""
        store, split, marks = self._opened(run)
        if explains(run.head):
            head = run.scoring_head()
            answers = evaluate_feedback(
                *(head, split.test, self.manifest, store, self.align, run.clip_reference)
            )
            write_rows(run.folder / FEEDBACK, answers.rows)
            one = Result.of(answers.metrics, "feedback", run.label, run.split, marks=marks)
            self.results.append(one)

    def add_baselines(self, runs: Path) -> None:
        """Evaluate and keep predictions without pixels, of the splits where heads scored."""
        results: list[Result] = []
        for split, store in self.scored.values():
            for baseline in split_baselines(split, self.manifest, store):
                results += keep_baseline(baseline, split, self.manifest, runs, self.by)
                self.tested[baseline.name, split.name] = baseline.tested.rows
        order = list(dict.fromkeys(one.head for one in results))
        self.results += sorted(results, key=lambda one: order.index(one.head))

    def _opened(self, run: Run) -> tuple[FeatureStore, Split, Marks]:
        store = self.stores.of(run)
        check_learned(run.folder, run.record, self.manifest, store)
        split = stored_split(
            _as_fitted(run, self.manifest), self.manifest, store, self.skip_missing
        )
        if self.skip_incomplete:
            split = answerable_split(run, split, self.manifest)
        if not split.test:
            raise RunError(
                f"{self.manifest.path}: split {split.name} has no test videos; "
                "name the splits that have with --split"
            )
        return store, split, run_marks(run, split, store, self.allow_leak, self.manifest)


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
            "no fitted head gives feedback: fit `score-estimation`, `wd`, `average`, or `lstm` "
            "with -p label=incremental"
        )
    return "nothing to evaluate: the heads were fitted on every video"
