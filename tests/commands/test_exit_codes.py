"""Which mistakes are wrong usage (exit code 2) and which are bad data (1): docs/exit-codes.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

# Whatever the data: names, values, and options that exclude each other.
USAGE = (
    "fit --head nosuch",
    "fit --head svr -p nosuch=1",
    "fit --head svr -p C=abc",
    "fit --head svr -p C=-1",
    "fit --head svr -p kernel=poly",
    "fit --head svr -p C",
    "fit --head svr -p difficulty=twice",
    "fit --head svr --seed 1 -p seed=5",
    "fit --head svr --from runs/lstm",
    "fit --head lstm --from nosuch",
    "fit --head svr --log nosuch",
    "fit --head svr --split nosuch",
    "fit --head svr --target nosuch",
    "fit --head svr -p loss=pair-margin",
    "fit --head lstm -p label=incremental -p loss=l1",
    "fit --head lstm -p loss=pair-margin",
    "fit --head uil -p hidden=10",
    "fit --head musdl -p low=9 -p high=1",
    "fit --head s3d -p fractions=1,0",
    "fit --head type-lstm -p least=1",
    "fit --head score-estimation -p metric=none -p metric_types=2",
    "fit --head siamese -p learn_clips=true -p both_orders=false",
    "fit --head scoringnet -p difficulty=multiply",
    "sweep --head svr -p C=1",
    "sweep --head svr -p C=1 -p C=abc",
    "sweep --head svr -p C=1 -p C=-1",
    "sweep --head siamese -p lr=1 -p lr=2",
    "sweep --head svr -p C=1 -p C=2 --by nosuch",
    "finetune --head svr",
    "finetune --head lstm -p hidden=abc",
    "finetune --head lstm -p hidden=0",
    "finetune --head lstm -p nosuch=1",
    "transfer --action a --head svr",
    "transfer --action a --head lstm -p lr=abc",
    "transfer --action a --head lstm -p difficulty=multiply",
    "extract --backbone nosuch",
    "extract --backbone tiny3d --layer nosuch",
    "extract --backbone tiny3d --preprocess nosuch",
    "extract --backbone tiny3d --device nosuch",
    "extract --backbone tiny3d --frames 5",
    "extract --backbone tiny3d --precision int8 --engine torch",
    "extract --backbone isa",
    "eval --head nosuch",
    "eval --by type --by action",
    "compare svr lstm --metric accuracy",
    "table svr -o table.pdf",
    "split kfold --folds 1",
    "split kfold --folds abc",
    "measure --aspects nosuch",
    "pack nosuch -o packed.aqa",
)
# A file that is not there or damaged, or data that a well-formed command cannot be done on.
DATA = (
    "fit --head svr --manifest nosuch.csv",
    "fit --head svr --store nosuch.h5",
    "fit --head svr --good 1",
    "fit --head svr --target pairs",
    "fit --head musdl",
    "fit --head nosuch.py",
    "extract --backbone tiny3d --weights nosuch.pth",
    "extract --backbone tiny3d --only nosuch.txt",
    "measure --aspects nosuch.toml",
    "measure --aspects broken.toml",
    "split kfold --folds 49",
    "import mtl-aqa nosuch",
)


@pytest.fixture(scope="module")
def workspace(evaluated_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed") / "workspace"
    shutil.copytree(evaluated_runs, folder)
    (folder / "broken.toml").write_text("name = ", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("typed", "code"), [*((one, 2) for one in USAGE), *((one, 1) for one in DATA)]
)
def test_a_mistake_ends_in_one_line_and_its_code(
    typed: str,
    code: int,
    workspace: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(workspace)
    before = {path: os.stat(path).st_mtime_ns for path in workspace.rglob("*") if path.is_file()}
    said = run_aqa(*typed.split(), code=code).stderr
    assert sum(line.startswith("Error: ") for line in said.splitlines()) == 1
    after = {path: os.stat(path).st_mtime_ns for path in workspace.rglob("*") if path.is_file()}
    assert after == before
