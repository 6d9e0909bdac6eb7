"""All steps from Python: extract, fit, evaluate, score, explain.

    python from_python.py FOLDER NEW_VIDEO

FOLDER holds manifest.csv with a split, and the videos.
"""

import sys

import pandas as pd

import aqa


def main(workspace: str, new_video: str) -> None:
    """Print the features' outcome, two heads' results, and what is said of a new video."""
    extracted = pd.DataFrame(aqa.extract_features("tiny3d", workspace=workspace))
    print(extracted["outcome"].value_counts())

    aqa.fit("svr", {"kernel": "linear"}, workspace=workspace)
    aqa.fit("wd", {"epochs": 20}, workspace=workspace)
    results = pd.DataFrame(aqa.evaluate(workspace=workspace))
    print(results[["head", "split", "spearman", "mse"]])

    (scored,) = aqa.score(new_video, "wd", workspace=workspace)
    print(f"{new_video}: {scored['score']:.1f} points")
    clips = pd.DataFrame(aqa.explain(new_video, "wd", workspace=workspace))
    print(clips[["clip", "start_seconds", "value", "faulty"]])


if __name__ == "__main__":
    main(*sys.argv[1:])
