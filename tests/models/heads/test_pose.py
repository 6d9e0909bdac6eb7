"""Heads on joints, against their definitions written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.heads.base import HeadError
from aqa.models.heads.pose_apen import PoseApEnHead, approximate_entropy
from aqa.models.heads.pose_dct import PoseDCTHead
from aqa.models.heads.pose_dft import PoseDFTHead

POSE_HEADS = ("pose-dct", "pose-dft", "pose-apen")


@pytest.fixture
def videos(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    """Videos of 12 to 20 frames of 4 joints, and scores."""
    x = [rng.normal(scale=20, size=(rng.integers(12, 21), 8)).cumsum(axis=0) for _ in range(12)]
    return [video.astype(np.float32) for video in x], rng.uniform(40, 90, 12)


def relative(video: np.ndarray, head: int) -> list[np.ndarray]:
    """The series of all joints but the head, relative to it: x, y of the first, ..."""
    video = video.astype(np.float64)
    series = []
    for joint in range(video.shape[1] // 2):
        for axis in range(2):
            if joint != head:
                series.append(video[:, 2 * joint + axis] - video[:, 2 * head + axis])
    return series


def parts(series: np.ndarray, windows: int) -> list[np.ndarray]:
    """Cut as evenly as possible, the longer ones first."""
    size, longer = divmod(len(series), windows)
    lengths = [size + (i < longer) for i in range(windows)]
    ends = [sum(lengths[: i + 1]) for i in range(windows)]
    return [series[end - n : end] for end, n in zip(ends, lengths, strict=True)]


def slow_dct(series: np.ndarray, k: int) -> list[float]:
    n = len(series)
    found = []
    for f in range(k):
        total = sum(series[t] * math.cos(math.pi * f * (2 * t + 1) / (2 * n)) for t in range(n))
        scale = 1 if f == 0 else math.sqrt(2)
        found.append(abs(scale * total / n) if f < n else 0.0)
    return found


def slow_dft(series: np.ndarray, k: int) -> list[float]:
    n = len(series)
    found = []
    for f in range(k):
        total = sum(series[t] * np.exp(-2j * np.pi * f * t / n) for t in range(n))
        found.append(abs(total) / n if f <= n // 2 else 0.0)
    return found


def slow_entropy(series: np.ndarray, m: int, r: float) -> float:
    def phi(length: int) -> float:
        stretches = [series[i : i + length] for i in range(len(series) - length + 1)]
        logs = []
        for a in stretches:
            near = sum(max(abs(x - y) for x, y in zip(a, b, strict=True)) <= r for b in stretches)
            logs.append(math.log(near / len(stretches)))
        return sum(logs) / len(logs)

    return phi(m) - phi(m + 1)


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize(("kind", "slow"), [(PoseDCTHead, slow_dct), (PoseDFTHead, slow_dft)])
@pytest.mark.parametrize("k", [4, 15])
def test_low_frequencies_are_their_definition(videos, kind, slow, windows: int, k: int) -> None:
    video = videos[0][0]
    (found,) = kind(k=k, windows=windows, root_joint=1).vectors([video])
    expected = [
        [slow(parts(series, windows)[w], k) for series in relative(video, 1)]
        for w in range(windows)
    ]
    # A window's lowest frequency of every series comes first, then the next one.
    np.testing.assert_allclose(found, np.swapaxes(expected, 1, 2).ravel(), atol=1e-9)


@pytest.mark.parametrize("windows", [1, 2])
def test_entropy_is_its_definition(videos, windows: int) -> None:
    video = videos[0][3]
    (found,) = PoseApEnHead(m=2, r=0.3, windows=windows).vectors([video])
    expected = [
        slow_entropy(parts(series, windows)[w], 2, 0.3 * parts(series, windows)[w].std())
        for w in range(windows)
        for series in relative(video, 0)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_entropy_tells_the_regular_from_the_irregular(rng: np.random.Generator) -> None:
    swinging, noise = np.sin(np.arange(80.0)), rng.normal(size=80)
    assert approximate_entropy(np.tile([1.0, 2.0], 40), 2, 0.1) == pytest.approx(0, abs=2e-3)
    assert approximate_entropy(np.ones(10), 2, 0.0) == 0
    assert approximate_entropy(swinging, 2, 0.2) < approximate_entropy(noise, 2, 0.2)


def test_signs_are_kept_if_asked() -> None:
    video = np.zeros((9, 4))
    video[:, 2] = -3
    assert PoseDCTHead(k=1).vectors([video])[0, 0] == pytest.approx(3)
    assert PoseDCTHead(k=1, magnitude=False).vectors([video])[0, 0] == pytest.approx(-3)


@pytest.mark.parametrize("kind", [PoseDCTHead, PoseDFTHead])
def test_a_slower_video_of_the_same_movement_is_described_alike(kind) -> None:
    def video(n: int) -> np.ndarray:
        share = (np.arange(n) + 0.5) / n
        return np.column_stack([0 * share, 0 * share, np.cos(np.pi * share), share])

    slow, fast = kind(k=6).vectors([video(200), video(100)])
    np.testing.assert_allclose(slow, fast, atol=0.02)


@pytest.mark.parametrize("name", POSE_HEADS)
def test_where_the_body_is_in_the_picture_does_not_count(videos, name: str) -> None:
    video = videos[0][0]
    moved = video + np.tile([30, -7], 4).astype(np.float32)
    head = get_head(name)(root_joint=2)
    np.testing.assert_allclose(head.vectors([video]), head.vectors([moved]), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (PoseDCTHead, {}),
        (PoseDCTHead, {"kernel": "rbf", "windows": 2, "root_joint": 1}),
        (PoseDCTHead, {"magnitude": False, "normalise": "l2", "root_joint": 3}),
        (PoseDFTHead, {"k": 5, "windows": 3}),
        (PoseDFTHead, {"kernel": "rbf", "normalise": "l2"}),
    ],
)
def test_the_gradient_is_what_finite_differences_say(videos, rng, kind, params: dict) -> None:
    x, y = videos
    head = kind(C=10.0, epsilon=0.01, gamma=0.3, **{"k": 8, **params}).fit(x, y)
    video = x[5].astype(np.float64)
    gradient = head.gradient(Examples.of([video]))
    assert gradient.shape == (len(video), 4, 2)
    np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-9)  # moving all changes nothing

    step, exact = 0.25, []
    for _ in range(12):
        place = tuple(rng.integers(size) for size in video.shape)
        scores = []
        for sign in (1, -1):  # by quarters, which float32 holds exactly enough
            moved = np.round(video * 4) / 4
            moved[place] += sign * step
            scores.append(moved.astype(np.float32))
        high, low = head.predict(scores)
        exact.append(((high - low) / (2 * step), place))
    rounded = head.gradient(Examples.of([(np.round(video * 4) / 4).astype(np.float32)])).reshape(
        video.shape
    )
    np.testing.assert_allclose(
        [value for value, _ in exact],
        [rounded[place] for _, place in exact],
        rtol=0.02,
        atol=2e-3 * np.abs(rounded).max(),
    )


def test_entropy_has_no_gradient(videos) -> None:
    head = PoseApEnHead().fit(*videos)
    with pytest.raises(HeadError, match="no gradient by the joints"):
        head.gradient(Examples.of([videos[0][0]]))


@pytest.mark.parametrize(
    ("params", "width", "frames", "problem"),
    [
        ({}, 7, 20, "features of width 7: not x and y"),
        ({}, 2, 20, "features of width 2: not x and y"),
        ({"root_joint": 4}, 8, 20, r"not x and y of joint 4 \(-p root_joint"),
        ({"windows": 6}, 8, 5, "has 5 frames; 6 windows of 1 or more take 6"),
        ({"k": 0}, 8, 20, "k=0 is not a number, 1 or more"),
        ({"root_joint": -1}, 8, 20, "root_joint=-1 is not a number, 0 or more"),
    ],
)
def test_what_is_no_movement_is_refused(params: dict, width: int, frames: int, problem: str):
    with pytest.raises(HeadError, match=problem):
        PoseDCTHead(**params).fit([np.ones((frames, width))] * 5, np.arange(5.0))


def test_entropy_takes_more_frames() -> None:
    with pytest.raises(HeadError, match="has 5 frames; 2 windows of 3 or more take 6"):
        PoseApEnHead(windows=2).fit([np.ones((5, 4))] * 5, np.arange(5.0))
