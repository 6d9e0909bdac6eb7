"""Fits and evaluates the recipes of a published table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.errors import ChangedError, RunError
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.features.store import FeatureStore
from aqa.metrics import mean_and_std
from aqa.models.heads import find_head, head_names
from aqa.models.runs import load_run
from aqa.models.saved.hashes import check_learned
from aqa.models.target_transforms import transformed
from aqa.workflows.fit import fit_splits, head_params
from aqa.workflows.reproduce.cells import LAST, Measurement, Measurements, printed_figures
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.measure import mean_of_actions, measured_cells
from aqa.workflows.reproduce.needs import no_features
from aqa.workflows.reproduce.scopes import in_scope
from aqa.workflows.transfer.learning import control, network_of
from aqa.workflows.transfer.results import TransferResult
from aqa.workflows.transfer.run import stored_examples, transfer
from aqa.workspace import Workspace, run_folder


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
            yield from self._run(system, recipe, store)

    def _run(self, system: str, recipe: SystemRecipe, store: FeatureStore) -> Measurements:
        if recipe.scope == "fine-tuned":
            return self._fine_tuned(recipe, store)
        manifest = in_scope(self.manifest, self.splits, recipe)
        if recipe.scope == "untrained":
            return self._untrained(recipe, manifest, store)
        folders = [
            self._fitted(system, recipe, manifest, store, name) for name in manifest.split_names
        ]
        evaluation = evaluate_runs(
            folders,
            manifest,
            store,
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
                    samples=counts,
                    seed=self.seed,
                    tell=self.tell,
                )
            for row in self._transfers[action].readings():
                if row["start"] == recipe.start:
                    case = f"{printed_name} {row['samples']}"
                    for reading, named in (("best", case), ("last", case + LAST)):
                        value, std = row[reading], row[f"{reading}_std"]
                        measured = Measurement(value, None, std, row["draws"], "draws")
                        yield named, "spearman", measured

    def _fitted(
        self, system: str, recipe: SystemRecipe, manifest: Manifest, store: FeatureStore, split: str
    ) -> Path:
        """The folder of the recipe's run on a split, fitted now if it was not."""
        runs = self.workspace.runs / "reproduce" / slug(system, recipe.case)
        folder = run_folder(runs, recipe.head, split)
        start = None
        if recipe.after is not None:
            (first,) = self.table.recipes[recipe.after]
            start = self._fitted(recipe.after, first, manifest, store, split)
        one = manifest.split(split)
        if self._is_there(folder, recipe, store, one.train, one.val):
            self.tell(f"{system}, split {split}: fitted already")
            return folder
        self.tell(f"{system}, split {split}: fitting {recipe.head} {' '.join(recipe.params)}")
        for _ in fit_splits(
            *(recipe.head, recipe.params, manifest, store, [one], runs),
            seed=self.seed,
            start=start,
        ):
            pass
        return folder

    def _is_there(
        self,
        folder: Path,
        recipe: SystemRecipe,
        store: FeatureStore,
        train: Sequence[str],
        val: Sequence[str],
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
        alike = (
            run.head.params == transformed(source.head_class, params).params
            and record["split"]["train"] == list(train)
            and record["split"]["val"] == list(val)
            and record["store"]["spec"] == store.spec
        )
        if alike:
            try:
                check_learned(folder, record, self.manifest, store)
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
