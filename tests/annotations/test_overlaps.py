"""Which videos show the same performance, in one dataset or two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def test_unlv_dive_and_mtl_aqa_share_performances(shared: Path, tmp_path: Path) -> None:
    """367 of the 370 dives are known in MTL-AQA."""
    tables = {}
    for name, folders in (
        ("mtl-aqa", ("mtl-aqa", "mtl-aqa-variants")),
        ("unlv-dive-p3d", ("unlv-dive-p3d",)),
    ):
        request = Request(tuple(shared / "data" / folder for folder in folders))
        path = tmp_path / name / "manifest.csv"
        import_dataset(name, find_importer(name).importer, request, path)
        tables[name] = Manifest.read(path)
    both = {name: performances_of(manifest, manifest.ids) for name, manifest in tables.items()}
    assert len(both["unlv-dive-p3d"]) == 367
    assert both["unlv-dive-p3d"] < both["mtl-aqa"]
    mtl = tables["mtl-aqa"]
    assert len(both["mtl-aqa"]) == 1412 + 1372
    assert mtl.by_id["01-001"].row["performance"].endswith(";407C 88/3.2 9.5 9 9.5 9 8.5 9.5 8.5")
