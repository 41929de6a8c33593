"""docs/cluster.md and its manifest, held against the commands, messages and versions that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import ray
import typer
import yaml
from ray.scripts.scripts import cli as ray_commands

from sweeps.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "cluster.md").read_text()
MANIFEST = ROOT / "docs" / "cluster" / "rayjob.yaml"
KNOWN = {"sweep": typer.main.get_command(app).commands, "ray": ray_commands.commands}
# Not run here: these need several machines. tests/test_slurm.py runs what `sbatch` would.
ELSEWHERE = ("export ", "sbatch ", "kubectl ")


def commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", [line for line in commands() if not line.startswith(ELSEWHERE)])
def test_every_command_of_the_page_has_these_options(line):
    program, name, *arguments = shlex.split(line, comments=True)
    KNOWN[program][name].make_context(name, arguments)  # it raises what a person would be told


def test_what_the_page_says_is_said_by_the_code():
    source = "".join(path.read_text() for path in (ROOT / "sweeps").rglob("*.py"))
    table = PAGE[PAGE.index("| what is said | what it is |") :]
    said = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    of_ray = {"Ray is already started on this node"}
    assert of_ray < set(said) and len(said) > 5
    for text in set(said) - of_ray:
        assert text.partition(":")[0] in source, f"docs/cluster.md: nobody says {text!r}"


def test_the_files_that_the_pages_link_to_are_there():
    for name in re.findall(r"\]\((?!http)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / name).is_file(), name
    assert "](docs/cluster.md)" in (ROOT / "README.md").read_text()


def test_the_rayjob_is_of_one_piece():
    volume, job = yaml.safe_load_all(MANIFEST.read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    program, name, *arguments = shlex.split(job["spec"]["entrypoint"])
    given = KNOWN[program][name].make_context(name, arguments).params
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    containers = [container for pod in pods for container in pod["template"]["spec"]["containers"]]

    installed = ray.__version__.rpartition(".")[0]
    assert cluster["rayVersion"].startswith(f"{installed}.")
    assert {container["image"] for container in containers} == {
        f"registry.example.com/sweeps:ray{cluster['rayVersion']}"
    }
    assert f"FROM rayproject/ray:{cluster['rayVersion']}-py3" in PAGE
    for container in containers:
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert container["volumeMounts"] == [{"name": "results", "mountPath": str(given["results"])}]
    for pod in pods:
        claim = pod["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
        assert claim == volume["metadata"]["name"]

    settings = dict(item.split("=") for item in given["set"])
    cores = int(containers[1]["resources"]["requests"]["cpu"]) * pods[1]["maxReplicas"]
    assert settings["engine"] == "ray" and cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert int(settings["workers"]) * int(settings["resources.cpus"]) == cores
