"""Fits and evaluates the recipes of a published table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import ChangedError, RunError
from aqa.evaluation.complete_splits import split_without, told_left_out
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.features.store import FeatureStore
from aqa.metrics import mean_and_std
from aqa.models.heads import find_head, head_names
from aqa.models.runs import load_run
from aqa.models.saved.hashes import check_learned
from aqa.models.target_transforms import transformed
from aqa.target_names import target_label
from aqa.workflows.fit import fit_splits, head_params
from aqa.workflows.reproduce.cells import LAST, Measurement, Measurements, printed_figures
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.measure import mean_of_actions, measured_cells
from aqa.workflows.reproduce.needs import no_features, no_origin
from aqa.workflows.reproduce.scopes import as_learned, in_scope
from aqa.workflows.reproduce.store_settings import store_differences
from aqa.workflows.transfer.learning import control, network_of
from aqa.workflows.transfer.results import TransferResult
from aqa.workflows.transfer.run import stored_examples, transfer
from aqa.workspace import Workspace, run_folder

# How fine-tuning is rehearsed, see `transfer`.
_REHEARSED: Mapping[str, Any] = {"draws": 1, "tested": 4, "most_iterations": 3}


class RecipeRunner:
    """Fits and evaluates the recipes of a table; what is fitted already is not fitted again."""

    def __init__(
        self,
        table: PublishedTable,
        workspace: Workspace,
        manifest: Manifest,
        splits: Sequence[str],
        seed: int,
        stand_in: FeatureStore | None,
        tell: Callable[[str], None],
    ):
        self.table, self.workspace, self.manifest = table, workspace, manifest
        self.splits, self.seed, self.stand_in, self.tell = splits, seed, stand_in, tell
        self.not_evaluated: list[str] = []  # of the recipe that was measured last
        self.store_notes: dict[str, str] = {}  # store -> how it differs from the table's
        self.origin: RecipeRunner | None = None
        self.rehearsed = False
        self._transfers: dict[str, TransferResult] = {}

    def measured(self, system: str, recipe: SystemRecipe) -> Measurements:
        """(case, metric, measured) of everything that a recipe says on the test videos."""
        self.not_evaluated = []
        if recipe.head not in head_names():
            raise RunError(f"there is no head {recipe.head} to run it with")
        if self.stand_in:
            yield from self._run(system, recipe, self.stand_in)
            return
        path = self.workspace.store(recipe.store)
        if not path.exists():
            raise RunError(no_features(self.table, recipe.store, self.workspace))
        with FeatureStore.open(path) as store:
            differing = store_differences(store.spec, self.table.stores[recipe.store])
            if differing and not self.rehearsed:
                self.store_notes[recipe.store] = (
                    f"{path} was not made as the table says: {'; '.join(differing)}"
                )
            yield from self._run(system, recipe, store)

    def _run(self, system: str, recipe: SystemRecipe, store: FeatureStore) -> Measurements:
        if recipe.scope == "fine-tuned":
            return self._fine_tuned(recipe, store)
        manifest = in_scope(as_learned(self.manifest, recipe), self.splits, recipe)
        if recipe.scope == "untrained":
            return self._untrained(recipe, manifest, store)
        folders = [
            self._fitted(system, recipe, manifest, store, name) for name in manifest.split_names
        ]
        evaluation = evaluate_runs(
            folders,
            manifest,
            store,
            skip_incomplete=True,
            feedback=self.table.axis == "feedback",
            by={"types": "type", "actions": "action", "new actions": "action"}.get(self.table.axis),
        )
        self.not_evaluated = list(evaluation.failed)
        return measured_cells(self.table, recipe, evaluation.results, manifest.split_names)

    def _untrained(
        self, recipe: SystemRecipe, manifest: Manifest, store: FeatureStore
    ) -> Measurements:
        """What the networks of the system's runs predict before they are trained."""
        assert recipe.after is not None
        (trained,) = self.table.recipes[recipe.after]
        values_by_case: dict[str, list[float | None]] = {}
        for split in manifest.split_names:
            head = load_run(self._fitted(recipe.after, trained, manifest, store, split)).head
            videos = [manifest.by_id[i] for i in manifest.split(split).test]
            case = self.table.cases.get(videos[0].action or "") if videos else None
            if case is not None:
                correlations = control(network_of(head), stored_examples(videos, store))
                values_by_case[case] = [*values_by_case.get(case, []), *correlations]
        means: dict[str, float] = {}
        for case, values in values_by_case.items():
            value, std = mean_and_std("", values).values()
            yield case, "spearman", Measurement(value, None, std, len(values), "networks")
            means |= {} if value is None else {case: value}
        yield from mean_of_actions(self.table, recipe, means)

    def _fine_tuned(self, recipe: SystemRecipe, store: FeatureStore) -> Measurements:
        """Every action whose cells the table prints, on as many samples."""
        for action, printed_name in self.table.cases.items():
            cases = dict.fromkeys(figure.case for figure in printed_figures(self.table))
            counts = [int(c.split()[-1]) for c in cases if c.split()[0] == printed_name]
            if action not in self._transfers:
                self._transfers[action] = transfer(
                    *(recipe.head, recipe.params, self.manifest, store, action),
                    samples=[self._taken(count) for count in counts],
                    seed=self.seed,
                    tell=self.tell,
                    **(_REHEARSED if self.rehearsed else {}),
                )
            printed_count = {self._taken(count): count for count in counts}
            for row in self._transfers[action].readings():
                if row["start"] == recipe.start:
                    case = f"{printed_name} {printed_count[row['samples']]}"
                    for reading, named in (("best", case), ("last", case + LAST)):
                        value, std = row[reading], row[f"{reading}_std"]
                        measured = Measurement(value, None, std, row["draws"], "draws")
                        yield named, "spearman", measured

    def _taken(self, count: int) -> int:
        """How many videos are fine-tuned on where the paper takes so many."""
        return max(count // 6, 2) if self.rehearsed else count

    def _start(
        self, system: str, recipe: SystemRecipe, manifest: Manifest, store: FeatureStore, split: str
    ) -> Path | None:
        """The run that a recipe's own starts from, fitted now if it was not."""
        if recipe.after is not None:
            (first,) = self.table.recipes[recipe.after]
            return self._fitted(recipe.after, first, manifest, store, split)
        if recipe.origin is None:
            return None
        if self.origin is None:
            if self.stand_in is None:
                raise RunError(no_origin(self.table))
            return self._fitted(f"{system} origin", recipe.origin, manifest, store, split)
        number = list(manifest.split_names).index(split) % len(self.origin.splits)
        return self.origin.fitted_for(system, recipe.origin, self.origin.splits[number])

    def fitted_for(self, system: str, recipe: SystemRecipe, split: str) -> Path:
        """The run of a recipe that another table's recipe goes on from."""
        path = self.workspace.store(recipe.store)
        if not path.exists():
            raise RunError(no_features(self.table, recipe.store, self.workspace))
        with FeatureStore.open(path) as store:
            return self._fitted(f"{system} origin", recipe, self.manifest, store, split)

    def _fitted(
        self, system: str, recipe: SystemRecipe, manifest: Manifest, store: FeatureStore, split: str
    ) -> Path:
        """The folder of the recipe's run on a split, fitted now if it was not."""
        runs = (
            self.workspace.runs / "reproduce" / slug(system, f"{recipe.case or ''}{recipe.reading}")
        )
        label = target_label(recipe.head, recipe.target)
        folder = run_folder(runs, label, split)
        start = self._start(system, recipe, manifest, store, split)
        one = manifest.split(split)
        if self._is_there(folder, recipe, manifest, store, one):
            self.tell(f"{system}, split {split}: fitted already")
            return folder
        self.tell(f"{system}, split {split}: fitting {' '.join((label, *recipe.params))}")
        for run in fit_splits(
            *(recipe.head, recipe.params, manifest, store, [one], runs),
            seed=self.seed,
            skip_incomplete=True,
            start=start,
            ranges=False,
        ):
            if run.record["left_out"]:
                self.tell(f"{system}, split {split}: {told_left_out(run.record['left_out'])}")
        return folder

    def _is_there(
        self,
        folder: Path,
        recipe: SystemRecipe,
        manifest: Manifest,
        store: FeatureStore,
        split: Split,
    ) -> bool:
        """Whether a run of the same head, settings, videos and features lies there.

        `ChangedError` where its model file, or what it learned from, has changed since.
        """
        try:
            run = load_run(folder)
        except ChangedError as error:
            raise _to_delete(error, folder) from None
        except RunError:
            return False
        source, record = find_head(recipe.head), run.record
        params = head_params(source, recipe.params, self.seed)
        wanted = split_without(split, record.get("left_out") or {})
        alike = (
            run.head.params == transformed(source.head_class, params).params
            and record["split"]["train"] == list(wanted.train)
            and record["split"]["val"] == list(wanted.val)
            and record["store"]["spec"] == store.spec
        )
        if alike:
            try:
                check_learned(folder, record, manifest, store)
            except ChangedError as error:
                raise _to_delete(error, folder) from None
        return bool(alike)


def _to_delete(error: ChangedError, folder: Path) -> ChangedError:
    """The error, with what makes `aqa reproduce` fit the head again."""
    return ChangedError(f"{error} (delete {folder} for that)")


def slug(system: str, case: str | None) -> str:
    """What the folder of a system's runs is called."""
    text = f"{system} {case or ''}".lower().replace("(2+1)d", "r2plus1d")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")
