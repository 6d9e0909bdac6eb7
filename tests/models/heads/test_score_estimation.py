from __future__ import annotations

import copy
import dataclasses
import sys

import numpy as np
import pytest
import torch

from aqa.errors import AqaWarning
from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.base.exemplars import choose_exemplars
from aqa.models.heads.base.ridge import solve_exact
from aqa.models.heads.score_estimation import ScoreEstimationHead
from aqa.models.heads.siamese import SiameseHead

QUICK = {"epochs": 20, "hidden": 16, "device": "cpu", "lr": 0.01}


def fit(performances, rows=slice(45), **params):
    train = performances.part(rows)
    return ScoreEstimationHead(**QUICK | params).fit(train.x, train.y, id=train.id, type=train.type)


@pytest.fixture(scope="module")
def fitted(performances):
    return fit(performances)


class TestExemplars:
    SCORES = np.array([90.0, 80, 95, 95, 20, 30])
    TYPES = ("A", "A", "B", "B", "B", "A")

    @pytest.mark.parametrize(
        ("worst", "count", "expected"),
        [
            (False, 1, {"A": [0], "B": [2, 3]}),  # ties at the maximum are all experts
            (True, 1, {"A": [5], "B": [4]}),
            (False, 2, {"A": [0, 1], "B": [2, 3]}),
            (False, 9, {"A": [0, 1, 5], "B": [2, 3, 4]}),
        ],
    )
    def test_choice(self, worst, count, expected):
        chosen = choose_exemplars(self.SCORES, self.TYPES, worst=worst, count=count)
        assert {label: own.tolist() for label, own in chosen.items()} == expected

    def test_best_of_each_type_by_default(self, fitted, performances):
        for name, label in zip(fitted.ids_of_exemplars, fitted.types_of_exemplars, strict=True):
            own = [i for i in range(45) if performances.type[i] == label]
            best = max(own, key=lambda i: performances.y[i])
            assert name == performances.id[best]

    def test_constant_is_one_for_all(self, performances):
        head = fit(performances, exemplar="constant", constant_type="B", epochs=1)
        own = [i for i in range(45) if performances.type[i] == "B"]
        assert head.ids_of_exemplars == [performances.id[max(own, key=lambda i: performances.y[i])]]
        assert head.chosen["exemplars"] == {"every type": head.ids_of_exemplars}

    def test_those_of_test_videos_are_owned_up_to(self, performances):
        train, test = performances.part(slice(45)), performances.part(slice(45, None))
        head = ScoreEstimationHead(**QUICK | {"epochs": 1}, exemplar_from="all")
        assert head.also_shown == ("val", "test")
        others = (test.x, test.y, {"id": test.id, "type": test.type})
        head.fit(train.x, train.y, id=train.id, type=train.type, others=others)
        best = choose_exemplars(performances.y, performances.type, worst=False, count=1)
        assert head.ids_of_exemplars == [performances.id[i] for own in best.values() for i in own]
        shown = {name for name in head.ids_of_exemplars if name in test.id}
        assert shown <= set(head.learned_from_others) <= set(test.id)  # spare ones too


def test_a_prediction_is_the_linear_layer_on_the_frozen_activations(performances):
    fitted = fit(performances, score_networks=0)
    metric = SiameseHead(**QUICK).fit(
        performances.x[:45], performances.y[:45], type=performances.type[:45]
    )
    state, own = metric.state(), fitted.state()
    for name in state:
        if name != "held_out":
            np.testing.assert_array_equal(own[name], state[name])
    video, label = performances.x[50], performances.type[50]
    exemplar = performances.x[
        performances.id.index(fitted.ids_of_exemplars[fitted.types_of_exemplars.index(label)])
    ]
    net = metric.net_
    with torch.no_grad():
        ends = []
        for sequence in (exemplar, video):
            scaled = (sequence - metric.centre_) / metric.scale_
            _, (end, _) = net.lstm(torch.as_tensor(scaled, dtype=torch.float32)[None])
            ends.append(end[0, 0])
        z = torch.relu(net.d2(torch.relu(net.d1(torch.cat(ends))))).double().numpy()
    expected = z @ fitted.weights_ + fitted.intercept_
    assert fitted.predict([video], type=[label])[0] == pytest.approx(expected, abs=1e-3)


def test_several_exemplars_are_averaged(performances):
    head = fit(performances, exemplars=3, epochs=2, score_networks=0)
    x, types = performances.x[45:], performances.type[45:]
    both = head.predict(x, type=types)
    first = np.repeat(
        [np.flatnonzero(np.array(head.types_of_exemplars) == t) for t in types[:1]], 1
    )
    rows = [
        head.activations(x[:1], np.array([k]), np.array([0])) @ head.weights_ + head.intercept_
        for k in first.ravel()
    ]
    assert len(rows) == 3
    assert both[0] == pytest.approx(np.mean(rows), abs=1e-4)


def test_a_metric_learned_before_gives_the_same_head(fitted, performances):
    train = performances.part(slice(45))
    metric = SiameseHead(**QUICK).fit(train.x, train.y, type=train.type)
    restored = SiameseHead(**QUICK).restore(metric.state())
    head = ScoreEstimationHead(**QUICK).fit(
        train.x, train.y, id=train.id, type=train.type, start=restored
    )
    np.testing.assert_array_equal(
        head.predict(performances.x, type=performances.type),
        fitted.predict(performances.x, type=performances.type),
    )


def test_a_metric_of_another_width_is_taken_over(performances):
    train = performances.part(slice(45))
    metric = SiameseHead(**QUICK | {"hidden": 5}).fit(train.x, train.y, type=train.type)
    head = ScoreEstimationHead(**QUICK).fit(
        train.x, train.y, id=train.id, type=train.type, start=metric
    )
    restored = ScoreEstimationHead(**QUICK).restore(head.state())
    expected = head.predict(performances.x, type=performances.type)
    np.testing.assert_array_equal(
        restored.predict(performances.x, type=performances.type), expected
    )


@pytest.mark.parametrize("ridge", [0.1, None])
def test_both_solvers_agree(performances, ridge):
    exact, iterative = (
        fit(performances, solver=solver, ridge=ridge, epochs=3) for solver in ("exact", "iterative")
    )
    x, types = performances.x, performances.type
    np.testing.assert_allclose(
        exact.predict(x, type=types),
        iterative.predict(x, type=types),
        atol=0.05 if ridge else 1.0,  # of a spread of 10: a small ridge is slow by gradient descent
    )


@pytest.mark.parametrize("params", [{"metric": "none"}, {}, {"finetune": True}])
def test_all_layers_can_learn_the_score(performances, params):
    head = fit(performances, epochs=30, **params)
    test = performances.part(slice(45, None))
    predicted = head.predict(test.x, type=test.type)
    assert np.corrcoef(predicted, test.y)[0, 1] > 0.9
    assert head.history_[-1]["phase"] == "all layers"
    restored = ScoreEstimationHead(**dataclasses.asdict(head)).restore(head.state())
    np.testing.assert_array_equal(restored.predict(test.x, type=test.type), predicted)
    assert len(restored.score_nets_) == (0 if params.get("metric") == "none" else 2)
    if params.get("metric") == "none":
        with pytest.raises(HeadError, match="no similarity"):
            head.explain(Examples.of(test.x[:1], blank=test.blank, type=test.type[:1]))


@pytest.mark.parametrize("finetune", [True, False])
def test_scores_are_learned_apart_from_the_metric_and_its_feedback(performances, finetune):
    train, test = performances.part(slice(45)), performances.part(slice(45, None))
    given = Examples.of(train.x, train.y, blank=train.blank, id=train.id, type=train.type)
    tuned, frozen = (
        ScoreEstimationHead(**QUICK | {"epochs": 3}, **params).fit_examples(given)
        for params in ({"finetune": finetune}, {"score_networks": 0})
    )
    for name, tensor in frozen.net_.state_dict().items():
        assert torch.equal(tensor, tuned.net_.state_dict()[name])
    one = Examples.of(test.x[:1], blank=test.blank, type=test.type[:1])
    np.testing.assert_array_equal(tuned.explain(one).values, frozen.explain(one).values)
    assert not np.allclose(
        tuned.predict(test.x, type=test.type), frozen.predict(test.x, type=test.type)
    )


def test_several_networks_are_averaged(performances):
    head = fit(performances, epochs=3, score_networks=2)
    x, types = performances.x[45:], performances.type[45:]
    single = []
    for net in head.score_nets_:
        one = copy.copy(head)
        one.score_nets_ = [net]
        single.append(one.predict(x, type=types))
    assert not np.allclose(*single)
    np.testing.assert_allclose(head.predict(x, type=types), np.mean(single, axis=0))


def test_a_run_saved_when_finetuning_changed_the_metric_gives_no_feedback(performances):
    head = fit(performances, epochs=2, score_networks=0)
    assert head.gives == ("clips",)
    before = ScoreEstimationHead(**dataclasses.asdict(head) | {"finetune": True})
    before.restore(head.state())
    assert before.gives == ()
    x, types = performances.x[45:], performances.type[45:]
    np.testing.assert_array_equal(before.predict(x, type=types), head.predict(x, type=types))


def test_finetuning_starts_where_the_last_layer_was_solved(performances):
    solved = fit(performances, epochs=2, score_networks=0)
    # The metric is learned at this rate too, so it is taken over instead.
    train = performances.part(slice(45))
    metric = SiameseHead(**QUICK | {"epochs": 2}).fit(train.x, train.y, type=train.type)
    tuned = ScoreEstimationHead(
        **QUICK | {"epochs": 2, "lr": 1e-12}, finetune=True, score_networks=1
    ).fit(train.x, train.y, id=train.id, type=train.type, start=metric)
    x, types = performances.x, performances.type
    np.testing.assert_allclose(
        tuned.predict(x, type=types), solved.predict(x, type=types), atol=1e-3
    )


def test_exemplars_need_not_be_learned_from_beside_themselves(performances):
    head = fit(performances, epochs=1)
    assert np.isfinite(head.predict(performances.x, type=performances.type)).all()
    one_each = performances.part(slice(3))
    with pytest.raises(HeadError, match="no two training videos"):
        ScoreEstimationHead(**QUICK, pairing="within").fit(
            one_each.x, one_each.y, type=one_each.type
        )


def test_an_exemplar_is_scored_beside_the_next_best(performances):
    """Its own score would be known where it is compared with itself."""
    fitted = fit(performances, epochs=1, score_networks=0)
    for name, label in zip(fitted.ids_of_exemplars, fitted.types_of_exemplars, strict=True):
        own = [i for i in range(45) if performances.type[i] == label]
        best, next_best = sorted(own, key=lambda i: -performances.y[i])[:2]
        assert name == performances.id[best]
        video = performances.x[best : best + 1]
        others = [performances.x[next_best], video[0]]
        z = fitted.join(fitted.embed(others), np.array([0]), np.array([1]))
        expected = z[0] @ fitted.weights_ + fitted.intercept_
        assert fitted.predict(video, type=[label])[0] == pytest.approx(expected, abs=1e-3)
        with_itself = fit(performances, epochs=1, self_rows=True)
        first, _ = with_itself.meet(video, [label])
        assert first.tolist() == [fitted.types_of_exemplars.index(label)]


@pytest.mark.parametrize("metric", ["learned", "none"])
def test_the_last_layer_before_the_refit_has_not_seen_the_held_out(performances, metric):
    head = fit(performances, metric=metric, epochs=2, ridge=0.1)
    assert len(head.held_out) == round(0.15 * 45)
    before, x, types = head.before_refit(), performances.x[:45], performances.type[:45]
    assert not np.array_equal(before.predict(x, type=types), head.predict(x, type=types))
    if metric == "learned":
        first, second = before.meet(x, types, warn=False)
        rows = ~np.isin(second, head.held_out)
        z = before.activations(x, first[rows], second[rows])
        weights, intercept = solve_exact(z, performances.y[second[rows]], 0.1)
        np.testing.assert_allclose(before.weights_, weights, atol=1e-6)
        assert before.intercept_ == pytest.approx(float(intercept))


def test_the_metric_is_learned_on_the_most_frequent_types_only(performances):
    train = performances.part(slice(45))
    # A: 20 videos, B: 15, C: 10.
    types = [("A" if i % 9 == 2 else t) for i, t in enumerate(train.type)]
    columns = {"id": train.id, "type": types}
    head = ScoreEstimationHead(**QUICK, metric_types=2).fit(train.x, train.y, **columns)
    rows = [i for i, label in enumerate(types) if label in "AB"]
    metric = SiameseHead(**QUICK).fit(
        [train.x[i] for i in rows], train.y[rows], type=[types[i] for i in rows]
    )
    for name, value in metric.state().items():
        if name != "held_out":
            np.testing.assert_array_equal(head.state()[name], value)
    assert set(head.types_of_exemplars) == {"A", "B", "C"}
    assert np.isfinite(head.predict(train.x, type=types)).all()


class TestTypes:
    def test_an_unknown_type_meets_every_exemplar_with_a_warning(self, fitted, performances):
        x = performances.x[50:52]
        with pytest.warns(AqaWarning, match=r"1 of 2 videos .* \(Z\): compared with"):
            predicted = fitted.predict(x, type=["Z", "A"])
        known = [fitted.predict(x[:1], type=[t])[0] for t in "ABC"]
        assert predicted[0] == pytest.approx(np.mean(known), abs=1e-4)

    def test_so_does_a_video_without_a_type(self, fitted, performances):
        with pytest.warns(AqaWarning, match=r"\(no type\)"):
            fitted.predict(performances.x[:1])

    def test_an_untyped_dataset_is_of_one_type(self, performances):
        train = performances.part(slice(30))
        head = ScoreEstimationHead(**QUICK | {"epochs": 1}).fit(train.x, train.y)
        assert head.types_of_exemplars == [""]
        assert np.isfinite(head.predict(train.x, type=["anything"] * 30)).all()

    def test_with_one_type_a_video_without_one_is_of_it(self, performances):
        train = performances.part(slice(30))
        head = ScoreEstimationHead(**QUICK | {"epochs": 1}).fit(train.x, train.y, type=["A"] * 30)
        np.testing.assert_array_equal(head.predict(train.x), head.predict(train.x, type=["A"] * 30))
        with pytest.warns(AqaWarning, match=r"\(B\)"):
            head.predict(train.x[:1], type=["B"])


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"exemplars": 0}, "exemplars=0 is not a number, 1 or more"),
        ({"ridge": -1.0}, "ridge=-1.0 is not a number, 0 or more"),
        ({"exemplar": "constant", "constant_type": "Z"}, "constant_type='Z' .* known: A, B, C"),
        ({"metric": "none", "finetune": True}, "leave out metric=none"),
        ({"score_networks": 0, "finetune": True}, "leave out .* score_networks=0"),
        ({"metric": "none", "metric_types": 3}, "leave out metric_types"),
        ({"exemplar_from": "all"}, "takes the split's test videos"),
    ],
)
def test_what_cannot_be_fitted_is_named(performances, params, problem):
    with pytest.raises(HeadError, match=problem):
        fit(performances, **params)


def test_a_metric_of_other_features_is_refused(performances):
    metric = SiameseHead(**QUICK | {"epochs": 1}).fit(
        [sequence[:, :4] for sequence in performances.x], performances.y
    )
    with pytest.raises(HeadError, match="features of 4 values per clip, these have 6"):
        ScoreEstimationHead(**QUICK).fit(performances.x, performances.y, start=metric)


class TestExplanation:
    @pytest.mark.parametrize("exemplars", [1, 2])
    def test_each_clip_is_compared_as_the_paper_says(self, performances, exemplars):
        head = fit(performances, exemplars=exemplars, epochs=5)
        video, label = performances.x[51], performances.type[51]
        found = head.explain(Examples.of([video], blank=performances.blank, type=[label]))
        own = [
            features
            for features, kind in zip(
                head.features_of_exemplars, head.types_of_exemplars, strict=True
            )
            if kind == label
        ]
        metric = SiameseHead(**QUICK)
        metric.net_, metric.centre_, metric.scale_ = head.net_, head.centre_, head.scale_
        metric.held_out_, metric.learned_clips_ = np.arange(0), head.learned_clips_
        for j in range(len(video)):
            chances = []
            for exemplar in own:
                k = min(j, len(exemplar) - 1)
                pair = [
                    np.stack([*[performances.blank] * k, exemplar[k]]),
                    np.stack([*[performances.blank] * j, video[j]]),
                ]
                chances.append(
                    metric.similarity(Examples.of(pair), np.array([0]), np.array([1]))[0]
                )
            assert found.values[j] == pytest.approx(np.mean(chances), abs=1e-5)
        assert found.faulty.tolist() == (found.values < 0.5).tolist()
        assert len(found.matched) == exemplars

    def test_clips_can_be_aligned_first(self, fitted, performances):
        late = np.concatenate([performances.x[50][:1]] * 3 + [performances.x[50]])
        label = performances.type[50]
        by_index, by_dtw = (
            fitted.explain(
                Examples.of([late], blank=performances.blank, type=[label]), align=align
            ).matched
            for align in ("index", "dtw")
        )
        (index,), (dtw,) = by_index.values(), by_dtw.values()
        assert index.tolist() != dtw.tolist()
        assert (np.diff(dtw) >= 0).all()

    def test_clips_at_fault_are_found_from_scores_alone(self):
        """A clip in seven shows a fault, which costs 20 points; nobody says which."""
        rng = np.random.default_rng(5)
        faulty = rng.uniform(size=(60, 6)) < 0.15
        faulty[:3] = False
        x = rng.normal(scale=0.3, size=(60, 6, 4)).astype(np.float32)
        x[..., 0] += faulty
        x[..., 1] += np.arange(6) / 3
        scores, blank = 90.0 - 20 * faulty.sum(axis=1), np.full(4, -1, np.float32)
        head = ScoreEstimationHead(**QUICK | {"epochs": 60, "learn_clips": True})
        head.fit(list(x[:40]), scores[:40], blank=blank)
        said = np.stack(
            [head.explain(Examples.of([video], blank=blank)).faulty for video in x[40:]]
        )
        truth = faulty[40:]
        assert (said & truth).sum() > 0.8 * truth.sum()
        assert (said & truth).sum() > 0.8 * said.sum()

    def test_without_a_blank_response_there_is_none(self, fitted, performances):
        with pytest.raises(HeadError, match="response to a blank clip"):
            fitted.explain(Examples.of(performances.x[:1], type=["A"]))


def test_the_ridge_is_chosen_by_folds_of_whole_videos(performances, monkeypatch):
    """A video that meets several exemplars has a row for each; all of them are in one fold."""
    seen = []
    head = ScoreEstimationHead(**QUICK, exemplars=3)
    module = sys.modules[type(head).__module__]

    def spied(z, y, groups):
        seen.append(np.stack([groups, y]))
        return 0.1

    monkeypatch.setattr(module, "choose_ridge", spied)
    y = np.arange(60.0)
    head.fit(performances.x, y, type=performances.type)
    _, (groups, targets) = seen  # without the held-out videos, then with them
    assert len(groups) == 3 * 60
    pairs = set(zip(groups.tolist(), targets.tolist(), strict=True))
    assert len(pairs) == len(set(groups.tolist())) == len(set(targets.tolist())) == 60
