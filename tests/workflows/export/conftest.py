"""What the tests of exported files share."""

from __future__ import annotations

from pathlib import Path

import pytest

MISSING = "the extra is not installed: pip install 'aqa-toolkit[export]'"


@pytest.fixture(scope="session")
def onnx_file(dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fitted wd on drawn dives, exported by the command."""
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed, reason=MISSING)
    from click.testing import CliRunner

    from aqa.cli import main

    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    command = ["export", str(dives / "runs" / "wd" / "split-1"), "-o", str(path)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "largest drift from PyTorch" in result.output
    assert f"written to {path}" in result.output
    return path
