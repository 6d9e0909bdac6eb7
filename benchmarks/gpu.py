"""What a GPU gives, section by section; `benchmarks/gpu.sh` runs all of them.

    python -m aqa.benchmarks.gpu SECTION --out FOLDER --video VIDEO [--device cuda] [--budget 60]

a: features and heads against those of a CPU, and `pytest -m gpu`. b: clips per second of backbones
by precision, batch and way. c: the whole of MTL-AQA in shape, from files to a verified store.
d: an epoch of fine-tuning R(2+1)D-34. e: MSCADC. Every row is written as it comes. --quick makes
everything tiny: with --device cpu, that is the test of this script.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

from aqa.benchmarks import gpu_checks, gpu_speed, gpu_training, gpu_whole
from aqa.device import pick_device
from aqa.extract.video.decode import decoder_name


@dataclass
class Bench:
    """Where a section runs, how long it may, and where its rows go."""

    section: str
    out: Path
    video: Path
    device: torch.device
    budget: float
    quick: bool
    started: float = field(default_factory=time.monotonic)
    failed: int = 0

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget - (time.monotonic() - self.started)

    def row(self, **values: Any) -> None:
        """Write what was measured, now."""
        line = json.dumps({"section": self.section, **values})
        with (self.out / "rows.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        click.echo(line)

    def measure(self, make: Callable[[], Mapping[str, Any]], **names: Any) -> None:
        """A row of what `make` gives; of why not, where time or the card's memory is used up.

        Whatever else goes wrong is a row too, and the section goes on: the time on a card is dear.
        """
        if self.left <= 0:
            self.row(**names, skipped="the section's time is used up")
            return
        try:
            self.row(**names, **make())
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            self.row(**names, skipped="out of memory")
        except Exception as error:
            self.failed += 1
            self.row(**names, failed=f"{type(error).__name__}: {error}".partition("\n")[0])


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "a": gpu_checks.run,
    "b": gpu_speed.run,
    "c": gpu_whole.run,
    "d": gpu_training.run_r2plus1d,
    "e": gpu_training.run_mscadc,
}


def machine(device: torch.device) -> dict[str, Any]:
    """What the numbers are measured on."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    return {
        "card": card,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "decoder": decoder_name(),
        "python": platform.python_version(),
    }


@click.command()
@click.argument("section", type=click.Choice([*SECTIONS]))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--video", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--device", default="cuda", show_default=True)
@click.option("--budget", type=float, default=60, show_default=True, help="Seconds.")
@click.option("--quick", is_flag=True, help="Tiny: to see that it runs.")
def main(section: str, out: Path, video: Path, device: str, budget: float, quick: bool) -> None:
    """Run a section, and append its rows to OUT/rows.jsonl."""
    out.mkdir(parents=True, exist_ok=True)
    bench = Bench(section, out, video, pick_device(device), budget, quick)
    bench.row(what="machine", **machine(bench.device))
    SECTIONS[section](bench)
    bench.row(what="section", seconds=round(time.monotonic() - bench.started, 1))
    if bench.failed:
        raise click.ClickException(f"{bench.failed} rows of section {section} failed")


if __name__ == "__main__":
    main()
