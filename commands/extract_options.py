"""Options on where an extraction runs, and on what it tells."""

from __future__ import annotations

import click

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
