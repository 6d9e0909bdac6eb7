"""Parts of a store put together: the same bytes as of a store that was made at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aqa.features.clips import Clip
from aqa.features.store import (
    FeatureStore,
    FeatureStoreWriter,
    StoreError,
    few_open,
    merge_stores,
    reader,
)
from aqa.features.store.checked_file import CheckedFile, open_checked

SPEC = {
    "backbone": "c3d",
    "weights": {"name": "c3d.pickle", "sha256": "ab" * 32, "fitted_on": None},
    "shape": [3],
    "dtype": "float16",
    "clip_length": 16,
    "stride": 16,
    "frames": None,
    "views": ["original", "flip"],
    "view_seed": 1,
}
IDS = [f"v{i}" for i in range(9)]


def write(
    path: Path,
    ids: Sequence[str],
    spec: dict[str, Any] = SPEC,
    blank: Sequence[float] = (1, 2, 3),
    shift: float = 0.0,
    **about: str,
) -> Path:
    made = {"device": "cpu", "torch": "2.4", **about}
    with FeatureStoreWriter(path, spec, blank=np.array(blank), ids=ids, provenance=made) as writer:
        for video_id in ids:
            n = 1 + int(video_id[1:]) % 3
            clips = [Clip(16 * k, 16 * k + 16) for k in range(n)]
            features = np.arange(3 * n).reshape(n, 3) / 3 + int(video_id[1:]) + shift
            writer.append(
                video_id,
                [(features, clips), (-features, clips)],
                n_frames=16 * n,
                frame_range=(int(video_id[1:]), 99),
                fps=25.0,
                n_bytes=n,
                content=f"blake2b:{video_id}",
                decoder="PyAV",
            )
    return path


def arrays(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return [
        write(tmp_path / f"part-{k}.h5", IDS[k - 1 :: 3], device=f"cuda:{k}", shard=f"{k}/3")
        for k in (1, 2, 3)
    ]


def test_a_merged_store_is_that_made_at_once(tmp_path: Path, parts: list[Path]) -> None:
    merged = merge_stores(parts[::-1], tmp_path / "all.h5", IDS)
    assert dataclasses.astuple(merged) == (9, 9, ())
    assert arrays(tmp_path / "all.h5") == arrays(write(tmp_path / "once.h5", IDS))
    with FeatureStore.open(tmp_path / "all.h5") as store:
        assert store.spec == SPEC
        assert store.verify() == []
        assert store.provenance["torch"] == "2.4"
        assert store.provenance["device"] == "cuda:3, cuda:2, cuda:1"
        assert [part["shard"] for part in store.provenance["merged"]] == ["3/3", "2/3", "1/3"]


def test_a_few_parts_are_open_at_once(
    tmp_path: Path, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = merge_stores(parts, tmp_path / "all.h5", IDS)
    opened: set[int] = set()
    most = [0]

    def opening(path: Path) -> CheckedFile:
        file = open_checked(path)
        opened.add(id(file))
        most[0] = max(most[0], len(opened))
        return file

    def closing(self: CheckedFile) -> None:
        opened.discard(id(self))
        close(self)

    close = CheckedFile.close
    monkeypatch.setattr(few_open, "MOST_OPEN", 1)
    monkeypatch.setattr(reader, "open_checked", opening)
    monkeypatch.setattr(CheckedFile, "close", closing)
    assert merge_stores(parts, tmp_path / "few.h5", IDS) == made
    assert most == [1]
    assert not opened
    assert arrays(tmp_path / "few.h5") == arrays(tmp_path / "all.h5")


def test_a_part_that_changes_during_a_merge_is_refused(
    tmp_path: Path, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = few_open.FewOpen.get

    def changing(self: few_open.FewOpen, path: Path) -> FeatureStore:
        monkeypatch.setattr(few_open.FewOpen, "get", first)
        parts[0].unlink()
        write(parts[0], IDS[0::3], shift=1.0, device="cuda:1", shard="1/3")
        return first(self, path)

    monkeypatch.setattr(few_open.FewOpen, "get", changing)
    with pytest.raises(StoreError, match="has changed during the merge; merge again"):
        merge_stores(parts, tmp_path / "all.h5", IDS)
    assert not (tmp_path / "all.h5").exists()


def test_parts_that_come_later_are_added(tmp_path: Path, parts: list[Path]) -> None:
    path = tmp_path / "all.h5"
    assert merge_stores(parts[:1], path, IDS, partial=True).missing == ("2/3", "3/3")
    parts[1].unlink()
    write(parts[1], IDS[1:5:3], device="cuda:2", shard="2/3")
    assert dataclasses.astuple(merge_stores(parts[:2], path, IDS, partial=True)) == (5, 2, ("3/3",))
    write(tmp_path / "rest.h5", IDS[7:8])
    # the pattern of a shell catches the output, too
    merged = merge_stores([*tmp_path.glob("*.h5"), parts[0]], path, IDS)
    assert dataclasses.astuple(merged) == (9, 4, ())
    assert arrays(path) == arrays(write(tmp_path / "once.h5", IDS))


def test_videos_without_a_place_come_last(tmp_path: Path, parts: list[Path]) -> None:
    merge_stores(parts, tmp_path / "all.h5", ["v8", "unknown", "v1"])
    with FeatureStore.open(tmp_path / "all.h5") as store:
        assert store.ids == ("v8", "v1", "v0", "v3", "v6", "v4", "v7", "v2", "v5")


def test_other_settings_are_refused_with_both_values(tmp_path: Path, parts: list[Path]) -> None:
    other = write(tmp_path / "other.h5", ["v20"], {**SPEC, "stride": 8})
    before = parts[0].read_bytes()
    with pytest.raises(StoreError, match=r"other.h5 was made .* than .*part-1.h5: stride is 8, n"):
        merge_stores([parts[0], other], tmp_path / "all.h5")
    with pytest.raises(StoreError, match="stride is 8, not 16"):
        merge_stores([other], parts[0])
    assert not (tmp_path / "all.h5").exists()
    assert parts[0].read_bytes() == before


def test_a_network_that_answers_otherwise_is_refused(tmp_path: Path, parts: list[Path]) -> None:
    rounds = write(tmp_path / "rounds.h5", ["v20"], blank=(1, 2, 3.001))
    merge_stores([parts[0], rounds], tmp_path / "all.h5", partial=True)
    unlike = write(tmp_path / "unlike.h5", ["v21"], blank=(1, 2, 3.5))
    with pytest.raises(StoreError, match=r"unlike.h5: its network responds to a blank clip unlike"):
        merge_stores([parts[0], unlike], tmp_path / "all.h5")


def test_a_video_that_two_parts_hold_alike_is_taken_once(tmp_path: Path, parts: list[Path]) -> None:
    again = write(tmp_path / "again.h5", ["v0"])
    assert merge_stores([parts[0], again], tmp_path / "all.h5", partial=True).n_videos == 3
    other = write(tmp_path / "other.h5", ["v3"], shift=1)
    with pytest.raises(StoreError, match=r"other.h5 and .*part-1.h5 both hold v3, with other feat"):
        merge_stores([parts[0], other], tmp_path / "new.h5")


def test_what_the_network_learned_from_is_kept(tmp_path: Path, parts: list[Path]) -> None:
    knows = {**SPEC, "weights": {**SPEC["weights"], "fitted_on": ["a", "b"]}}  # type: ignore[dict-item]
    merge_stores(
        [parts[0], write(tmp_path / "k.h5", ["v1"], knows)], tmp_path / "all.h5", partial=True
    )
    with FeatureStore.open(tmp_path / "all.h5") as store:
        assert store.spec["weights"]["fitted_on"] == ["a", "b"]


def test_a_damaged_part_leaves_what_was_there(tmp_path: Path, parts: list[Path]) -> None:
    merge_stores(parts[:1], tmp_path / "all.h5", partial=True)
    before = (tmp_path / "all.h5").read_bytes()
    with h5py.File(parts[1], "r+") as file:
        file["features"][0, 0] += 1
    with pytest.raises(StoreError, match="features of v1 are not what was written"):
        merge_stores(parts, tmp_path / "all.h5")
    assert (tmp_path / "all.h5").read_bytes() == before
    assert [p.name for p in tmp_path.glob(".*.tmp")] == []
