"""Scores a video with a file of `aqa export`: ONNX Runtime, PyAV and NumPy, no PyTorch, no aqa.

    python score_onnx.py model.onnx dive.mp4

Clips are frames that follow one another, resized by area or linearly, as most backbones take them;
what else there is stands in docs/export.md.
"""

import json
import sys

import av
import numpy as np
import onnxruntime


def score(model: str, video: str) -> float:
    """The score of a video file, as `aqa score` gives it."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["aqa"])
    with av.open(video) as container:
        frames = [prepared(frame, told["frames"]) for frame in container.decode(video=0)]
    starts, black = clip_starts(len(frames), told["clips"]), np.zeros_like(frames[0])
    numbers = [range(start, start + told["clips"]["length"]) for start in starts]
    clips = [[frames[i] if 0 <= i < len(frames) else black for i in clip] for clip in numbers]
    return float(session.run(["score"], {"clips": np.array(clips)})[0])


def clip_starts(n: int, rule: dict) -> list[int]:
    """The first frame of each clip of a video of n frames; frames outside of it are black."""
    if rule["spread"] or rule["window"] or rule["cuts"] == "split":
        sys.exit("this example cuts no clips that are spread, nor shots; see docs/export.md")
    wanted = max(rule["frames"] or n, rule["length"])
    first = n - wanted if wanted <= n or rule["pad"] == "front" else 0
    last = first + wanted - rule["length"]
    starts = list(range(first, last + 1, rule["stride"]))
    following = starts[-1] + rule["stride"]
    if starts[-1] < last and rule["tail"] == "shift":
        starts.append(last)
    if starts[-1] < last and rule["tail"] == "pad" and following < first + wanted:
        starts.append(following)
    return starts


def prepared(frame: av.VideoFrame, rule: dict) -> np.ndarray:
    """A decoded frame, resized and cropped: uint8 (height, width, 3)."""
    if rule.get("deinterlace"):
        sys.exit("this example does not deinterlace; see docs/export.md")
    pixels = frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
    (height, width), size, crop = pixels.shape[:2], rule["resize"], rule["crop"]
    if isinstance(size, int):  # the length of the shorter side
        exact = [side * size / min(height, width) for side in (height, width)]
        size = [int(side) if rule.get("truncate") else max(round(side), size) for side in exact]
    rows = weights(height, size[0], rule["interpolation"])
    columns = weights(width, size[1], rule["interpolation"])
    resized = np.einsum("ih,hwc,jw->ijc", rows, pixels.astype(np.float32), columns, optimize=True)
    top, left = (size[0] - crop[0]) // 2, (size[1] - crop[1]) // 2
    kept = resized[top : top + crop[0], left : left + crop[1]].round().astype(np.uint8)
    return kept if rule["channels"] == "RGB" else kept[..., ::-1]


def weights(before: int, after: int, how: str) -> np.ndarray:
    """How much of each pixel before goes into each pixel after: float32 (after, before)."""
    step, i, j = before / after, np.arange(after)[:, None], np.arange(before)
    if how == "area" and step >= 1:
        share = np.minimum((i + 1) * step, j + 1) - np.maximum(i * step, j)
        return (share.clip(0) / step).astype(np.float32)
    if how != "linear":
        sys.exit(f"this example does not resize {how}; see docs/export.md")
    at = ((i + 0.5) * step - 0.5).clip(0, before - 1)
    return (1 - abs(at - j)).clip(0).astype(np.float32)


if __name__ == "__main__":
    print(f"{score(*sys.argv[1:]):.2f}")
