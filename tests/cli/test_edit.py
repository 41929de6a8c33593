"""`sweep resume --edit` and `--allow-code-change` as a person meets them."""

from __future__ import annotations


def test_an_edit_is_told_on_stderr_before_it_runs_and_the_outside_stand_last(toy):
    toy.sweep("run", "toy.yaml")
    text = (toy.path / "toy.yaml").read_text()
    toy.write("new.yaml", text.replace("max: 1.0", "max: 0.5").replace("trials: 5", "trials: 6"))
    done = toy.sweep("resume", "toy", "--edit", "new.yaml", "--quiet")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[:3] == [
        "sweep: edited",
        "    parameters.x.max: 1.0 -> 0.5",
        "    budget.trials: 5 -> 6",
    ]
    assert lines[3].startswith("sweep: ") and "inside the new space" in lines[3]
    rows = [line for line in done.stdout.splitlines() if "complete" in line]
    marked = ["(outside)" in row for row in rows]
    assert len(rows) == 6 and any(marked) and marked == sorted(marked)


def test_refusals_end_with_5_and_no_traceback(toy):
    toy.sweep("run", "toy.yaml", "--set", "budget.trials=1")
    text = (toy.path / "toy.yaml").read_text()
    toy.write("new.yaml", text.replace("fatal: 2.0", "fatal: 3.0"))
    done = toy.sweep("resume", "toy", "--edit", "new.yaml")
    assert done.returncode == 5 and "fixed.fatal: 2.0 -> 3.0" in done.stderr
    toy.write("toy.py", (toy.path / "toy.py").read_text() + "\n# changed\n")
    more = ("resume", "toy", "--set", "budget.trials=2")
    refused = toy.sweep(*more)
    assert refused.returncode == 5 and "--allow-code-change" in refused.stderr
    allowed = toy.sweep(*more, "--allow-code-change", "--json")
    assert allowed.returncode == 0 and "compared with the new ones" in allowed.stderr
    assert "Traceback" not in done.stderr + refused.stderr
