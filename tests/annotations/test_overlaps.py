"""Which videos show the same performance, in one dataset or two."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import Result

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.annotations.overlaps import marks_keys, performances_of, shown_again

ROWS = """video_id,path,score,event,performance,split_a,split_b
fine-1,,60,x,107B 60/3 6 7 7,train,
mtl-1,,60,y,mtl-aqa:01-001;107B 60/3 6 7 7,test,train
mtl-2,,61,y,mtl-aqa:01-002,test,test
new,,62,z,,train,train
other,,63,z,,test,test
"""


def table(folder: Path) -> Manifest:
    (folder / "manifest.csv").write_text(ROWS)
    return Manifest.read(folder / "manifest.csv")


def test_what_two_parts_show(tmp_path: Path) -> None:
    """Videos without a key show nothing that is known."""
    manifest = table(tmp_path)
    assert shown_again(manifest.split("a"), manifest) == ("mtl-1",)
    assert shown_again(manifest.split("b"), manifest) == ()
    assert performances_of(manifest, ["mtl-2", "nobody"]) == {"mtl-aqa:01-002"}


def test_keys_that_two_videos_would_have_are_none() -> None:
    dive = ("407C", 80.0, 3.2, [8.0, 8.5])
    keys = marks_keys(
        {
            "a": dive,
            "b": dive,
            "c": ("407C", 80.0, 3.2, [8.5, 8.0]),
            "d": ("407C", 80.0, 3.2, [8.0, None]),
            "e": ("407C", 80.0, 3.2, []),
        }
    )
    assert keys == {"a": None, "b": None, "c": "407C 80/3.2 8.5 8", "d": None, "e": None}


def test_split_and_baseline_warn(tmp_path: Path, run_aqa: Callable[..., Result]) -> None:
    rows = [
        f"v{i},,{60 + i % 7}.5,{'xy'[i % 2]},k{i % 20},{'train' if i < 20 else 'test'}"
        for i in range(22)
    ]
    text = "video_id,path,score,type,performance,split_a\n" + "\n".join(rows) + "\n"
    (tmp_path / "manifest.csv").write_text(text)
    output = run_aqa("baseline", "-C", str(tmp_path), "type").output
    assert "warning: split a: 2 of 2 test videos show a performance" in output
    folder = ("-C", str(tmp_path))
    output = run_aqa("split", *folder, "grouped", "--by", "performance", "--test", "5").output
    assert "warning" not in output
    output = run_aqa("split", *folder, "leave-one-out", "--by", "type").output
    assert "warning" not in output
    (tmp_path / "manifest.csv").write_text(text.replace("k1,", "k2,"))
    output = run_aqa("split", *folder, "leave-one-out", "--by", "type", "--force").output
    assert "train or val shows too, such as v1" in " ".join(output.split())


def test_a_head_that_learned_from_another_video_of_it_is_refused(
    tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    """The run says what it has learned from, so a manifest of other ids is guarded too."""
    rows = [f"v{i},,{60 + i}.5,k{i},{'train' if i < 10 else 'test'}" for i in range(14)]
    (tmp_path / "manifest.csv").write_text(
        "video_id,path,score,performance,split_a\n" + "\n".join(rows) + "\n"
    )
    np.save(tmp_path / "f.npy", np.random.default_rng(0).normal(size=(14, 4)).astype(np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"v{i}\n" for i in range(14)))
    here = ("-C", str(tmp_path))
    ids = ("--ids", str(tmp_path / "ids.txt"), "--store", str(tmp_path / "s.h5"))
    run_aqa("store", "import", *here, str(tmp_path / "f.npy"), *ids)
    run_aqa("fit", *here, "--head", "svr", *ids[2:])
    record = json.loads((tmp_path / "runs" / "svr" / "split-a" / "run.json").read_text())
    assert record["performances"] == [f"k{i}" for i in range(10)]
    assert "leak" not in run_aqa("eval", *here, *ids[2:]).output
    text = (tmp_path / "manifest.csv").read_text().replace("k12,", "other:1;k3,")
    (tmp_path / "manifest.csv").write_text(text)
    output = run_aqa("eval", *here, *ids[2:], code=1).output
    assert "other videos of what 1 of 4 test videos show, such as v12" in " ".join(output.split())
    run_aqa("eval", *here, *ids[2:], "--allow-leak")


def test_datasets_that_share_dives(shared: Path, tmp_path: Path) -> None:
    """367 of UNLV-Dive's 370 dives are known in MTL-AQA; all are AQA-7's dives, with its split."""
    tables = {}
    for name, folders in (
        ("mtl-aqa", ("mtl-aqa", "mtl-aqa-variants")),
        ("unlv-dive-p3d", ("unlv-dive-p3d",)),
        ("aqa-7", ("aqa-7",)),
    ):
        request = Request(tuple(shared / "data" / folder for folder in folders))
        path = tmp_path / name / "manifest.csv"
        import_dataset(name, find_importer(name).importer, request, path)
        tables[name] = Manifest.read(path)
    mtl, unlv, aqa_7 = (performances_of(table, table.ids) for table in tables.values())
    assert (len(mtl), len(unlv & mtl), len(unlv & aqa_7), len(aqa_7)) == (
        1412 + 1372,
        367,
        370,
        370,
    )
    first = tables["mtl-aqa"].by_id["01-001"]
    assert first.row["performance"].endswith(";407C 88/3.2 9.5 9 9.5 9 8.5 9.5 8.5")
    unlv_table, aqa_table = tables["unlv-dive-p3d"], tables["aqa-7"]
    for video in unlv_table:
        assert aqa_table.by_id[f"diving-{video.id}"].score == video.score
    tested = set(unlv_table.split("published").test)
    assert {f"diving-{i}" for i in tested} <= set(aqa_table.split("published").test)
