"""Files in the layout of the Hugging Face hub: `model.safetensors` with JSON beside it.

`config.json` tells what no tensor does, such as the number of heads; `preprocessor_config.json`
how frames are prepared. Both are read as data; no code of a hub's repository is ever run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aqa.errors import AqaError, listed
from aqa.extract.checkpoints.layouts import Build, Layout
from aqa.extract.checkpoints.records import Checkpoint, WeightsError
from aqa.extract.preprocess import Preprocess

ADDRESS = "https://huggingface.co"
TENSORS = "model.safetensors"
# What a folder has whose tensors lie in several files.
PARTS = f"{TENSORS}.index.json"
CONFIG = "config.json"
# The second: of classes that take videos alone.
PREPROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json")
# Of a JSON file; those of the hub have a few kB.
_MOST_BYTES = 1 << 20


def is_hub_name(text: str) -> bool:
    """Whether a text can be the name of a repository, `owner/name`, and is no path here."""
    named = re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", text)
    a_file = Path(text).suffix in (".pth", ".pt", ".safetensors", ".pyth", ".bin", ".pickle")
    return bool(named) and ".." not in text and not a_file and not Path(text).exists()


def hub_record(
    repository: str,
    backbone: str,
    *,
    name: str | None = None,
    licence: str | None = None,
    pretraining: str = "as its page says",
    classes: int | None = None,
    layout: str = "hub",
) -> Checkpoint:
    """The checkpoint of a repository of the hub, `owner/name`; what is left out is not known.

    name: where it is another one than the repository's.
    """
    return Checkpoint(
        name=name or repository,
        backbone=backbone,
        layout=layout,
        profile="hub",
        file=f"{repository}/{TENSORS}",
        url=f"{ADDRESS}/{repository}/resolve/main/{TENSORS}",
        licence=licence,
        pretraining=pretraining,
        classes=classes,
        clip_length=16,
    )


def hub_layout(
    repository: str,
    last_layer: str,
    hub: Callable[[Mapping[str, Any]], Build],
    *,
    name: str = "hub",
    **others: Any,
) -> Layout:
    """How such a repository as this one names its tensors; others: see `Layout`."""
    return Layout(
        name=name,
        source=f"a folder or name of the hub, such as {repository}",
        last_layer=last_layer,
        profiles=("hub",),
        hub=hub,
        **others,
    )


def file_in(path: Path) -> Path:
    """The file of tensors that a path means, which may be a folder of the hub's layout."""
    if not path.is_dir():
        return path
    if not (path / TENSORS).is_file():
        if (path / PARTS).is_file():
            raise WeightsError(
                f"{path / PARTS}: the tensors lie in several files; put those of its parts into "
                f"one {TENSORS} (safetensors.torch.load_file and save_file)"
            )
        raise WeightsError(
            f"{path}: no {TENSORS} in this folder; other files of a hub's folder are not read, "
            "since a pickle can run code"
        )
    return path / TENSORS


def configured(layout: Layout, path: Path) -> Layout:
    """A layout with the network that the file's `config.json` describes, where it needs one."""
    if layout.hub is None:
        return layout
    beside = path.with_name(CONFIG)
    if not beside.is_file():
        raise WeightsError(
            f"{path}: no {CONFIG} beside it, which tells what its tensors do not, such as the "
            "number of heads; put the one of its hub page there"
        )
    try:
        return layout.configured(_json_object(beside))
    except WeightsError as error:
        raise WeightsError(f"{path.parent}: {error}") from None


def preprocess_beside(layout: Layout, path: Path) -> Preprocess | None:
    """How frames are prepared, by the JSON beside a hub's file; None where there is none."""
    if layout.hub is None:
        return None
    for name in PREPROCESSORS:
        beside = path.with_name(name)
        if beside.is_file():
            try:
                return preprocess_of(_json_object(beside))
            except (AqaError, TypeError, ValueError, KeyError) as error:
                raise WeightsError(
                    f"{beside}: cannot be followed ({error}); name a preprocessing of ours with "
                    "--preprocess hub"
                ) from None
    return None


def _json_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES} bytes")
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from None
    return record


# PIL's numbers of the ways to resize.
_RESAMPLE = {2: "pillow-bilinear", 3: "pillow-bicubic"}
# Where these are left out, each class of the hub takes another default.
_NEEDED = ("resample", "size", "crop_size", "image_mean", "image_std")


def preprocess_of(record: Mapping[str, Any]) -> Preprocess:
    """The preprocessing that a `preprocessor_config.json` describes.

    Raises `WeightsError` for steps that we have none for, `AqaError` for impossible numbers.
    """
    for step in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if record.get(step, True) is not True:
            raise WeightsError(f"{step} is {record[step]!r}")
    absent = [key for key in _NEEDED if key not in record]
    if absent:
        raise WeightsError(f"it lacks {listed(absent)}")
    resample = record["resample"]
    if resample not in _RESAMPLE:
        raise WeightsError(f"resample is {resample!r}, and only 2 and 3 are known here")
    size, crop = record["size"], record["crop_size"]
    if isinstance(size, Mapping):
        size = size["shortest_edge"] if "shortest_edge" in size else (size["height"], size["width"])
    if isinstance(crop, Mapping):
        crop = crop["height"], crop["width"]
    return Preprocess(
        resize=size,
        crop=crop if isinstance(crop, tuple) else (crop, crop),
        interpolation=_RESAMPLE[resample],  # type: ignore[arg-type]
        scale=record.get("rescale_factor", 1 / 255),
        mean=tuple(record["image_mean"]),
        std=tuple(record["image_std"]),
        truncate=True,
    )
