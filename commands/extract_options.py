"""Options on where an extraction runs, and on what it tells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import FILE
from aqa.commands.ray_options import place_option
from aqa.errors import AqaError

if TYPE_CHECKING:
    from aqa.extract.shards import Shard
    from aqa.extract.summary import ExtractionSummary

devices_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME,...",
    help="Devices to run on, a process for each: cpu; cuda, the first GPU; cuda:0,cuda:1; "
    "cuda:all; auto: every GPU there is, else the CPU.",
)
processes_option = click.option(
    "--processes",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that decode and encode, dealt out over the devices; for small networks, which "
    "wait for decoding, as many as there are cores [default: one per device].",
)
shard_option = click.option(
    "--shard",
    metavar="K/N",
    help="Extract the K-th of N shares of the videos, such as 2/8, into a store of its own; `aqa "
    "store merge` puts these together.",
)

on_option = place_option(
    "Where to decode and encode: on this machine, or on those of a Ray cluster (extra ray), where "
    "the videos lie under the same paths; --processes is then the number of workers."
)
ray_gpus_option = click.option(
    "--ray-gpus",
    type=click.FloatRange(0),
    metavar="N",
    help="GPUs per worker, such as 0.5 for two on each [default: 1, if the cluster has any].",
)
only_option = click.option(
    "--only",
    type=FILE,
    help="Text file with ids, one per line: take these videos alone, such as those of "
    "--failed-list.",
)
failed_list_option = click.option(
    "--failed-list",
    type=FILE,
    help="Write the ids of the videos that failed to this file, one per line.",
)
log_option = click.option(
    "--log-json",
    type=FILE,
    help="Add events to this file, one JSON object per line: start, each video, end.",
)

engine_option = click.option(
    "--engine",
    type=click.Choice(["torch", "openvino", "auto"]),
    default="torch",
    show_default=True,
    help="What runs the network: PyTorch, or on a CPU OpenVINO (extra openvino); auto: that of the "
    "store, or else the faster of the two on the first video. Scoring then uses the same.",
)
cuts_option = click.option(
    "--cuts",
    type=click.Choice(["ignore", "split"]),
    default="ignore",
    show_default=True,
    help="Where one shot of a video ends and another begins: ignore warns, and clips may show "
    "both; split cuts each shot into clips by itself, and leaves out shorter ones than a clip.",
)

plan_option = click.option(
    "--plan",
    "is_plan",
    is_flag=True,
    help="Extract nothing: time a few clips of the videos, and tell what the extraction will take "
    "and which settings are fastest.",
)


def parsed_shard(text: str | None) -> Shard | None:
    """The shard that --shard names."""
    from aqa.extract.shards import Shard

    try:
        return None if text is None else Shard.parse(text)
    except AqaError as error:
        raise click.BadParameter(str(error), param_hint="--shard") from None


def tell_failed(summary: ExtractionSummary, failed_list: Path | None) -> None:
    """Say which videos failed and why, and write their ids; exit code 1 where there are any."""
    from aqa.files import write_text

    if failed_list is not None:
        write_text(failed_list, "".join(f"{video_id}\n" for video_id, _ in summary.failed))
    for video_id, reason in summary.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)
    if summary.failed:
        sys.exit(1)
