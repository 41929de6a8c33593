"""`warm_start`: earlier sweeps as prior data, in whole sweeps under a virtual clock."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import sweeps
from sweeps.errors import CorruptStudyError, RefusedError, UsageError
from sweeps.verify import verify
from tests.cli.commands import sweep

CURVES = '''
import math

import numpy as np

import sweeps


def factory(at=0.75):
    """The best lies at x = at, y = 0.2; z matters little."""

    def curve(config, seed, epochs):
        x, y, z = config.get("x", 0.5), config.get("y", 0.2), config.get("z", 0.5)
        off = 4 * (x - at) ** 2 + 2 * (y - 0.2) ** 2 + 0.1 * (z - 0.5) ** 2
        t = np.arange(1, epochs + 1)
        losses = 0.02 + off + 0.5 * np.exp(-t / (1 + 2 * y))
        noise = np.random.default_rng(seed).normal(0, 0.02, epochs)
        return sweeps.Curve({"val_loss": list(losses * np.exp(noise)), "other": -losses}, [60.0] * epochs)

    return curve


def bowl(at=0.75):
    def curve(config, seed, epochs):
        off = sum((config[name] - at) ** 2 for name in "abcdef")
        losses = 0.01 + off + np.exp(-2.0 * np.arange(1, epochs + 1))
        return sweeps.Curve({"val_loss": losses}, [60.0] * epochs)

    return curve


def other_bowl():
    return bowl(at=0.1)


def elsewhere():
    return factory(at=0.1)
'''
SPEC = {
    "version": 1,
    "name": "sweep",
    "train": "none:train",
    "engine": "simulated",
    "epochs": 9,
    "parameters": {
        "x": {"min": 0.0, "max": 1.0},
        "y": {"min": 0.0, "max": 1.0},
        "z": {"min": 0.0, "max": 1.0},
    },
    "sampler": "multifidelity",
    "pruner": "multifidelity",
    "canary": False,
    "budget": {"trials": 16},
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a sweep of that ``name`` with other ``keys``, its results in the folder ``name``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_curves.py").write_text(CURVES)

    def run(name: str, curves: str = "factory", **keys) -> sweeps.Results:
        spec = SPEC | {"name": name, "curves": f"my_curves.py:{curves}"} | keys
        (tmp_path / f"{name}.yaml").write_text(json.dumps(spec))
        return sweeps.run(f"{name}.yaml", results=tmp_path)

    return run


def params(results: sweeps.Results) -> list[dict[str, float]]:
    columns = {name: name[7:] for name in results.trials if name.startswith("params.")}
    return results.trials[list(columns)].rename(columns=columns).to_dict("records")


def best_of(results: sweeps.Results) -> dict[str, float]:
    return params(results)[int(results.trials["metric"].argmin())]


def test_a_sweep_of_the_same_kind_says_where_to_search_and_a_misleading_one_does_no_harm(run):
    six = {"parameters": {name: {"min": 0.0, "max": 1.0} for name in "abcdef"}, "pruner": "none", "epochs": 4}
    found: dict[str, list[float]] = {"bowl": [], "other_bowl": [], "": []}
    for seed in range(2):
        for kind, best in found.items():
            if kind:
                run(f"{kind}{seed}", kind, seed=10 + seed, **six, budget={"trials": 24})
            earlier = [f"{kind}{seed}"] if kind else []
            new = run(f"after_{kind}{seed}", "bowl", warm_start=earlier, seed=seed, **six)
            best.append(new.trials["metric"].min())
    same, misleading, without = (sum(best) - 0.02 for best in found.values())  # there is none below 0.01
    assert same < 0.5 * without and misleading < 1.5 * without


def test_the_best_of_it_are_tried_first_after_what_is_enqueued(run):
    old = run("old", sampler="random", seed=1, budget={"trials": 6})
    mine = {"x": 0.1, "y": 0.2, "z": 0.3}
    short = {"sampler": "random", "enqueue": [mine], "budget": {"trials": 5}}
    new, plain = run("new", warm_start=["old"], **short), run("plain", **short)
    ranked = old.trials.sort_values("metric").index
    assert params(new)[:3] == [mine, *(params(old)[i] for i in ranked[:2])]
    assert params(new)[3:] == params(plain)[3:]
    assert "warm_start: 6 of 6 trials taken from old" in new.notes


def test_several_sweeps_take_turns_and_a_text_is_a_list_of_one(run):
    olds = [run(f"old{seed}", sampler="random", seed=seed, budget={"trials": 4}) for seed in range(3)]
    new = run("new", warm_start=["old0", "old1", "old2"], budget={"trials": 12})
    assert params(new)[:3] == [best_of(old) for old in olds]
    one = run("one", warm_start="old1", budget={"trials": 2})
    assert one.spec.warm_start == ("old1",) and params(one)[0] == best_of(olds[1])


def test_the_first_ones_are_not_next_to_each_other(run):
    old = run("old", sampler="multifidelity", budget={"trials": 30})
    ranked = old.trials.sort_values("metric", kind="stable")[["params.x", "params.y", "params.z"]].to_numpy()
    assert abs(ranked[1] - ranked[0]).max() < 0.05  # it had converged
    first, second = (np.array(list(each.values())) for each in params(run("new", warm_start=["old"]))[:2])
    assert (first == ranked[0]).all() and abs(second - first).max() > 0.05


def test_a_parameter_that_is_new_is_searched_from_the_old_best_on(run):
    two = {"parameters": {name: SPEC["parameters"][name] for name in ("x", "y")}}
    old = run("old", **two)
    new = run("new", warm_start=["old"], budget={"trials": 12})
    first, best = params(new)[0], best_of(old)
    assert (first["x"], first["y"]) == (best["x"], best["y"]) and 0 <= first["z"] <= 1
    assert abs(best_of(new)["x"] - 0.75) < 0.15
    known = run("known", **two, fixed={"z": 0.25}, budget={"trials": 4})
    from_known = run("from_known", warm_start=["known"], budget={"trials": 1})
    assert params(from_known) == [{**best_of(known), "z": 0.25}]


def test_what_lies_outside_of_the_space_or_is_searched_no_longer_is_left_out(run):
    old = run("old", sampler="random", budget={"trials": 12})
    narrow = {"parameters": {"x": {"min": 0.5, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}}
    new = run("new", warm_start=["old"], **narrow, budget={"trials": 2})
    inside = [i for i, each in enumerate(params(old)) if each["x"] >= 0.5]
    best = min(inside, key=lambda i: old.trials["metric"][i])
    assert 0 < len(inside) < 12 and f"{len(inside)} of 12 trials" in new.notes[0]
    assert params(new)[0] == {name: params(old)[best][name] for name in ("x", "y")}


def test_resumed_it_goes_on_as_if_never_cut_short_though_the_old_folder_is_gone(run, tmp_path):
    run("old")
    whole = run("whole", warm_start=["old"])
    run("cut", warm_start=["old"], budget={"trials": 10})
    shutil.rmtree(tmp_path / "old")
    resumed = sweeps.resume(tmp_path / "cut", {"budget.trials": 16})
    assert params(resumed) == params(whole)
    assert "warm_start: 16 of 16 trials taken from old" in resumed.notes
    again = sweeps.run("whole.yaml", results=tmp_path)
    assert params(again) == params(whole)


def test_of_several_metrics_the_one_of_this_sweep_counts(run):
    by_both = [{"name": "other", "goal": "minimize"}, {"name": "val_loss", "goal": "minimize"}]
    old = run("old", metric=by_both, sampler="random", pruner="none", budget={"trials": 6})
    new = run("new", warm_start=["old"], sampler="random", budget={"trials": 1})
    best = old.epochs.groupby("number")["val_loss"].min().idxmin()
    assert best != old.best.number and params(new)[0] == params(old)[best]


def test_a_sweep_may_start_anew_from_its_own_former_self(run, tmp_path):
    old = run("self", budget={"trials": 4})
    new = sweeps.run("self.yaml", {"warm_start": ["self"]}, results=tmp_path, fresh=True)
    assert params(new)[0] == best_of(old)


def test_an_edited_space_keeps_what_of_it_is_inside(run, tmp_path):
    run("old")
    run("new", warm_start=["old"], budget={"trials": 9})
    edited = json.loads((tmp_path / "new.yaml").read_text())
    edited["parameters"] |= {"x": {"min": 0.6, "max": 1.0}, "w": {"values": ["a", "b", "c"]}}
    (tmp_path / "edited.yaml").write_text(json.dumps(edited | {"budget": {"trials": 14}}))
    results = sweeps.resume(tmp_path / "new", edit=tmp_path / "edited.yaml")
    assert len(results.trials) == 14 and all(results.trials["params.x"][9:] >= 0.6)
    (tmp_path / "edited.yaml").write_text(json.dumps(edited | {"warm_start": []}))
    with pytest.raises(RefusedError, match=r'warm_start: \["old"\] -> \[\] .*taken when the sweep began'):
        sweeps.resume(tmp_path / "new", edit=tmp_path / "edited.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({}, {"warm_start": ["none"]}, "none must be the results folder of an earlier sweep"),
        ({"metric": {"name": "other", "goal": "minimize"}}, {}, "this sweep's metric (val_loss, minimize)"),
        ({"metric": {"name": "val_loss", "goal": "maximize"}}, {}, "is by val_loss (maximize)"),
        ({}, {"parameters": {"a": {"min": 1, "max": 3}}}, "no parameter in common (it has x, y, z)"),
        ({}, {"parameters": {"x": {"min": 5, "max": 9}}}, "all 2 have values of x outside of it"),
    ],
)
def test_what_is_of_no_use_is_refused_before_anything_is_written(run, tmp_path, old, new, message):
    run("old", **old, sampler="random", budget={"trials": 2})
    keys = {"warm_start": ["old"], "sampler": "random"} | new
    with pytest.raises(UsageError) as error:
        run("new", "elsewhere", **keys)
    assert message in str(error.value) and not (tmp_path / "new").exists()


def test_an_earlier_sweep_is_named_once(run, tmp_path):
    run("old", sampler="random", budget={"trials": 2})
    (tmp_path / "link").symlink_to(tmp_path / "old")
    for twice, named in (["old", "old"], "named twice"), (["old", "link"], "named as old and as link"):
        with pytest.raises(UsageError, match=f"must be named once, and .*old is {named}: leave one out"):
            run("new", warm_start=twice, budget={"trials": 1})


def test_a_damaged_one_is_refused_too_and_sweep_check_says_it_as_well(run, tmp_path):
    run("old", budget={"trials": 2})
    run("new", warm_start=["old"], budget={"trials": 1})
    (tmp_path / "old" / "study.journal").write_text("{}\n")
    checked = sweep(("check", "new.yaml"), tmp_path, {})
    assert (
        checked.returncode == 2
        and "warm_start: old must be a sweep that can be read, or be left out" in checked.stderr
    )


@pytest.mark.parametrize(
    "written", [None, "", "{}", '{"sweeps": [{"folder": "a"}]}', '{"sweeps": 3}', '{"sweeps": [7]}']
)
def test_a_file_of_its_own_that_is_damaged_is_said_so(run, tmp_path, written):
    run("old", budget={"trials": 2})
    run("new", warm_start=["old"], budget={"trials": 1})
    taken = tmp_path / "new" / "warm_start.json"
    taken.unlink() if written is None else taken.write_text(written)
    with pytest.raises(CorruptStudyError, match="must hold what the sweep took from earlier ones"):
        sweeps.resume(tmp_path / "new", {"budget.trials": 3})
    (finding,) = verify(tmp_path / "new")
    assert finding.invariant == "I1" and "must hold what the sweep took" in finding.message
