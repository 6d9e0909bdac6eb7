"""UNLV-Dive with types, attributes, stages and P3D features.

Besides the manifest it writes two lists of ids for `aqa store import`: ids.txt, of the rows of
features.npy, and fitted-on.txt, of the 300 training dives, which the network behind the features
has learned from.
"""

from __future__ import annotations

from aqa.annotations.columns import ATTRIBUTES, PERFORMANCE, STAGE_PREFIX
from aqa.annotations.csv_table import read_table
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
from aqa.annotations.importing.cells import Cells
from aqa.annotations.importing.dives import CODES, describe_dive
from aqa.annotations.importing.mtl_annotations import dive_name
from aqa.errors import AqaError

N_DIVES, N_TRAIN = 370, 300
STAGES = ("jump", "drop", "entry", "ending")
_STAGE_COLUMNS = tuple(f"{STAGE_PREFIX}{stage}" for stage in STAGES)
_NEEDED = (
    *("video_id", "score", "difficulty", "split", "mtl_event", *CODES),
    *(f"{stage}_start" for stage in STAGES),
)


def read(request: Request) -> Imported:
    """Read the table; three dives have no attributes there, so no type here; two have no stages."""
    path = request.find("videos.csv")
    header, numbered = read_table(path)
    if missing := [name for name in _NEEDED if name not in header]:
        raise AqaError(f"{path}: no column {', '.join(missing)}")
    expect_count(path, len(numbered), N_DIVES, "dives")
    videos = VideoFolder(request.videos)
    rows = []
    for number, values in numbered:
        if len(values) != len(header):
            raise AqaError(f"{path}: row {number}: {len(values)} values for {len(header)} columns")
        rows.append(_row(Cells(path, number, dict(zip(header, values, strict=True))), videos))
    unordered = [str(row["video_id"]) for row in rows if not _ordered(row)]
    for row in rows:
        if not _ordered(row):
            row.update(dict.fromkeys(_STAGE_COLUMNS))
    scores = {str(row["video_id"]): float(str(row["score"])) for row in rows}
    expect_range(path, scores, 21.6, 102.6)
    trained = [str(row["video_id"]) for row in rows if row[PUBLISHED] == "train"]
    expect_count(path, len(trained), N_TRAIN, "training dives")
    notes = (
        "use the published split only: the network behind the features was trained on its "
        "training dives",
        *(
            ["stages left empty because they are out of order: " + ", ".join(unordered)]
            if unordered
            else []
        ),
    )
    lists = {"ids": list(scores), "fitted-on": trained}
    features = {"p3d": path.with_name("features.npy")}
    return Imported(rows, path, [number for number, _ in numbered], notes, lists, features)


def _row(cells: Cells, videos: VideoFolder) -> Row:
    texts, score, difficulty = cells.texts, cells.value("score"), cells.value("difficulty")
    if texts["split"] not in ("train", "test"):
        raise cells.problem("split", "train or test")
    if difficulty <= 0:
        raise cells.problem("difficulty", "above 0")
    kind: Row = dict.fromkeys(("type", *ATTRIBUTES, "event"))
    performance = [f"unlv-dive:{texts['video_id']}"]
    if texts["mtl_event"]:
        codes = {name: cells.whole(name) for name in CODES}
        kind = describe_dive(cells.path, texts["video_id"], codes)
        event = cells.whole("mtl_event")
        kind["event"] = f"{event:02d}"
        if texts.get("mtl_number"):
            performance.append(f"mtl-aqa:{dive_name((event, cells.whole('mtl_number')))}")
    stages = [cells.whole(f"{stage}_start") for stage in STAGES]
    return {
        "video_id": texts["video_id"],
        "path": videos.find(texts["video_id"]),
        "score": score,
        "difficulty": difficulty,
        "execution": round(score / difficulty, 6),
        "action": "diving",
        **kind,
        PERFORMANCE: ";".join(performance),
        **dict(zip(_STAGE_COLUMNS, stages, strict=True)),
        PUBLISHED: texts["split"],
    }


def _ordered(row: Row) -> bool:
    frames = [int(str(row[name])) for name in _STAGE_COLUMNS if row[name] is not None]
    return frames == sorted(frames)


IMPORTER = Importer(
    read,
    citation="xiang2018",
    origin="https://github.com/YeTianJHU/diving-score has features and stages; videos.csv joins "
    "them with the labels of UNLV-Dive and MTL-AQA, and its own address is not known",
    files=(
        SourceFile(
            "videos.csv",
            "scores, difficulties, types, stages, the authors' split",
            versions=(
                Version(29474, "c5e7147b980af8cf682ec5990c4f0e08979ff4aae1846af7d927afd8d05c5df0"),
            ),
        ),
        SourceFile(
            "features.npy",
            "P3D features, in the order of the table",
            optional=True,
            versions=(
                Version(
                    3031168, "15101f4ba12a87c7ff4dbe0522819f9c763a3caa6fbd312bc68f06057f199fd6"
                ),
            ),
        ),
    ),
    options={"videos": "folder of 001.avi, 002.avi, ..."},
    counts={"videos": N_DIVES, "train": N_TRAIN, "test": N_DIVES - N_TRAIN},
    videos="those of UNLV-Dive, http://rtis.oit.unlv.edu/datasets.html; size not known",
    tried="both files",
)
