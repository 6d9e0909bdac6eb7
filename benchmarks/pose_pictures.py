"""Draws estimated joints for the documents: over drawn dives, and of real videos the joints alone.

aqa poses --camera moving --out joints dive.mp4 054.avi
python benchmarks/pose_pictures.py --over dive.mp4 --alone 054.avi --joints joints out.jpg
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np

from aqa.extract.poses.formats.arrays import load_joints
from aqa.extract.video.decode import open_video

_LIMBS = [
    ("left shoulder", "right shoulder"),
    ("left hip", "right hip"),
    *(
        (f"{side} {one}", f"{side} {other}")
        for side in ("left", "right")
        for one, other in (
            *(("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip")),
            *(("hip", "knee"), ("knee", "ankle")),
        )
    ),
]
_COLOURS = {"left": (30, 90, 230), "right": (230, 120, 20)}


def row(video: Path, joints: Path, frames: Sequence[int], alone: bool) -> np.ndarray:
    """Some frames of a video with their joints beside each other."""
    places, names = load_joints(joints)
    tiles = []
    for number, frame in enumerate(open_video(video).frames()):
        if number in frames:
            ground = np.full_like(frame, 245) if alone else frame.copy()
            tiles.append(_drawn(ground, places[number], list(names or ()), number))
    return np.hstack(tiles)


def _drawn(ground: np.ndarray, places: np.ndarray, names: list[str], number: int) -> np.ndarray:
    picture = cv2.resize(ground, (320, 240))
    scale = np.array([320 / ground.shape[1], 240 / ground.shape[0]])
    cv2.putText(picture, str(number), (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (90, 90, 90), 1)
    if not places[:, 2].any():
        return picture
    for one, other in _LIMBS:
        ends = [places[names.index(name), :2] * scale for name in (one, other)]
        points = [tuple(end.round().astype(int).tolist()) for end in ends]
        colour = _COLOURS[one.split()[0]] if one[:4] == other[:4] else (60, 60, 60)
        cv2.line(picture, points[0], points[1], colour, 2, cv2.LINE_AA)
    nose = (places[names.index("nose"), :2] * scale).round().astype(int).tolist()
    cv2.circle(picture, tuple(nose), 4, (200, 30, 60), -1, cv2.LINE_AA)
    return picture


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--over", type=click.Path(path_type=Path), required=True, help="A drawn dive.")
@click.option("--alone", type=click.Path(path_type=Path), required=True, help="A real video.")
@click.option("--joints", type=click.Path(path_type=Path), required=True)
@click.option("--over-frames", default="10,40,60,75,95,130")
@click.option("--alone-frames", default="4,16,24,36,48,56")
def main(
    out: Path, over: Path, alone: Path, joints: Path, over_frames: str, alone_frames: str
) -> None:
    """Draw frames of a dive with its joints, and below them the joints of a real video alone."""
    rows = [
        row(video, joints / f"{video.stem}.npz", [int(n) for n in told.split(",")], blank)
        for video, told, blank in ((over, over_frames, False), (alone, alone_frames, True))
    ]
    picture = cv2.resize(np.vstack(rows), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(out), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
