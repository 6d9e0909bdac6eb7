"""The figures of docs/baselines.md are those of the authors' files; skipped without these."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.evaluation.baselines import split_baselines
from aqa.evaluation.groups import measure_groups
from aqa.evaluation.resampling import MetricValues


def imported(folder: Path, name: str, *sources: Path) -> Manifest:
    manifest = folder / "manifest.csv"
    import_dataset(name, find_importer(name).importer, Request(sources), manifest)
    return Manifest.read(manifest)


def table(root: Path, section: str) -> dict[str, list[list[float]]]:
    """The cells of a section's table by the row's name: value, and ends of its interval."""
    text = (root / "docs" / "baselines.md").read_text(encoding="utf-8")
    rows = {}
    for line in text.split(f"\n## {section}\n")[1].split("\n## ")[0].splitlines():
        name, *cells = (cell.strip() for cell in line.strip()[1:-1].split("|"))
        numbers = [[float(text) for text in re.findall(r"-?\d+\.\d+", cell)] for cell in cells]
        if any(numbers):
            rows[name] = numbers
    return rows


def check(measured: MetricValues, *cells: list[float]) -> None:
    """That Spearman and MSE are those of a table, but for what another machine rounds."""
    tolerances = {"spearman": {"abs": 0.003}, "mse": {"rel": 0.01, "abs": 0.06}}
    for (name, tolerance), printed in zip(tolerances.items(), cells, strict=True):
        if printed:
            interval = measured.intervals[name] if len(printed) > 1 else ()
            found = [measured.values[name], *(interval or ())]
            assert found == pytest.approx(printed, **tolerance), name


def test_mtl_aqa(shared: Path, root: Path, tmp_path: Path) -> None:
    folders = [shared / "data" / name for name in ("mtl-aqa", "mtl-aqa-variants")]
    manifest = imported(tmp_path, "mtl-aqa", *folders)
    names = {"event, difficulty and type": "event+difficulty+type"}
    for row, cells in table(root, "MTL-AQA").items():
        asked = [names.get(row, row)]
        [found] = split_baselines(manifest.split("published"), manifest, None, asked)
        check(found.tested.whole, *cells)


def test_aqa_7(shared: Path, root: Path, tmp_path: Path) -> None:
    manifest = imported(tmp_path, "aqa-7", shared / "data" / "aqa-7")
    [found] = split_baselines(manifest.split("published"), manifest, None, ["neighbours"])
    groups = measure_groups(found.tested.rows, manifest, "action")
    names = {
        **{"sync. diving 3 m": "sync_diving_3m", "sync. diving 10 m": "sync_diving_10m"},
        **{"Fisher's z of the six": "Fisher z of actions", "all 303 at once": "all"},
    }
    for row, cells in table(root, "AQA-7").items():
        check(groups[names.get(row, row.replace(" ", "_"))], *cells)


def test_fis_v(shared: Path, root: Path, tmp_path: Path) -> None:
    manifest = imported(tmp_path, "fis-v", shared / "data" / "fis-v")
    names = {"skater": "athlete", "skater and event": "athlete+event"}
    for row, cells in table(root, "Fis-V").items():
        for at, target in enumerate(("tes", "pcs")):
            view = manifest.of_target(target)
            asked = [names.get(row, row)]
            [found] = split_baselines(view.split("published"), view, None, asked)
            check(found.tested.whole, *cells[2 * at : 2 * at + 2])


def test_rhythmic_gymnastics(shared: Path, root: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "rhythmic-gymnastics"
    manifest = imported(tmp_path, "rhythmic-gymnastics", folder)
    for row, cells in table(root, "Rhythmic Gymnastics").items():
        if row in manifest.split_names:
            split = manifest.split(row)
            for at, name in enumerate(("seconds", "neighbours")):
                [found] = split_baselines(split, manifest, None, [name])
                check(found.tested.whole, *cells[2 * at : 2 * at + 2])
