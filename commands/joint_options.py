"""Options of `aqa extract` for joints from files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

JOINT_OPTIONS = (
    "joints",
    "layout",
    "never_seen",
    "normalise",
    "first_frame",
    "max_missing",
)


def joint_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; each is given to the command by its name in `JOINT_OPTIONS`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--joints",
        metavar="NAMES",
        help="For pose: joints to keep, by names, numbers or groups with commas between: coco17, "
        "body (shoulders to ankles), arms, legs [default: all].",
    ),
    click.option(
        "--joints-format",
        "layout",
        type=click.Choice(["auto", "xy", "xyc", "xyz"]),
        help="For pose: what the numbers of a joint are; c is a confidence of 0 to 1 [default: "
        "auto, told by their values and the same for all videos].",
    ),
    click.option(
        "--never-seen",
        type=click.Choice(["fill", "leave-out", "refuse"]),
        help="For pose: what becomes of a joint that no frame of a video shows: it is put where "
        "the same joint of the other side is, or in the body's middle; left out of all videos; or "
        "the video fails [default: fill].",
    ),
    click.option(
        "--normalise",
        type=click.Choice(["none", "trunk", "forward"]),
        help="For pose: trunk: relative to the middle of the hips, in lengths of the trunk; "
        "forward: and turned to face the camera (x, y, z) [default: none].",
    ),
    click.option(
        "--first-frame",
        type=click.IntRange(0, 1),
        help="For pose: number of a video's first frame in lists of people [default: 0 where any "
        "file has a frame 0].",
    ),
    click.option(
        "--max-missing",
        type=click.FloatRange(0, 1),
        default=0.5,
        show_default=True,
        help="For pose: largest share of a video's joints that may be missing.",
    ),
)
