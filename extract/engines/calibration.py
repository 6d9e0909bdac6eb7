"""Makes an int8 network of a float32 one, by what its layers see of the user's own videos.

Only ranges of activations are learned, from pixels alone, and from training videos where the
manifest's splits leave any: no score is looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import logging
import math
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.annotations.manifest import Video
from aqa.errors import AqaError, first_line, listed
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.engines.int8_file import (
    Int8Network,
    Int8Record,
    probe_clip,
    read_int8,
    write_int8,
)
from aqa.extract.engines.int8_net import run
from aqa.extract.engines.names import INSTALL, check_installed
from aqa.extract.engines.openvino_net import compiled, converted, openvino, relative_distance
from aqa.extract.progress import ExtractionProgress
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.clips import ClipRule
from aqa.features.store.network_file import NetworkFile
from aqa.files import changing, sha256_of

# Clips that a network is calibrated on, about: tiny3d drifts by 6 % after 16 clips, by 2 % after
# 32, by 1.3 % after 64. They are of 16 videos; drift is measured on clips of every fifth of 20.
N_CLIPS, _PER_VIDEO, _N_VIDEOS, _EVERY = 64, 4, 20, 5
# Clips of one video that are kept at once, of which the ones above are chosen.
_MOST_KEPT = 2 * N_CLIPS
# A network whose features are further off is refused.
_FAR = 0.25
# Another process may be calibrating the same network: so long it is waited for, in seconds.
_WAIT = 3600.0


class Calibrating(NamedTuple):
    """The videos to calibrate on, in the order in which they are tried.

    is_clean: no split tests or validates on any of them.
    """

    videos: tuple[Video, ...]
    is_clean: bool


def calibrating_videos(videos: Sequence[Video]) -> Calibrating:
    """Training videos of every split, evenly over the manifest; where these are fewer than five,
    also those that the fewest splits test or validate on.
    """
    tested = [sum(part in ("val", "test") for part in video.splits.values()) for video in videos]
    pool: list[Video] = []
    most = 0
    for most in sorted(set(tested)):
        pool += [video for video, n in zip(videos, tested, strict=True) if n == most]
        if len(pool) >= _EVERY:
            break
    places = np.linspace(0, max(0, len(pool) - 1), min(_N_VIDEOS, len(pool))).round().astype(int)
    first = [pool[i] for i in places]
    return Calibrating((*first, *(video for video in pool if video not in first)), most == 0)


def int8_network(
    backbone: Backbone,
    rule: ClipRule,
    videos: Sequence[Video],
    folder: Path,
    progress: ExtractionProgress,
) -> tuple[NetworkFile, bool]:
    """The int8 network for these videos, in a file of this folder; it is made where there is none.

    The file's name tells the float32 network, how videos are cut and which there are, so that
    shares of one manifest take the same. Also whether it was calibrated on training videos alone.
    """
    chosen = calibrating_videos(videos)
    with changing(folder / _file_name(backbone, rule, chosen.videos), wait=_WAIT) as path:
        if path.exists():
            file = NetworkFile(path, sha256_of(path))
            progress.line(f"int8: takes the network in {path}: {told(read_int8(file).record)}")
            return file, chosen.is_clean
        check_installed("openvino", "--precision int8")
        if importlib.util.find_spec("nncf") is None:
            raise AqaError(f"--precision int8: nncf is not installed; install it with {INSTALL}")
        network = _calibrated(backbone, rule, chosen.videos)
        progress.line(f"int8: {told(network.record)}; the network is in {path}")
        return write_int8(path, network), chosen.is_clean


def told(record: Int8Record) -> str:
    """What a network was calibrated on, and how far its features are off, in words."""
    return (
        f"calibrated on {record.n_clips} clips of {len(record.videos)} videos "
        f"({listed(record.videos)}); features of {record.n_checked} other clips differ from those "
        f"in float32 by {record.drift:.1%}"
    )


def _file_name(backbone: Backbone, rule: ClipRule, videos: Sequence[Video]) -> str:
    origin = None if backbone.origin is None else backbone.origin.sha256
    of: list[Any] = [backbone.weights.sha256, origin, backbone.layer, backbone.preprocess.to_dict()]
    of += [str(rule), [_told_apart(video) for video in videos]]
    key = hashlib.sha256(json.dumps(of, default=str).encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9_-]", "_", backbone.name)[:100]
    return f"{name}-int8-{key}.safetensors"


def _told_apart(video: Video) -> list[Any]:
    """What tells a video from others, on every machine."""
    return [video.id, PurePath(video.where).name, video.start_frame, video.end_frame]


def _calibrated(backbone: Backbone, rule: ClipRule, videos: Sequence[Video]) -> Int8Network:
    """The network, calibrated on the first of the videos that can be decoded."""
    n_videos = min(_N_VIDEOS, len(videos))
    per_video = max(_PER_VIDEO, math.ceil(N_CLIPS / max(1, n_videos - n_videos // _EVERY)))
    every = ((video.id, _clips_of(video, backbone, rule, per_video)) for video in videos)
    found = list(islice((one for one in every if one[1]), n_videos))
    checked = [clip for _, clips in found[_EVERY - 1 :: _EVERY] for clip in clips]
    if not checked and found:  # of few videos, clips of the last one are kept apart
        number, clips = found[-1]
        n = max(1, len(clips) // _EVERY) if len(clips) > 1 or len(found) > 1 else 0
        found[-1], checked = (number, clips[: len(clips) - n]), clips[len(clips) - n :]
    else:
        del found[_EVERY - 1 :: _EVERY]
    calibrating = [clip for _, clips in found for clip in clips]
    if not checked:
        raise AqaError(
            "--precision int8: the videos have fewer than two clips that can be decoded, one to "
            "calibrate on and one to measure the drift on; extract in float32"
        )
    return quantised(
        backbone, calibrating, checked, [video_id for video_id, clips in found if clips]
    )


def _clips_of(
    video: Video, backbone: Backbone, rule: ClipRule, count: int
) -> list[NDArray[np.uint8]]:
    """So many clips, evenly over the video; none where it cannot be decoded, as is told later."""
    try:
        reader = ClipReader(video, backbone.preprocess, rule, 1)
        frames = _thinned(one.frames for batch in reader for one in batch if one.frames is not None)
    except DECODE_ERRORS:
        return []
    places = np.linspace(0, len(frames) - 1, min(count, len(frames))).round()
    return [frames[int(i)] for i in places]


def _thinned(clips: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """All clips of a short video; of a long one, whose clips would fill the memory, every second,
    every fourth, and so on.
    """
    kept: list[NDArray[np.uint8]] = []
    step = 1
    for number, clip in enumerate(clips):
        if number % step == 0:
            kept.append(clip)
        if len(kept) > _MOST_KEPT:
            kept, step = kept[::2], 2 * step
    return kept


def quantised(
    backbone: Backbone,
    clips: Sequence[NDArray[np.uint8]],
    checked: Sequence[NDArray[np.uint8]],
    ids: Sequence[str],
) -> Int8Network:
    """The int8 network, calibrated on clips, uint8 (T, H, W, 3) each, of the videos `ids`.

    checked: other clips, on which its drift is measured. `AqaError` where it is far off.
    """

    def prepared(frames: NDArray[np.uint8]) -> Tensor:
        return backbone.preprocess.normalise(torch.from_numpy(frames[None]))

    example = prepared(clips[0])
    with torch.inference_mode():
        exact = np.concatenate([backbone.net(prepared(one)).numpy() for one in checked])
    try:
        model = _by_nncf(converted(backbone.net, example), clips, lambda one: prepared(one).numpy())
        xml, weights = _saved(model)
        request = compiled(openvino().Core().read_model(xml, weights), "float32")
        request = request.create_infer_request()
        features = np.concatenate([run(request, prepared(one)) for one in checked])
        shape = tuple(example.shape)
        probe = run(request, torch.from_numpy(probe_clip(shape)))
    except Exception as error:  # of many types, as the step that fails
        raise AqaError(
            f"--precision int8: {backbone.name} cannot be quantised "
            f"({first_line(error)[:200]}); use another precision"
        ) from None
    drift = relative_distance(features, exact)
    if not drift <= _FAR:
        raise AqaError(
            f"--precision int8: features of {backbone.name} are then others, by {drift:.0%} of "
            "their length; use float32 or bfloat16"
        )
    sha256 = backbone.weights.sha256
    record = Int8Record(backbone.name, sha256, shape, drift, len(checked), len(clips), tuple(ids))
    return Int8Network(record, xml, weights, probe)


def _by_nncf(
    model: Any, clips: Sequence[NDArray[np.uint8]], prepared: Callable[[Any], NDArray[np.float32]]
) -> Any:
    """The model in int8. Ranges are the whole of what was seen: means of clips' ranges cut off
    what few clips show, which is what matters here.
    """
    openvino()  # before nncf, which would report that it is used
    with contextlib.redirect_stdout(io.StringIO()), _quiet():  # it draws bars
        import nncf
        from nncf.quantization import advanced_parameters, range_estimator

        nncf.set_log_level(logging.ERROR)
        whole = range_estimator.RangeEstimatorParametersSet.MINMAX
        return nncf.quantize(
            model,
            nncf.Dataset(clips, prepared),
            subset_size=len(clips),
            advanced_parameters=advanced_parameters.AdvancedQuantizationParameters(
                activations_range_estimator_params=whole
            ),
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own way to call others
        yield


def _saved(model: Any) -> tuple[bytes, bytes]:
    """OpenVINO's two files of a model."""
    with tempfile.TemporaryDirectory(prefix="aqa-") as folder:
        path = Path(folder) / "network.xml"
        openvino().save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()
