"""May one trust what is said of a new video? Measured on drawn dives that no head has seen.

    python benchmarks/trust.py WORKSPACE [--head wd] [--dives 200] [--others FOLDER] [-o trust.json]

WORKSPACE: drawn dives, as `aqa demo` leaves them, with fitted heads that say what clips add.
`benchmarks/trust_picture.py` draws what -o keeps. For each split's run:

likeness    how many new dives are called unlike the training videos, and how many of other videos:
            pictures of noise, of one colour, moving bars; a diver that stands still, a pool without
            one, a dive with its frames shuffled or backwards; and the videos of FOLDER, in pieces
            of 100 frames.
moments     of dives with faults: how often the worst moment named is truly faulty, how often it is
            said to stand out, and how often it is then faulty. Of dives without faults: how often
            no moment is said to stand out.
range       how often the true score lies in the range of 80 %, and how wide that is, in points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np

from aqa.annotations.manifest import Video
from aqa.benchmarks.extract import machine
from aqa.extract.video.decode import DECODE_ERRORS, open_video
from aqa.files import write_json
from aqa.models.feedback import ClipFeedback, Feedback
from aqa.models.runs import Run, load_run
from aqa.workflows.demo.dataset import faulty_clips
from aqa.workflows.demo.filming import draw, film
from aqa.workflows.demo.sampling import sample_dive
from aqa.workflows.feedback import SeenVideo, feedback_on
from aqa.workflows.new_videos import VideoExtractor, extractor_for, predicted_score
from aqa.workflows.trust import trust_in, unlike_training
from aqa.workspace import run_folders

SEED = 900_000
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
Frames = Sequence[np.ndarray]


@click.command()
@click.argument("workspace", type=FOLDER)
@click.option("--head", "heads", multiple=True, default=["wd"], show_default=True)
@click.option("--dives", type=click.IntRange(1), default=200, show_default=True)
@click.option("--kinds", type=click.IntRange(1), default=15, show_default=True)
@click.option("--seed", default=SEED, show_default=True, help="Of the drawn dives.")
@click.option("--others", type=FOLDER, help="Folder of videos that are no drawn dives.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Keep all as JSON.")
def main(
    workspace: Path,
    heads: Sequence[str],
    dives: int,
    kinds: int,
    seed: int,
    others: Path | None,
    out: Path | None,
) -> None:
    """Print what each split's run says of new dives."""
    runs = [load_run(folder) for folder in run_folders(workspace / "runs", tuple(heads))]
    extractor = extractor_for(runs[0].spec, device="cpu", store=runs[0].store)
    told = f"{machine()}; {dives} dives with and {dives} without faults, seed {seed}"
    click.echo(told)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        faulty = list(new_dives(folder, dives, extractor, faults=True, seed=seed))
        sound = list(new_dives(folder, dives, extractor, faults=False, seed=seed))
        unlike = {
            name: [seen_of(path, extractor) for path in paths]
            for name, paths in other_videos(folder, kinds).items()
        }
    if others is not None:
        unlike["files"] = list(pieces(others, extractor))
    rows = [
        {
            "head": run.label,
            "split": run.split,
            **moments(run, faulty, sound),
            **held(run, [seen for seen, _ in (*faulty, *sound)]),
            "called unlike": called_unlike(run, faulty + sound, unlike),
        }
        for run in runs
    ]
    for row in rows:
        click.echo("; ".join(f"{name} {value}" for name, value in row.items()))
    if out is not None:
        write_json(out, {"made by": told, "rows": rows})


Dive = tuple[SeenVideo, frozenset[int]]


def new_dives(
    folder: Path, n: int, extractor: VideoExtractor, *, faults: bool, seed: int = SEED
) -> Iterator[Dive]:
    """Dives that no data set holds, with the numbers of their faulty clips."""
    index = 0
    found = 0
    while found < n:
        dive = sample_dive(seed + faults, index, faults=None if faults else {})
        index += 1
        truth = frozenset(faulty_clips(dive.faults, dive.n_frames))
        if bool(truth) != faults:
            continue
        path = folder / f"{dive.video_id}-{faults}.mp4"
        film(dive, path)
        seen = seen_of(path, extractor)
        path.unlink()
        yield replace(seen, video=replace(seen.video, type=dive.type.name, score=dive.score)), truth
        found += 1


def seen_of(
    path: Path, extractor: VideoExtractor, start: int | None = None, stop: int | None = None
) -> SeenVideo:
    """A video file as the head sees it."""
    video = Video(str(path), path, np.nan, start_frame=start, end_frame=stop)
    return SeenVideo(video, extractor.extract(video).features, extractor.blank, ())


def other_videos(folder: Path, n: int) -> dict[str, list[Path]]:
    """Videos of 100 frames or so that show no dive, or one that is no dive any more."""
    rng = np.random.default_rng(0)
    made: dict[str, list[Path]] = {}
    for number in range(n):
        dive = list(draw(sample_dive(SEED + 10_000, number)))
        bars = np.repeat(rng.integers(0, 255, (1, 8, 3), dtype=np.uint8), 40, axis=1)
        bars = np.repeat(bars, 240, axis=0)
        colour = np.full((240, 320, 3), rng.integers(0, 255, 3), np.uint8)
        kinds: dict[str, Frames] = {
            "noise": [rng.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(100)],
            "one colour": [colour] * 100,
            "moving bars": [np.roll(bars, number * frame, axis=1) for frame in range(100)],
            "standing still": [dive[frame % 10] for frame in range(len(dive))],
            "empty pool": [dive[-1]] * len(dive),
            "shuffled": [dive[frame] for frame in rng.permutation(len(dive))],
            "backwards": dive[::-1],
        }
        for name, frames in kinds.items():
            made.setdefault(name, []).append(write(folder / f"{name}-{number}.avi", frames))
    return made


def write(path: Path, frames: Frames) -> Path:
    """A Motion JPEG video of RGB frames."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 240))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def pieces(folder: Path, extractor: VideoExtractor, length: int = 100) -> Iterator[SeenVideo]:
    """The videos of a folder, in pieces; of a file that cannot be read, none."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            n_frames = sum(1 for _ in open_video(path).frames(0, 20 * length))
            for start in range(0, max(n_frames - length // 2, 1), length):
                yield seen_of(path, extractor, start, min(start + length, n_frames))
        except DECODE_ERRORS:
            continue


def called_unlike(
    run: Run, dives: Sequence[Dive], others: dict[str, list[SeenVideo]]
) -> dict[str, str]:
    """How many of each kind are called unlike the training videos."""
    every = {"new dives": [seen for seen, _ in dives], **others}
    counts = {
        name: sum(bool(unlike_training([run], one.features.features)) for one in videos)
        for name, videos in every.items()
    }
    return {name: f"{count} of {len(every[name])}" for name, count in counts.items()}


def moments(run: Run, faulty: Sequence[Dive], sound: Sequence[Dive]) -> dict[str, float]:
    """How often the worst moment is a fault, and no fault is claimed of a dive without, in %."""
    told = [(worst(run, seen), truth) for seen, truth in faulty]
    outright = [clip.clip in truth for clip, truth in told if clip.stands_out]
    feedback = [said(run, seen) for seen, _ in sound]
    return {
        "named": percent([clip.clip in truth for clip, truth in told]),
        "stands out": percent([clip.stands_out for clip, _ in told]),
        "stands out rightly": percent(outright),
        "quiet": percent([not any(c.stands_out for c in one.clips) for one in feedback]),
        "unmarked": percent([not any(c.marked for c in one.clips) for one in feedback]),
    }


def held(run: Run, videos: Sequence[SeenVideo]) -> dict[str, float]:
    """How often the true score lies in the range of 80 %, in %, and how wide it is, in points."""
    if run.score_range is None:
        return {}
    inside, widths = [], []
    for seen in videos:
        score = predicted_score(run.head, seen.video, seen.features)
        bounds = trust_in([run], {run.split: score}, seen.video, seen.features).bounds
        assert bounds is not None
        inside.append(bounds[0] <= seen.video.score <= bounds[1])
        widths.append(bounds[1] - bounds[0])
    return {"held": percent(inside), "width": round(fmean(widths), 1)}


def percent(found: Sequence[bool]) -> float:
    """How many are true; NaN of none."""
    return round(100 * fmean(found), 1) if found else float("nan")


def said(run: Run, seen: SeenVideo) -> Feedback:
    """What the run says of the clips of a video."""
    feedback = feedback_on(run, seen)
    assert isinstance(feedback, Feedback)
    return feedback


def worst(run: Run, seen: SeenVideo) -> ClipFeedback:
    """The clip that a page's first sentence is about."""
    return min(said(run, seen).clips, key=lambda clip: clip.value - (clip.good or 0.0))


if __name__ == "__main__":
    main()
