"""Rules of the source: what could run foreign code is not in it, but for messages of our own processes."""

from __future__ import annotations

import ast
import json
import os
import sqlite3
import subprocess
import sys

import pytest
from optuna.storages.journal._base import BaseJournalSnapshot

from sweeps.errors import UsageError
from sweeps.floors import FLOORS, require_floor
from sweeps.study.journal import ReadOnlyBackend, SingleWriterBackend
from tests.test_architecture import MODULES, ROOT

# Who may turn bytes into objects, and why that is safe.
STATED = {
    "sweeps.engines.local.link": "messages between a driver and the workers that it has started",
    "sweeps.engines.local.rank": "messages between the ranks of one trial",
    "sweeps.samplers.cma_state": "what Optuna has pickled a moment ago in this very process",
}
UNPICKLING = {
    "pickle.loads", "pickle.load", "pickle.Unpickler", "cloudpickle.loads", "cloudpickle.load",
    "marshal.load", "marshal.loads", "shelve.open", "joblib.load", "dill.loads", "dill.load",
    "pandas.read_pickle", "pd.read_pickle", "ray.cloudpickle.loads",
}  # fmt: skip
RUNNING = {"eval", "exec", "compile", "__import__"}
OPENED = {
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "torch.jit.load",
    "torch.package.PackageImporter",
}


def calls(path):
    """(dotted name, the names of its keywords given as literals) of every call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_unpickled_or_evaluated(name):
    for call, words in calls(MODULES[name]):
        assert call not in UNPICKLING or name in STATED, f"{name} calls {call}"
        assert call not in RUNNING, f"{name} calls {call}"
        assert call not in OPENED, f"{name} calls {call}"
        if call == "torch.load":
            assert words.get("weights_only") == "True", f"{name}: torch.load without weights_only=True"
        if call.endswith("np.load") or call == "numpy.load":
            assert words.get("allow_pickle") == "False", f"{name}: numpy.load without allow_pickle=False"
        assert "safe_globals" not in call and call != "Tuner.restore", f"{name} calls {call}"
        assert words.get("shell") != "True", f"{name}: a shell"


def test_those_that_unpickle_still_do():
    """A statement about a module that is gone, or has mended its ways, is removed."""
    for name in STATED:
        assert any(call in UNPICKLING for call, _ in calls(MODULES[name])), name


def test_our_journals_have_no_snapshots_which_optuna_would_unpickle():
    assert not issubclass(SingleWriterBackend, BaseJournalSnapshot)
    assert not issubclass(ReadOnlyBackend, BaseJournalSnapshot)


def test_the_floors_are_those_of_the_package():
    text = (ROOT / "pyproject.toml").read_text()
    security = (ROOT / "SECURITY.md").read_text()
    for library, floor in FLOORS.items():
        version = ".".join(map(str, floor))
        assert f"{library}>={version}," in text or f"{library}[tune]>={version}," in text
        assert f"{library} >= {version}" in security
        require_floor(library)  # what is installed here will do


@pytest.mark.parametrize(("library", "version"), [("torch", "2.9.1+cu128"), ("ray", "2.53.0")])
def test_an_older_library_is_refused_before_anything_starts(tmp_path, library, version):
    """An installed distribution that says it is older, found first."""
    metadata = tmp_path / "site" / f"{library}-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n")
    (tmp_path / "mine.py").write_text("def train(trial):\n    pass\n")
    (tmp_path / "mine.yaml").write_text(
        "version: 1\nname: mine\ntrain: mine:train\nepochs: 1\nbudget: {trials: 1}\nengine: ray\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\n"
    )
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "sweeps", "run", "mine.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    floor = ".".join(map(str, FLOORS[library]))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{library} must be at least {floor}" in done.stderr and f"{version} is installed" in done.stderr
    assert f'pip install -U "{library}>={floor}"' in done.stderr
    assert not (tmp_path / "results").exists()


def test_a_library_that_is_not_there_is_named():
    FLOORS["no-such-library"] = (1, 0)
    try:
        with pytest.raises(UsageError, match=r"no-such-library must be at least 1\.0, and none is installed"):
            require_floor("no-such-library")
    finally:
        del FLOORS["no-such-library"]


def test_what_a_password_is_given_to_is_not_kept(victim):
    """Refused in a file and on the command line, and nothing of it is written or said."""
    url = "postgresql://me:hunter2@127.0.0.1:1/none"
    (victim.project / "other.yaml").write_text(
        (victim.project / "victim.yaml").read_text().replace("name: victim", f"name: other\nstorage: {url}")
    )
    for command in (
        ("run", "other.yaml"),
        ("run", "victim.yaml", "--set", f"storage={url}"),
        ("run", "victim.yaml", "--set", "storage=postgresql://h/d?password=hunter2"),
        ("run", "victim.yaml", "--set", f"stroage={url}"),
        ("run", "victim.yaml", "--set", f"storage=[{url}]"),
        ("resume", "victim", "--set", f"storage={url}"),
        ("check", "other.yaml", "--json"),
    ):
        ended = victim.sweep(*command)
        assert ended.code == 2 and "hunter2" not in ended.out + ended.err, ended
    refused = victim.sweep("run", "other.yaml").err
    assert "must not hold a password" in refused and "~/.pgpass" in refused and "PGPASSWORD" in refused
    assert not (victim.project / "results" / "other").exists()


def test_env_json_holds_a_list_of_variables_and_no_others(victim):
    kept = json.loads(victim.paths.env.read_bytes())
    assert set(kept) == {"time", "command", "python", "platform", "packages", "git", "hardware", "variables"}
    from sweeps.environment import VARIABLES

    assert set(kept["variables"]) <= set(VARIABLES)
    assert not any(word in name for name in VARIABLES for word in ("PASS", "TOKEN", "SECRET", "KEY", "PG"))


def test_reading_a_folder_that_names_a_database_makes_no_tables_in_it(victim):
    other = victim.precious / "photos.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE photos (name TEXT)")
    text = victim.paths.resolved_yaml.read_text()
    assert "storage: null" in text
    victim.paths.resolved_yaml.write_text(text.replace("storage: null", f"storage: sqlite:///{other}"))
    victim.paths.journal.unlink()
    show, *_ = victim.survives()
    assert show.code == 5 and "the study must be what `sweep` wrote" in show.err
