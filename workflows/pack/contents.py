"""What goes into a pack: records without paths, training videos' rows, weights, exemplars."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import listed
from aqa.extract.backbones.registry import backbone_names, get_architecture
from aqa.extract.checkpoints.cache import default_cache
from aqa.extract.checkpoints.hub import CONFIG
from aqa.extract.checkpoints.records import Checkpoint
from aqa.extract.rebuild import published_weights
from aqa.features.store import FeatureStore, FeatureStoreWriter, Spec
from aqa.features.store.merge import copy_video
from aqa.files import sha256_of
from aqa.models.runs import Run
from aqa.models.saved.hashes import hash_of
from aqa.models.trust.model_facts import score_span
from aqa.target_names import PAIRS
from aqa.workflows.pack.layout import MANIFEST, STORE, PackError, is_member
from aqa.workflows.training_files import training_files

# Exemplars are clips of seconds; a larger file is a whole broadcast, or no video for a page.
MOST_EXEMPLAR_BYTES = 64 << 20


# Runs ---------------------------------------------------------------------------------------------


def packed_record(run: Run) -> dict[str, Any]:
    """The record of a run as a pack holds it: no path of its maker's, hashes of training videos."""
    record = copy.deepcopy(dict(run.record))
    spec = _without_paths(record["store"]["spec"])
    record["store"] = {"path": f"../../../{STORE}", "spec": spec}
    record["manifest"] = f"../../../{MANIFEST}"
    record.pop("pairs", None)
    if isinstance(record.get("from"), dict):
        start = record["from"]
        record["from"] = {k: start[k] for k in ("head", "params", "seconds", "split") if k in start}
    if record.get("source"):
        record["source"]["name"] = PurePath(record["source"]["name"]).name
    if isinstance(record.get("finetuned"), dict):
        record["finetuned"] = {k: _name_of(v) for k, v in record["finetuned"].items()}
    record["packed"] = True
    record["learned_files"] = training_files(run)
    if "training_scores" not in record and run.kind == "scores" and (known := score_span(run)):
        record["training_scores"] = list(known)
    if "hashes" in record:
        record["hashes"]["spec"] = hash_of(spec)
    return record


def _without_paths(spec: Mapping[str, Any]) -> Spec:
    kept = copy.deepcopy(dict(spec))
    if "path" in kept["weights"]:
        kept["weights"]["path"] = None
    if kept.get("origin"):
        kept["origin"]["name"] = PurePath(kept["origin"]["name"]).name
    return kept


def _name_of(value: Any) -> Any:
    """A value as it is; of an absolute path its last name."""
    return (
        PurePath(value).name if isinstance(value, str) and PurePath(value).is_absolute() else value
    )


def metrics_of_test(run: Run, file: str) -> bytes | None:
    """What the run reached on its test videos, as its file of metrics; None where it was not."""
    try:
        metrics = json.loads((run.folder / file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    kept = {part: metrics[part] for part in ("test",) if isinstance(metrics.get(part), dict)}
    return f"{json.dumps(kept, indent=1)}\n".encode() if kept else None


# Training videos ----------------------------------------------------------------------------------


def training_videos(runs: Sequence[Run], manifest: Manifest) -> list[Video]:
    """Those of the manifest that any of the runs has learned from, in its order."""
    learned = set[str]().union(*(run.learned_from for run in runs))
    videos = [video for video in manifest if video.id in learned]
    if not videos:
        raise PackError(
            f"{manifest.path}: it holds none of the videos that {runs[0].folder} learned from; "
            "name their table with --manifest"
        )
    return videos


def manifest_rows(
    videos: Sequence[Video], runs: Sequence[Run], manifest: Manifest, shown: Mapping[str, str]
) -> list[dict[str, object]]:
    """The rows of the training videos: what a page tells of them, and nothing else.

    shown: id -> the member that holds a copy of the video.
    """
    targets = [run.seen(manifest).score_column for run in runs]
    columns = list(dict.fromkeys(name for name in targets if name != PAIRS))
    if columns:
        columns += [name for name in ("type", "action") if name in videos[0].row]
    frames = ("start_frame", "end_frame")
    return [
        {
            "video_id": video.id,
            "path": shown.get(video.id, ""),
            **{name: video.row.get(name, "") if video.id in shown else "" for name in frames},
            **{name: video.row.get(name, "") for name in columns},
        }
        for video in videos
    ]


# The network --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PackedNetwork:
    """The network that features come from. inside: the file of its weights, where that is packed.

    published: what is known of its weights, where they are public ones.
    """

    spec: Spec
    inside: Path | None
    published: Checkpoint | None

    @property
    def members(self) -> dict[str, Path]:
        """The packed weights, and what must lie beside those of the hub: member -> file."""
        if self.inside is None:
            return {}
        files = [self.inside]
        config = self.inside.with_name(CONFIG)
        if (self.spec["weights"].get("layout") or "").startswith("hub") and config.is_file():
            files.append(config)
        return {f"weights/{file.name}": file for file in files}

    @property
    def is_shipped(self) -> bool:
        """Whether its weights come with aqa itself."""
        return self.spec["weights"].get("name") == "shipped" and "origin" not in self.spec

    def to_dict(self) -> dict[str, Any]:
        """As pack.json holds it."""
        known = self.published
        return {
            "backbone": self.spec["backbone"],
            "sha256": self.spec["weights"].get("sha256"),
            "inside": None if self.inside is None else f"weights/{self.inside.name}",
            "address": None if known is None else known.url,
            "licence": None if known is None else known.licence,
        }


def packed_network(run: Run, inside: bool | None) -> PackedNetwork:
    """The network of a run. inside: whether to pack its weights.

    None packs those that nobody can download: what comes with aqa, which a later version may
    change, and what is of the user's own making.
    """
    spec, made = run.spec, run.spec["weights"]
    if "joints" in spec:
        return PackedNetwork(spec, None, None)
    if made.get("sha256") is None:
        raise PackError(
            f"{run.folder}: its features were imported, so the network behind them is not known "
            "and a pack could score no video; fit on features of `aqa extract`"
        )
    published = published_weights(spec)
    wanted = published is None if inside is None else inside
    path = _file_of(spec, published)
    if not wanted or path is None:
        return PackedNetwork(spec, None, published)
    if not path.exists():
        raise PackError(
            f"{path}: the weights of {spec['backbone']} are not there any more; bring them back, "
            "or leave them out with --without-backbone"
        )
    if sha256_of(path) != made["sha256"]:
        raise PackError(
            f"{path}: not the weights that {run.folder} was fitted on (SHA-256); bring those back, "
            "or leave them out with --without-backbone"
        )
    if not is_member(f"weights/{path.name}"):
        raise PackError(f"{path}: a name that not every system takes; rename the file of weights")
    return PackedNetwork(spec, path, published)


def _file_of(spec: Spec, published: Checkpoint | None) -> Path | None:
    """Where the weights lie; None for those that are drawn, or are in someone's code."""
    made = spec["weights"]
    if made.get("name") == "shipped" and spec["backbone"] in backbone_names():
        return get_architecture(spec["backbone"]).shipped
    if made.get("path"):
        return Path(made["path"])
    return None if published is None else default_cache() / published.file


# Exemplars ----------------------------------------------------------------------------------------


def exemplars(
    runs: Sequence[Run], videos: Iterable[Video], count: int
) -> tuple[dict[str, Path], list[str]]:
    """Training videos to show beside others, id -> file; and lines on those that cannot be.

    The `count` best of each type, those first that a head compares others with.
    """
    named = {i for run in runs for i in _named_by(run.head)}
    ranked = sorted(videos, key=lambda one: (one.id not in named, -one.score, one.id))
    chosen: dict[str, Path] = {}
    of_type: dict[str, int] = {}
    lost = []
    for video in ranked:
        kind = video.type or ""
        if of_type.get(kind, 0) == count:
            continue
        if why := _no_exemplar(video):
            lost.append(f"{video.id}: {why}")
            continue
        assert video.path is not None
        chosen[video.id] = video.path
        of_type[kind] = of_type.get(kind, 0) + 1
    if count and not chosen:
        raise PackError(f"no training video can be packed as an exemplar: {listed(lost, 2)}")
    return chosen, lost


def _named_by(head: Any) -> list[str]:
    """The exemplars that a head compares videos with; none for most heads."""
    inner = getattr(head, "head", None)
    found = getattr(head, "ids_of_exemplars", None) or getattr(inner, "ids_of_exemplars", None)
    return list(found or ())


def _no_exemplar(video: Video) -> str:
    if video.path is None or not video.path.is_file():
        return "its video is not there, or is a folder of images"
    if video.path.stat().st_size > MOST_EXEMPLAR_BYTES:
        return f"its file has more than {MOST_EXEMPLAR_BYTES >> 20} MiB"
    return ""


def write_exemplar_store(path: Path, source: FeatureStore, ids: Sequence[str]) -> None:
    """Copy the features of a few videos into a store of their own, always of the same bytes."""
    spec = _without_paths(source.spec)
    blank = source.file.texts.blank
    with FeatureStoreWriter(
        path, spec, blank=blank, ids=ids, provenance=source.provenance, durable=False
    ) as writer:
        for i in ids:
            copy_video(i, source, writer)
