"""Numbers and names that datasets' publishers state, and what of a dataset does not fit them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aqa.annotations.datasets import (
    aqa_7,
    csv_,
    find_importer,
    finediving,
    mit_diving,
    mtl_aqa,
    unlv_dive,
    unlv_dive_p3d,
    unlv_vault,
)
from aqa.annotations.datasets.aqa_7 import ACTIONS
from aqa.annotations.datasets.mtl_aqa import _smaller
from aqa.annotations.importing import Imported, Importer, Request
from aqa.annotations.importing.dives import CODES
from aqa.annotations.importing.unlv_layout import DIFFICULTIES, PUBLISHED_SPLIT, SCORES
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.split_protocols import PROTOCOLS
from aqa.annotations.splits import Split
from aqa.errors import AqaError

UNLV = {
    "*overall_scores.mat": False,
    "*difficulty*.mat": True,
    "training_idx.mat": False,
    "testing_idx.mat": False,
}
MODULES = (aqa_7, csv_, finediving, mit_diving, mtl_aqa, unlv_dive, unlv_dive_p3d, unlv_vault)
# Importer -> the files that it names, and whether it does without them.
FILES = {
    "aqa-7": {"*train_list.mat": False, "*test_list.mat": False},
    "csv": {"*.csv": False},
    "finediving": {
        "FineDiving_coarse_annotation.pkl": False,
        "FineDiving_fine-grained_annotation.pkl": False,
        "train_split.pkl": False,
        "test_split.pkl": False,
    },
    "mit-diving": {"*overall_scores.mat": False, "*difficulty*.mat": True},
    "mtl-aqa": {
        "final_annotations_dict.pkl": True,
        "augmented_final_annotations_dict.pkl": True,
        "final_annotations_dict_with_dive_number.pkl": True,
        "train_split_0.pkl": False,
        "test_split_0.pkl": False,
        "final_captions_dict.pkl": True,
        "size_*/train_split_0.pkl": True,
    },
    "unlv-dive": UNLV,
    "unlv-dive-p3d": {"videos.csv": False, "features.npy": True},
    "unlv-vault": UNLV,
}


@pytest.mark.parametrize("name", FILES)
def test_files_are_called_as_they_were_published(name: str) -> None:
    importer = find_importer(name).importer
    assert importer in [module.IMPORTER for module in MODULES]
    assert {file.pattern: file.optional for file in importer.files} == FILES[name]


def test_both_collections_of_unlv_have_one_layout() -> None:
    files = (SCORES, DIFFICULTIES, *PUBLISHED_SPLIT)
    assert {file.pattern: file.optional for file in files} == UNLV


def test_aqa_7_is_as_parmar2019action_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 1: samples, lowest and highest score; the order is that of the lists' classes."""
    assert list(ACTIONS.items()) == [
        ("diving", (370, 21.6, 102.6)),
        ("gym_vault", (176, 12.3, 16.87)),
        ("ski_big_air", (175, 8.0, 50.0)),
        ("snowboard_big_air", (206, 8.0, 50.0)),
        ("sync_diving_3m", (88, 46.2, 104.88)),
        ("sync_diving_10m", (91, 49.8, 99.36)),
    ]
    asked = []
    monkeypatch.setattr(unlv_vault, "read_collection", lambda request, vaults: asked.append(vaults))
    unlv_vault.read(Request(()))
    assert dataclasses.astuple(asked[0])[:5] == ("gym_vault", 176, 12.3, 16.87, (120, 56))


def test_the_largest_codes_of_dives() -> None:
    """4.5 somersaults are 9 halves, 3.5 twists 7."""
    assert CODES == {"position": 2, "armstand": 1, "rotation_type": 3, "ss_no": 9, "tw_no": 7}


def test_what_protocols_fix() -> None:
    assert {name: (p.maker, p.fixed) for name, p in PROTOCOLS.items()} == {
        "jain2020-diving": ("balanced", {"n": 10, "test": 15, "by": ("type",)}),
        "jain2020-vault": ("balanced", {"n": 5, "test": 40, "by": ("type",), "kinds": ("tuck",)}),
        "li2018": (
            "published",
            {"sizes": [{"train": 300, "test": 70}, {"train": 120, "test": 56}]},
        ),
        "scoringnet": ("random", {"n": 6, "test": {370: 70, 176: 56, 159: 59}}),
        "mtl-aqa": ("published", {"sizes": [{"train": 1059, "test": 353}]}),
        "mtl-aqa-events": ("grouped", {"n": 5, "test": 0.25, "by": ("event",)}),
        "aqa-7": ("published", {"sizes": [{"train": 803, "test": 303}]}),
        "aqa-7-zero-shot": ("leave-one-out", {"by": ("action",)}),
        "mit-diving": ("random", {"n": 200, "test": {159: 59}}),
    }


def test_records_cannot_be_changed() -> None:
    for record in (
        PROTOCOLS["li2018"],
        find_importer("csv").importer.files[0],
        Split("1", (), (), ()),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, dataclasses.fields(record)[0].name, "x")


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    with pytest.raises(AqaError, match=r"absent\.csv: no such file"):
        import_dataset("csv", find_importer("csv").importer, Request((absent,)), tmp_path / "m.csv")
    with pytest.raises(AqaError, match=r"absent\.csv: no such file or folder"):
        Request((absent,)).find_all("*.csv")


def test_what_an_importer_gives_is_checked(tmp_path: Path) -> None:
    wrong = Importer(lambda request: [])  # type: ignore[arg-type,return-value]
    with pytest.raises(AqaError, match=r"mine: its read\(\) gives list, not Imported"):
        import_dataset("mine", wrong, Request(()), tmp_path / "m.csv")
    assert not (tmp_path / "m.csv").exists()


def test_what_stands_is_kept_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("mine\n")
    rows = [{"video_id": "a", "path": None, "score": 1.0}]
    one = Importer(lambda request: Imported(rows, tmp_path / "table.csv"))
    with pytest.raises(AqaError, match="exists already; replace it with --force"):
        import_dataset("mine", one, Request(()), tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text() == "mine\n"


def test_a_smaller_training_set_whose_folder_tells_no_size(tmp_path: Path) -> None:
    folder = tmp_path / "size_few"
    folder.mkdir()
    (folder / "train_split_0.pkl").write_bytes(b"")
    with pytest.raises(AqaError, match="size_few: its name does not tell how many dives"):
        _smaller(Request((tmp_path,)), [], set())
