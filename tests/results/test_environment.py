"""What a sweep ran on, and what must not be told of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from sweeps.urls import mask_password


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("storage=postgresql+psycopg://me:p%40s/s@host/db", "storage=postgresql+psycopg://me:***@host/db"),
        ("postgresql://me:s@cr:et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("budget.trials=100", "budget.trials=100"),
    ],
)
def test_passwords_are_masked_and_nothing_else_is(text, masked):
    assert mask_password(text) == masked


def run_describe(directory, variables, path=None):
    """`describe` in a fresh process, so that what it imports can be seen."""
    code = (
        "import sys, json; from sweeps.environment import describe\n"
        "found = describe(sys.argv[1:])\n"
        "heavy = {'torch', 'optuna', 'pandas', 'numpy', 'ray', 'sklearn'} & set(sys.modules)\n"
        "print(json.dumps([found, sorted(heavy)]))"
    )
    command = [sys.executable, "-c", code, "sweep", "run", "--set", "storage=postgresql://u:pw12@h/d"]
    done = subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stdout


@pytest.fixture
def variables(monkeypatch, request, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))
    monkeypatch.setenv("API_TOKEN", "tok-7x7")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return dict(os.environ)


def git(directory, *words):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_versions_hardware_and_listed_variables_are_told_and_secrets_are_not(tmp_path, variables):
    (found, heavy), text = run_describe(tmp_path, variables)
    assert heavy == []
    assert found["packages"]["torch"].startswith("2.")
    assert found["hardware"]["usable_threads"] >= 1
    assert found["hardware"]["memory_gib"] > 0
    assert found["variables"]["OMP_NUM_THREADS"] == "3"
    assert found["command"][-1] == "storage=postgresql://u:***@h/d"
    assert "tok-7x7" not in text
    assert "pw12" not in text
    assert found["git"] is None


def test_the_revision_is_dirty_once_a_tracked_file_differs(tmp_path, variables):
    git(tmp_path, "init", "-q")
    (tmp_path / "my_cnn.py").write_text("x = 1\n")
    git(tmp_path, "add", "my_cnn.py")
    git(tmp_path, "commit", "-qm", "start")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "untracked").write_text("")
    assert run_describe(tmp_path, variables)[0][0]["git"] == {"commit": commit, "dirty": False}
    (tmp_path / "my_cnn.py").write_text("x = 2\n")
    assert run_describe(tmp_path, variables)[0][0]["git"] == {"commit": commit, "dirty": True}


def test_a_machine_without_git_or_nvidia_smi_is_described_too(tmp_path, variables):
    (found, _), _ = run_describe(tmp_path, variables | {"PATH": str(tmp_path)})
    assert found["git"] is None
    assert found["hardware"]["gpus"] == []
