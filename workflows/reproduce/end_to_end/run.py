"""Trains the systems of a table end to end, and puts what was measured beside the printed cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import AqaError, RunError
from aqa.evaluation.complete_splits import told_left_out
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.extract.backbones import get_architecture, load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.checkpoints.cache import default_cache
from aqa.extract.checkpoints.catalogue import find_checkpoint
from aqa.extract.progress import ExtractionProgress
from aqa.features.clips import ClipRule
from aqa.models.heads import get_head
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.plan import FinetunePlan
from aqa.workflows.finetune.progress import FinetuneProgress
from aqa.workflows.finetune.run import finetune
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.reproduce.cells import (
    Measurement,
    Measurements,
    Reproduction,
    noted,
    printed_figures,
    with_measured,
)
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.end_to_end.lacking import annotations_lacking, weights_lacking
from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe, Rehearsal
from aqa.workflows.reproduce.end_to_end.recipes import recipes_of
from aqa.workflows.reproduce.measure import measured_cells
from aqa.workflows.reproduce.runner import slug
from aqa.workspace import Workspace, run_folder


@dataclass(frozen=True)
class EndToEndRunner:
    """Trains and evaluates end-to-end recipes; what was trained before is not trained again."""

    table: PublishedTable
    workspace: Workspace
    manifest: Manifest
    group: ProcessGroup
    rehearsal: Rehearsal
    seed: int
    tell: Callable[[str], None]
    progress: Callable[[Split], FinetuneProgress] | None
    extraction: ExtractionProgress | None

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that are trained on."""
        return self.manifest.split_names if self.rehearsal.backbone else self.table.splits

    def measured(self, system: str, recipe: EndToEndRecipe) -> Measurements:
        """(case, metric, measured) of everything that a recipe says on the test videos."""
        runs = self._trained(system, recipe)
        evaluation = evaluate_runs(runs, self.manifest)
        frozen = SystemRecipe(recipe.head, "", recipe.params, case=recipe.case)
        return measured_cells(self.table, frozen, evaluation.results, self.splits)

    def _trained(self, system: str, recipe: EndToEndRecipe) -> list[Path]:
        """The folders of the recipe's runs, a run per split."""
        backbone = self._backbone(recipe)
        length = backbone.clip_length
        rule = ClipRule(**{"length": length, "stride": length, **recipe.clips})
        epochs = {"epochs": self.rehearsal.epochs} if self.rehearsal.epochs else {}
        plan = FinetunePlan(
            head=recipe.head,
            params=recipe.params,
            manifest=self.manifest,
            backbone=backbone,
            rule=rule,
            runs=self.workspace.runs / "reproduce" / self._folder(system, recipe),
            settings=FinetuneSettings(**{**recipe.settings, **epochs}, seed=self.seed),
            workers=1 if self.group.device.type == "cpu" else 8,
            cache=10**9,
            skip_incomplete=True,
        )
        self.tell(f"{system}: training {backbone.name} with {recipe.head} end to end")
        splits = [self.manifest.split(name) for name in self.splits]
        for done in finetune(plan, splits, self.group, self.progress, self.extraction):
            left_out = done.runs["chosen"].record["left_out"]
            if left_out:
                self.tell(f"{system}, split {done.runs['chosen'].split}: {told_left_out(left_out)}")
        return [run_folder(plan.runs, f"{recipe.head}-finetuned", name) for name in self.splits]

    def _folder(self, system: str, recipe: EndToEndRecipe) -> str:
        """The name of the folder of a recipe's runs."""
        names = [slug(system, recipe.case), "end-to-end"]
        if self.rehearsal != Rehearsal():
            names += ["rehearsal", *(str(v) for v in (self.rehearsal.backbone,) if v)]
        return "-".join(names)

    def _backbone(self, recipe: EndToEndRecipe) -> Backbone:
        if self.rehearsal.backbone:
            return load_backbone(
                self.rehearsal.backbone, layer=_layer_for(self.rehearsal.backbone, recipe.head)
            )
        if recipe.weights == "random":
            return load_backbone(recipe.backbone, "random", recipe.layer, seed=self.seed)
        checkpoint = find_checkpoint(recipe.weights)
        return load_backbone(
            recipe.backbone,
            default_cache() / checkpoint.file,
            recipe.layer,
            preprocess=checkpoint.profile,
            clip_length=checkpoint.clip_length,
        )


def reproduce_end_to_end(
    table: PublishedTable,
    workspace: Workspace,
    group: ProcessGroup,
    *,
    seed: int = 0,
    systems: tuple[str, ...] = (),
    rehearsal: Rehearsal | None = None,
    tell: Callable[[str], None] = lambda line: None,
    progress: Callable[[Split], FinetuneProgress] | None = None,
    extraction: ExtractionProgress | None = None,
) -> Reproduction:
    """Train what is not trained yet, evaluate it, and put it beside the printed cells.

    A recipe whose weights are not there, or that cannot be run, stops none of the others; it
    stands in the result's `failed`, with the command that gets what is missing. See `reproduce`.
    """
    rehearsal = rehearsal or Rehearsal()
    recipes = recipes_of(table.name, systems)
    lacking = annotations_lacking(table, workspace, rehearsal)
    if lacking:
        raise AqaError(lacking[0])
    manifest = Manifest.read(workspace.manifest)
    runner = EndToEndRunner(
        table, workspace, manifest, group, rehearsal, seed, tell, progress, extraction
    )
    measurements: dict[tuple[str, str, str], Measurement] = {}
    failed = []
    for system, several in recipes.items():
        for recipe in several:
            try:
                missing = None if rehearsal.backbone else weights_lacking(recipe)
                if missing:
                    raise RunError(missing)
                for case, metric, measured in runner.measured(system, recipe):
                    measurements[system, case, metric] = measured
            except AqaError as error:
                failed.append(f"{system}: {error}")
    notes = noted(
        table, ((system, one.note) for system, several in recipes.items() for one in several)
    )
    cells = [
        cell
        for figure in printed_figures(table)
        if figure.system in recipes
        for cell in with_measured(figure, measurements)
    ]
    stand_in = str(rehearsal) if rehearsal != Rehearsal() else None
    return Reproduction(table, cells, failed, notes, stand_in)


def _layer_for(backbone: str, head: str) -> str | None:
    """The last layer of a backbone that gives what the head takes: vectors or maps."""
    maps = get_head(head).takes == "maps"
    layers = get_architecture(backbone).layers
    fitting = [name for name, shape in layers.items() if (len(shape) > 1) == maps]
    if not fitting:
        raise RunError(f"{backbone} has no layer of {'maps' if maps else 'vectors'} for {head}")
    return fitting[-1]
