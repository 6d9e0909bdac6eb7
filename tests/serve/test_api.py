"""The API: what programs send, and what they get."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

from aqa.features.store import FeatureStore


def said(dives: Path, run_aqa, *arguments: str) -> dict:
    return json.loads(run_aqa("-C", str(dives), *arguments, "--json").stdout)


def assert_alike(found: object, wanted: object) -> None:
    """The same but for the last digits, which depend on how many threads a network has."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert_alike(found[name], value)
    elif isinstance(wanted, list):
        assert isinstance(found, list)
        for one, other in zip(found, wanted, strict=True):
            assert_alike(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=2e-3)
    else:
        assert found == wanted


def test_a_video_gets_the_score_of_the_command(client, dives: Path, dive: bytes, run_aqa) -> None:
    wanted = said(dives, run_aqa, "score", "videos/dive_0003.mp4", "--head", "wd")
    for reply in (
        client.send("/v1/score", ("dive.mp4", dive)),
        client.post("/v1/score?name=dive.mp4", dive),
        client.post("/v1/score?name=dive.mp4", dive, "video/mp4"),
    ):
        assert reply.status == 200, reply.body
        answer = reply.json
        model = answer.pop("model")
        assert_alike(answer, {**wanted["scores"][0], "video": "dive.mp4"})
        assert model["runs"][0].pop("run") == "runs/wd/split-1"
        wanted["model"]["runs"][0].pop("run", None)
        assert_alike(model, wanted["model"])


def test_features_get_the_score_of_their_video(client, dives: Path, dive: bytes) -> None:
    with FeatureStore.open(dives / "stores/tiny3d.h5") as store:
        features = store["dive_0003"]
    file = io.BytesIO()
    np.save(file, features)
    text = json.dumps({"features": features.tolist(), "type": "107B"}).encode()
    score = client.send("/v1/score", ("dive.mp4", dive)).json["score"]
    for reply in (
        client.post("/v1/score", file.getvalue(), "application/x-npy"),
        client.post("/v1/score", text, "application/json; charset=utf-8"),
        client.send("/v1/score", ("f.npy", file.getvalue()), field="features"),
    ):
        assert reply.status == 200, reply.body
        assert reply.json["score"] == pytest.approx(score, abs=1e-3)


def test_feedback_is_that_of_the_command(
    client, dives: Path, dive: bytes, tmp_path: Path, run_aqa
) -> None:
    new = tmp_path / "new.mp4"  # of a file that is in the manifest more is known
    new.write_bytes(dive)
    wanted = said(dives, run_aqa, "feedback", str(new), "--head", "wd")
    reply = client.send("/v1/feedback", ("dive.mp4", dive))
    assert reply.status == 200, reply.body
    assert_alike(reply.json["clips"], wanted["clips"])
    assert reply.json["video"] == "dive.mp4"


def test_it_says_what_it_serves(client) -> None:
    (model,) = client.get("/v1/models").json["models"]
    assert model["head"] == "wd"
    assert model["training_videos"] == 6
    assert client.get("/healthz").json == {"status": "ok"}


def test_metrics_are_as_prometheus_reads_them(client, dive: bytes) -> None:
    client.send("/v1/score", ("dive.mp4", dive))
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in reply.body.decode().splitlines():
        if not line.startswith("#"):
            found = re.fullmatch(r'([a-z_]+(?:\{(?:[a-z]+="[^"]*",?)+\})?) ([0-9.e+-]+)', line)
            assert found, line
            values[found[1]] = float(found[2])
    assert values['aqa_jobs_total{kind="score",status="200"}'] >= 1
    assert values['aqa_job_seconds_count{kind="score"}'] == pytest.approx(
        values['aqa_job_seconds_bucket{kind="score",le="+Inf"}']
    )
    assert values["aqa_worker_ready"] == 1


def test_the_api_is_described_without_a_network(client) -> None:
    described = client.get("/openapi.json").json
    assert set(described["paths"]) == {
        *("/v1/score", "/v1/feedback", "/v1/models", "/healthz", "/metrics"),
    }
    kinds = set(described["paths"]["/v1/score"]["post"]["requestBody"]["content"])
    assert {"multipart/form-data", "application/x-npy", "application/json"} <= kinds
    page = client.get("/docs")
    assert page.status == 200
    assert "POST /v1/score" in page.body.decode()
    assert "//" not in re.sub(r"<pre>.*?</pre>", "", page.body.decode())


def test_answers_are_strict_with_browsers(client) -> None:
    for path in ("/", "/v1/models", "/nothing"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_a_report_is_made_listed_and_deleted(client, dive: bytes) -> None:
    state = client.report(("my dive.mp4", dive), ("no dive.mp4", b"nothing"), type="107B")
    assert state["state"] == "done", state
    name = state["report"]
    page = client.get(f"/reports/{name}")
    text = page.body.decode()
    assert "my dive.mp4" in text
    assert "<strong>no dive.mp4</strong>: not a video that can be decoded" in text
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts")
    (listed,) = (one for one in client.get("/reports").json if one["name"] == name)
    assert [video["name"] for video in listed["videos"]] == ["my dive.mp4"]
    assert name in client.get("/").body.decode()
    assert client.ask("DELETE", f"/reports/{name}").status == 204
    assert client.get(f"/reports/{name}").status == 404
    assert client.ask("DELETE", f"/reports/{name}").status == 404
    assert list(client.uploads.iterdir()) == []
