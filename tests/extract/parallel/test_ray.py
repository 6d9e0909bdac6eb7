"""Extraction on a Ray cluster of three nodes, simulated on this machine: one of them is killed, and
so is the driver; the store is that of one process.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import pytest

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.parallel.messages import check_versions
from aqa.extract.parallel.ray_cluster import check_answers
from aqa.extract.run import extract
from aqa.features.store import FeatureStore

N = 1000
# After so many seconds something has hung, however busy the machine is.
HANGS = 500
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed (extra ray)"
)

# Processes of their own: Ray leaves threads, sockets and warnings behind. The cluster loses a node
# when a file `kill` appears, and ends when a file `stop` does or the tests are gone.
CLUSTER = """
import os, sys, time
from pathlib import Path
from ray.cluster_utils import Cluster

folder, parent = Path(sys.argv[1]), os.getppid()
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
cluster.wait_for_nodes()
print(cluster.address, flush=True)
while not (folder / "stop").exists() and os.getppid() == parent:
    if (folder / "kill").exists() and len(nodes) == 2:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
    time.sleep(0.05)
cluster.shutdown()
"""

DRIVER = """
import os, signal, sys
from pathlib import Path
from aqa.annotations.manifest import Manifest
from aqa.extract.backbones import load_backbone
from aqa.extract.parallel.ray_cluster import RayCluster
from aqa.extract.parallel.ray_pool import RayPool
from aqa.extract.run import extract
from aqa.features.store import FeatureStoreWriter

folder, way, address = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
append, seen = FeatureStoreWriter.append, []

def counting(*args, **more):
    append(*args, **more)
    seen.append(1)
    if len(seen) == 12 and way == "node":
        (folder / "kill").touch()
    if len(seen) == 12 and way == "driver":
        os.kill(os.getpid(), signal.SIGKILL)

FeatureStoreWriter.append = counting
RayPool.waits_for_all = way == "node"  # so that the node that is killed is at work
videos = Manifest.read(folder / "manifest.csv").videos
summary = extract(
    videos, load_backbone("tiny3d"), folder / f"{way}.h5", cluster=RayCluster(address)
)
print(len(summary.done), len(summary.reused), summary.failed)
"""


@pytest.fixture
def workspace(tmp_path: Path, numbered_video: Callable[..., Path]) -> Path:
    # mostly one clip each, which is quicker; one is shorter than a clip, and one has two
    frames = (14, 16, 16, 20)
    names = [numbered_video(n, f"{i}.avi").name for i, n in enumerate(frames)]
    rows = [{"video_id": f"v{i}", "path": names[i % 4], "score": 1} for i in range(N)]
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


@contextmanager
def started(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process, which is ended where the test fails."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def address(workspace: Path) -> Iterator[str]:
    """That of a cluster."""
    with started(CLUSTER, workspace) as cluster:
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        (workspace / "stop").touch()
        cluster.wait(timeout=HANGS)


def drive(workspace: Path, way: str, address: str) -> tuple[str, int | None]:
    """What an extraction on the cluster prints, and its exit code."""
    with started(DRIVER, workspace, way, address) as driver:
        return driver.communicate(timeout=HANGS)[0], driver.returncode


@needs_ray
def test_a_node_that_is_killed_and_a_driver_that_is_killed_lose_nothing(
    workspace: Path, address: str
) -> None:
    told, _ = drive(workspace, "node", address)
    assert told.splitlines()[-1] == f"{N} 0 []"
    assert (workspace / "kill").exists()
    _, code = drive(workspace, "driver", address)
    assert code == -signal.SIGKILL
    videos = Manifest.read(workspace / "manifest.csv").videos
    summary = extract(videos[:40], load_backbone("tiny3d"), workspace / "driver.h5")
    assert (len(summary.reused), len(summary.done)) == (12, 28)
    extract(videos, load_backbone("tiny3d"), workspace / "here.h5")
    with h5py.File(workspace / "here.h5") as here:
        for name in ("node", "driver"):
            with h5py.File(workspace / f"{name}.h5") as there:
                for array in ("videos/id", "features", "clips", "blank", "videos/record_crc32"):
                    found = there[array][()]
                    assert found.tobytes() == here[array][: len(found)].tobytes()
    with FeatureStore.open(workspace / "node.h5") as store:
        assert len(store) == N
        assert store.verify() == []


def test_other_versions_are_refused_with_both_values() -> None:
    wanted = {"aqa": "1.0", "torch": "2.4", "weights": "abc"}
    check_versions(dict(wanted), wanted, "the Ray worker 3 on node7")
    with pytest.raises(
        AqaError, match=r"the Ray worker 3 on node7: torch is 2.5, not 2.4; weights is None, not a"
    ):
        check_versions({"aqa": "1.0", "torch": "2.5"}, wanted, "the Ray worker 3 on node7")


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_an_address_at_which_nobody_listens_is_told_at_once(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{kind}127.0.0.1:{server.getsockname()[1]}"
        check_answers(address)
    with pytest.raises(AqaError, match=f"no Ray cluster .{address}.: Connection refused; start"):
        check_answers(address)
    with pytest.raises(AqaError, match=r"no Ray cluster .*label empty or too long"):
        check_answers(f"{kind}a..b:6379")
    for left_to_ray in ("auto", "local", "127.0.0.1"):
        check_answers(left_to_ray)
