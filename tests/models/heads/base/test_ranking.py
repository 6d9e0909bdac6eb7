"""Heads that learn who is better: the order comes back, what is held out, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from aqa.models.examples import Examples
from aqa.models.heads import find_head, own_names
from aqa.models.heads.base import HeadError
from aqa.models.heads.base.checks import RANKING_HEADS
from aqa.models.heads.base.ranking import hold_out

# Heads on vectors whose network learns from pairs; `fragments` takes maps, `st-gcn` joints.
RANKING = ("average", "wd", "lstm")


def drawn(n: int = 80, n_pairs: int = 240, seed: int = 0) -> tuple[Examples, np.ndarray]:
    """Videos without scores, pairs by a hidden score, and that score."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=6)
    features = [
        (rng.normal(size=6) + rng.normal(size=(rng.integers(3, 6), 6))).astype(np.float32)
        for _ in range(n)
    ]
    hidden = np.array([video.mean(axis=0) @ weights for video in features])
    ends = np.array([rng.choice(n, 2, replace=False) for _ in range(n_pairs)])
    pairs = np.where((hidden[ends[:, 0]] > hidden[ends[:, 1]])[:, None], ends, ends[:, ::-1])
    ids = tuple(f"v{i}" for i in range(n))
    return Examples(ids, features, np.full(n, np.nan), pairs=pairs), hidden


@pytest.mark.parametrize(
    ("name", "loss"), [*((name, "pair-margin") for name in RANKING), ("average", "bradley-terry")]
)
def test_the_hidden_order_comes_back(name: str, loss: str) -> None:
    every, hidden = drawn(110, 300)
    train, tested = every.select(range(80)), slice(80, None)
    head = find_head(name).head_class(loss=loss, epochs=30, patience=10)
    head.fit_examples(train)
    rank = head.predict_examples(every)
    assert spearmanr(rank[tested], hidden[tested])[0] > 0.8
    assert rank[:80].mean() == pytest.approx(0, abs=1e-5)
    assert rank[:80].std() == pytest.approx(1, abs=1e-5)


def test_the_saved_head_ranks_as_before() -> None:
    train, _ = drawn(30, 60)
    make = find_head("average").head_class
    head = make(loss="pair-margin", epochs=5).fit_examples(train)
    again = make(loss="pair-margin", epochs=5).restore(head.state())
    np.testing.assert_array_equal(head.predict_examples(train), again.predict_examples(train))


def test_training_stops_by_pairs_with_a_held_out_video() -> None:
    train, _ = drawn(40, 100)
    head = find_head("average").head_class(loss="pair-margin", epochs=3, refit=False)
    head.fit_examples(train)
    assert len(head.held_out) == 6
    assert list(head.unseen) == list(head.held_out)
    assert all("val_loss" in row for row in head.history_)
    # What the held-out videos show cannot have moved the network.
    out = set(head.held_out.tolist())
    assert train.pairs is not None
    features = [x + 5 * (i in out) for i, x in enumerate(train.features)]
    other = find_head("average").head_class(
        loss="pair-margin", epochs=3, refit=False, standardise=False
    )
    same = replace(other)
    other.fit_examples(train)
    same.fit_examples(replace(train, features=features))
    first = [row["train_loss"] for row in other.history_]
    assert first == [row["train_loss"] for row in same.history_]


def test_what_is_held_out_parts_the_pairs() -> None:
    train, _ = drawn(40, 100)
    assert train.pairs is not None
    out, stopping = hold_out(train.pairs, 0.15, 0)
    assert len(out) == 6
    assert not np.isin(train.pairs[~stopping], out).any()
    assert np.isin(train.pairs[stopping], out).any(axis=1).all()
    assert len(hold_out(train.pairs, 0.0, 0)[0]) == 0
    out, stopping = hold_out(np.array([[0, 1]]), 0.5, 0)
    assert (len(out), stopping.any()) == (0, False)


def test_given_validation_pairs_stop_the_training() -> None:
    train, _ = drawn(30, 60)
    head = find_head("average").head_class(loss="pair-margin", epochs=4)
    head.fit_examples(train, drawn(10, 20, seed=1)[0])
    assert len(head.held_out) == 0
    assert len(head.history_) == 4
    assert all("val_loss" in row for row in head.history_)


def test_chosen_videos_keep_the_pairs_among_them() -> None:
    train, _ = drawn(5, 1)
    pairs = np.array([[0, 1], [3, 2], [4, 0], [2, 4]])
    chosen = replace(train, pairs=pairs).select([4, 2, 0])
    assert chosen.pairs is not None
    assert chosen.pairs.tolist() == [[0, 2], [1, 0]]
    assert train.select([0]).pairs is not None


def test_a_loss_of_pairs_takes_pairs_and_no_scores() -> None:
    train, hidden = drawn(20, 30)
    make = find_head("average").head_class
    with pytest.raises(HeadError, match="none are given: fit with --target pairs"):
        make(loss="pair-margin").fit_examples(replace(train, scores=hidden, pairs=None))
    with pytest.raises(HeadError, match="no pair of two of the 20 videos"):
        make(loss="pair-margin").fit_examples(replace(train, pairs=np.zeros((0, 2), int)))
    with pytest.raises(HeadError, match="loss=pair-margin has no scores to centre"):
        make(loss="pair-margin", centre_scores=True).fit_examples(train)
    with pytest.raises(HeadError, match="loss=bradley-terry learns from pairs"):
        make(loss="bradley-terry").objective(1.0)
    with pytest.raises(HeadError, match="loss=pair-margin is not one of mse, l1"):
        find_head("gdlt").head_class(loss="pair-margin").fit_examples(train)


def test_which_heads_learn_from_pairs() -> None:
    takes = [name for name in own_names() if find_head(name).head_class().takes_pairs]
    assert takes == sorted([*RANKING, "fragments", "st-gcn", "svr"])
    assert f"{', '.join(takes[:-1])} and {takes[-1]}" == RANKING_HEADS
    assert not find_head("lstm").head_class(label="incremental").takes_pairs


def test_fragments_learn_from_pairs_of_maps() -> None:
    rng = np.random.default_rng(0)
    levels = rng.normal(size=16)
    maps = [(rng.normal(size=(2, 3, 1, 2, 2)) + level).astype(np.float32) for level in levels]
    pairs = np.array([(i, j) for i in range(16) for j in range(16) if levels[i] > levels[j]])
    train = Examples(tuple("abcdefghijklmnop"), maps, np.full(16, np.nan), pairs=pairs)
    head = find_head("fragments").head_class(
        loss="pair-margin", epochs=8, channels=4, hidden=8, dropout=0.0, lr=0.01
    )
    rank = head.fit_examples(train).predict_examples(train)
    assert spearmanr(rank, levels)[0] > 0.8
