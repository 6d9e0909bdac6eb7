"""MTL-AQA: 1412 dives of 15 events, with the authors' split.

The annotations come in three versions: the authors', and two with the judges' marks, which most
later work uses. One is enough; those that are there are held against each other. The authors'
smaller training sets, of 143, 279 and 443 dives, are splits of their own; the official test dives
that they hold are left out of their test part. SOURCE may also be the authors' folder
UNLV_Dive_split_4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aqa.annotations.columns import PERFORMANCE
from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    Version,
    VideoFolder,
    expect_count,
    expect_range,
)
from aqa.annotations.importing.dives import describe_dive
from aqa.annotations.importing.judge_marks import mark_columns, read_marks
from aqa.annotations.importing.mtl_annotations import (
    Key,
    dive_name,
    read_captions,
    read_keys,
    read_versions,
)
from aqa.annotations.overlaps import marks_keys
from aqa.errors import AqaError

N_DIVES, N_TRAIN, N_TEST = 1412, 1059, 353
# UNLV_Dive_split_4, of the same release: dives of the first three events, in a split of its own.
N_UNLV, N_UNLV_TRAIN, N_UNLV_TEST = 372, 279, 93
HIGHEST = 104.5  # of the published scores
# The number in the name of a smaller training set -> how many dives it really has.
SMALLER = {140: 143, 280: 279, 450: 443}

# The folders of the authors' repository, from the innermost; and where later work keeps them.
_FOLDERS = (
    "MTL-AQA_split_0_data",
    "Ready_2_Use/MTL-AQA_split_0_data",
    "MTL-AQA_dataset_release/Ready_2_Use/MTL-AQA_split_0_data",
    "info",
)
_RELEASE = ("Ready_2_Use", "MTL-AQA_dataset_release/Ready_2_Use")

# The most trusted marks first.
WITH_NUMBERS = SourceFile(
    "final_annotations_dict_with_dive_number.pkl",
    "the same with the seven judges' marks and FINA's numbers of dives",
    True,
    _FOLDERS,
    (Version(234216, "2e1e06b33ce3570036cd193912a68ffee0da08cc74cee8397309c5ab302ab8c4"),),
)
AUGMENTED = SourceFile(
    "augmented_final_annotations_dict.pkl",
    "the same with the seven judges' marks",
    True,
    _FOLDERS,
    (Version(265590, "1400c5a250af764e1ab93ca0f9ef2fcc09cbf23f01130754a9ff3309ff355735"),),
)
PLAIN = SourceFile(
    "final_annotations_dict.pkl",
    "scores, difficulties, attributes, frames; needed without the two below",
    True,
    _FOLDERS,
    (
        Version(107283, "8fda2f55be4f7e8031923c796d5599c357582df759dbd476de6cc40c2b3c81f3"),
        Version(
            27981,
            "789e9da1692839a82eed3710c73c77b70ce18f15e928db83d5ab5f4d9ce2b753",
            "UNLV_Dive_split_4",
        ),
    ),
)
TRAIN = SourceFile(
    "train_split_0.pkl",
    "the 1059 training dives",
    False,
    _FOLDERS,
    (
        Version(9835, "87d5dd2fe704af5ae1130b8d3ab66d2d4287346363fa37f52cee27dfb6730e52"),
        Version(
            2033,
            "0fe4d4d3723278fc1095d48d540f8ebc797adae69da5d44524435cb0b121afb9",
            "UNLV_Dive_split_4",
        ),
    ),
)
TEST = SourceFile(
    "test_split_0.pkl",
    "the 353 test dives",
    False,
    _FOLDERS,
    (
        Version(2773, "c25d6619e0044182ab303b64f4c0386510c2e17d302aad28f08c5e461319904a"),
        Version(
            659,
            "297e156c634b47138c1270e1354080394d1e2855ede964e134e1b0cf23fb073d",
            "UNLV_Dive_split_4",
        ),
    ),
)
CAPTIONS = SourceFile(
    "final_captions_dict.pkl",
    "the commentary",
    True,
    _FOLDERS,
    (Version(1493350, "8ecbbed8f4bd393481747c849b38970e59e99194210f1ae01440ae7b164fa9d5"),),
)
_UNLV = ("", *(f"{folder}/" for folder in _RELEASE))
_SIZES = ("smaller_training_sets", *(f"{folder}/smaller_training_sets" for folder in _RELEASE))
_SMALLER_VERSIONS = (
    Version(1009, "c256f5c7e686542be3e599f7ef119e7e7706f5f4f50647d69c23220eda9a4514", "size_140"),
    Version(2033, "0fe4d4d3723278fc1095d48d540f8ebc797adae69da5d44524435cb0b121afb9", "size_280"),
    Version(3673, "18c37c61f2164841b2ee1079a02345782a04b4d9b6868a4f8ce84ffb7c4629fe", "size_450"),
)
SETS = SourceFile(
    "size_*/train_split_0.pkl", "smaller training sets", True, _SIZES, _SMALLER_VERSIONS
)


def read(request: Request) -> Imported:
    """Read annotations, captions (where given), the official split and the smaller ones.

    The frames are read as the authors' loader reads them: a half-open range, counted from 0.
    """
    paths = _annotations(request)
    versions = read_versions(paths)
    path, dives = paths[0], versions[0]
    is_unlv = len(dives) == N_UNLV
    expect_count(path, len(dives), N_UNLV if is_unlv else N_DIVES, "dives")
    scores = {dive_name(key): dive["final_score"] for key, dive in dives.items()}
    expect_range(path, scores, 0, HIGHEST)
    sizes = (N_UNLV_TRAIN, N_UNLV_TEST) if is_unlv else (N_TRAIN, N_TEST)
    train, test = (
        _part(request.find(*file.places), dives, size)
        for file, size in zip((TRAIN, TEST), sizes, strict=True)
    )
    if both := train & test:
        raise AqaError(f"{path.parent}: dive {dive_name(min(both))} is in train and in test")
    smaller, split_notes = ({}, [_UNLV_NOTE]) if is_unlv else _smaller(request, dives, test)
    captions, notes = read_captions(request.find_optional(*CAPTIONS.places), dives)
    marks, mark_notes = read_marks(paths, versions)
    numbers = next((v for v in versions if all("dive_number" in dive for dive in v.values())), {})
    shared = marks_keys(
        {
            dive_name(key): (
                str(describe_dive(path, dive_name(key), dive)["type"]),
                dive["final_score"],
                dive["difficulty"],
                marks.get(key, ()),
            )
            for key, dive in dives.items()
        }
    )
    videos = VideoFolder(request.videos)
    rows = []
    for key, dive in dives.items():
        row = _row(path, key, dive, videos, request.last_frames)
        if numbers:
            row["dive_number"] = str(numbers[key]["dive_number"])
        if marks:
            row |= mark_columns(marks[key])
        keys_of_dive = [f"mtl-aqa:{dive_name(key)}", shared[dive_name(key)]]
        row[PERFORMANCE] = ";".join(filter(None, keys_of_dive))
        if captions:
            row["commentary"] = captions.get(key)
        row[PUBLISHED] = "test" if key in test else "train"
        for name, parts in smaller.items():
            row[name] = parts.get(key)
        rows.append(row)
    notes = [*notes, *split_notes, *mark_notes, *_odd_scores(dives)]
    counts = dict(zip(("videos", "train", "test"), (len(dives), *sizes), strict=True))
    return Imported(rows, path, notes=notes, counts=counts)


_UNLV_NOTE = (
    "these are the 372 dives of UNLV_Dive_split_4, of MTL-AQA's release: its first three events in "
    "a split of their own, 279 and 93; UNLV-Dive's own 370 dives and split come in with `aqa "
    "import unlv-dive`"
)


def _annotations(request: Request) -> list[Path]:
    """The versions of the annotations that SOURCE holds, the most trusted first."""
    found = [request.find_optional(*file.places) for file in (WITH_NUMBERS, AUGMENTED, PLAIN)]
    paths = [path for path in found if path]
    if not paths:
        where = ", ".join(map(str, request.sources))
        raise AqaError(
            f"{where}: no final_annotations_dict.pkl, nor one of its versions with marks; `aqa "
            "import mtl-aqa` lists the files it needs"
        )
    return paths


def _part(path: Path, dives: Iterable[Key], size: int) -> set[Key]:
    keys = set(read_keys(path, dives))
    expect_count(path, len(keys), size, "dives")
    return keys


def _row(
    path: Path, key: Key, dive: dict[str, Any], videos: VideoFolder, last_frames: int | None
) -> Row:
    event, number = key
    place = videos.find(dive_name(key), f"{event:02d}_{number:02d}", f"{event:02d}")
    # A file of the dive alone needs no range of frames; an event's broadcast does.
    is_alone = place is not None and place.stem != f"{event:02d}"
    start = dive["end_frame"] - last_frames if last_frames else dive["start_frame"]
    if start < 0:
        raise AqaError(
            f"{path}: dive {dive_name(key)} ends at frame {dive['end_frame']}, so there are no "
            f"{last_frames} frames of it"
        )
    return {
        "video_id": dive_name(key),
        "path": place,
        "score": dive["final_score"],
        "start_frame": None if is_alone else start,
        "end_frame": None if is_alone else dive["end_frame"],
        "difficulty": dive["difficulty"],
        "execution": round(dive["final_score"] / dive["difficulty"], 6),
        "action": "diving",
        **describe_dive(path, dive_name(key), dive),
        "event": f"{event:02d}",
    }


def _smaller(
    request: Request, dives: Iterable[Key], test: set[Key]
) -> tuple[dict[str, Mapping[Key, str]], list[str]]:
    """The smaller training sets that SOURCE holds: manifest column -> dive -> part; and notes.

    They are whole. The test part is the official one without the dives that the set trains on.
    """
    sets: dict[str, Mapping[Key, str]] = {}
    notes = []
    for path in request.find_all(*SETS.places):
        size = path.parent.name.removeprefix("size_")
        if not size.isdecimal():
            raise AqaError(f"{path.parent}: its name does not tell how many dives it holds")
        keys = _part(path, dives, SMALLER.get(int(size), int(size)))
        sets[f"split_size-{size}"] = dict.fromkeys(test, "test") | dict.fromkeys(keys, "train")
        if shared := keys & test:
            notes.append(
                f"split size-{size}: {len(shared)} of its {len(keys)} training dives are official "
                f"test dives; they are left out of its test part, {len(test - keys)} dives"
            )
    for path in request.find_all(*(f"{f}UNLV_Dive_split_4/{TRAIN.pattern}" for f in _UNLV)):
        train = _part(path, dives, N_UNLV_TRAIN)
        held = _part(path.with_name(TEST.pattern), dives, N_UNLV_TEST)
        sets["split_unlv-dive-4"] = dict.fromkeys(held, "test") | dict.fromkeys(train, "train")
    return sets, notes


def _odd_scores(dives: dict[Key, dict[str, Any]]) -> list[str]:
    """A note on scores that no sum of three judges' marks, in halves, gives; they are kept."""
    odd = [
        dive_name(key)
        for key, dive in dives.items()
        if abs(2 * dive["final_score"] / dive["difficulty"] % 1 - 0.5) < 0.499
    ]
    if not odd:
        return []
    return [
        f"{len(odd)} scores are not a multiple of half the difficulty, such as that of {odd[0]}"
    ]


IMPORTER = Importer(
    read,
    citation="parmar2019what",
    origin="https://github.com/ParitoshParmar/MTL-AQA, folder MTL-AQA_dataset_release/Ready_2_Use; "
    "the two versions with marks: in the folder info of the data of MUSDL and CoRe",
    files=(PLAIN, AUGMENTED, WITH_NUMBERS, TRAIN, TEST, CAPTIONS, SETS),
    options={
        "videos": "folder of the events' broadcasts, 01.mp4 or frames 01/000001.jpg; or of one "
        "file or folder per dive, 01-001 or 01_01",
        "last_frames": "103, as the authors' loader: the last so many frames of each dive",
    },
    counts={"videos": N_DIVES, "train": N_TRAIN, "test": N_TEST},
    videos="YouTube's; Video_List.xlsx of the release has the links; sizes not known",
    tried="the authors' annotations, captions, splits and smaller sets, both versions with marks",
)
