"""Every importer of ours keeps the contract; with the authors' own files where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.datasets import find_importer, importer_names
from aqa.papers import PAPERS
from aqa.testing import check_importer

# `csv` is any table and `videos` any folder, of nobody.
OURS = sorted(set(importer_names()) - {"csv", "videos"})
# Importer -> its real files, below shared/data.
REAL = {
    "aqa-7": ["aqa-7"],
    "fis-v": ["fis-v"],
    "mtl-aqa": ["mtl-aqa", "mtl-aqa-release", "mtl-aqa-variants"],
    "rhythmic-gymnastics": ["rhythmic-gymnastics"],
    "unlv-dive-p3d": ["unlv-dive-p3d"],
}

# Those of which people have a part: any number of videos is right.
IN_PARTS = {"kimore", "pairs", "pose-trainer", "ui-prmd"}


@pytest.mark.parametrize("name", OURS)
def test_what_every_dataset_states(name: str) -> None:
    check_importer(name)
    importer = find_importer(name).importer
    assert importer.citation in PAPERS
    assert importer.counts or name in IN_PARTS
    assert importer.videos
    assert importer.tried


@pytest.mark.parametrize("name", REAL)
def test_real_files_keep_it(name: str, shared: Path) -> None:
    check_importer(name, *(shared / "data" / folder for folder in REAL[name]))


def test_a_dataset_is_told_without_its_files(run_aqa: Callable[..., Result]) -> None:
    output = " ".join(run_aqa("import", "finediving").output.split())
    for words in (
        "published: https://github.com/xujinglin/FineDiving",
        "3000 videos",
        "videos: ",
        "tried on: ",
        "3,528,282 or 3,528,149 bytes: the step of every frame",
        "train_split.pkl size not known",
    ):
        assert words in output


def test_check_lists_what_is_missing_or_damaged(
    shared: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    real = sorted((shared / "data" / "aqa-7").glob("*.mat"))
    copies = [tmp_path / path.name for path in real]
    for path, copy in zip(real, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    check = ("import", "-C", str(tmp_path), "aqa-7", "--check")
    output = run_aqa(*check, str(tmp_path)).output
    assert output.count("as published, size and checksum") == 2
    assert "WRONG" not in output
    assert "1106, as published" in output
    videos = tmp_path / "videos"
    (videos / "diving-out" / "001").mkdir(parents=True)
    (videos / "diving-out" / "001" / "000001.jpg").touch()
    output = run_aqa(*check, str(tmp_path), "--videos", str(videos), code=1).output
    assert "WRONG  videos on disk: 1 of 1106" in output
    assert output.count("missing") == 1105
    data = bytearray(real[0].read_bytes())
    data[-9] ^= 1
    copies[0].write_bytes(data)
    output = run_aqa(*check, str(tmp_path), code=1).output
    assert "SHA-256" in output
    assert "damaged, or another release" in output
    copies[0].write_bytes(data[:100])
    output = run_aqa(*check, str(tmp_path), code=1).output
    assert "100 bytes; 1371 were published" in output
    copies[0].unlink()
    output = run_aqa(*check, str(tmp_path), code=1).output
    assert "WRONG  *test_list.mat: missing" in output
    assert "aqa-7: 1 of 2 checks failed" in output
    assert not (tmp_path / "manifest.csv").exists()


def test_another_part_of_the_release_has_its_own_counts(
    shared: Path, run_aqa: Callable[..., Result]
) -> None:
    folder = shared / "data" / "mtl-aqa-release" / "UNLV_Dive_split_4"
    output = run_aqa("import", "mtl-aqa", "--check", str(folder)).output
    assert "videos: 372, as published" in output
    assert "(UNLV_Dive_split_4)" in output
