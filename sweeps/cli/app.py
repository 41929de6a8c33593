"""The commands of `sweep`: their arguments, and which function answers them.

Data goes to stdout, progress and messages to stderr. Errors of ours, and what the system refuses, end with
their exit code and no traceback; anything else is a bug, and shows one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from sweeps import __version__
from sweeps.cli.streams import secure_streams
from sweeps.errors import SpecError, SweepError
from sweeps.printable import printable_lines
from sweeps.refusals import in_words

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Hyperparameter sweeps for PyTorch: a YAML in; a table, a tested winner and a checkpoint out.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"sweep {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hyperparameter sweeps for PyTorch: a YAML in; a table, a tested winner and a checkpoint out."""


Spec = Annotated[Path, typer.Argument(help="The search-space YAML, e.g. search_spaces/cnn.yaml.")]
Run = Annotated[str, typer.Argument(help="A results folder, or its name under results/.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override a key of the YAML; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="ADDRESS", help="With engine: ray: auto, or host:port of the cluster."),
]
AllowCodeChange = Annotated[
    bool, typer.Option("--allow-code-change", help="Go on although the training function's code has changed.")
]
ResultsDir = Annotated[Path, typer.Option("--results", help="Where results folders are made.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Move an old folder aside, start anew.")]


@app.command()
def run(
    spec: Spec,
    set: Set = None,
    results: ResultsDir = Path("results"),
    fresh: Fresh = False,
    address: Address = None,
    allow_code_change: AllowCodeChange = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a sweep, or go on with it where it stands.

    Ctrl-C, TERM, HUP or USR1 once: running trials end with their epoch, and the same command goes on later;
    exit code 130, 143, 129 or 138. Twice: at once.
    """
    from sweeps.cli.running import run_command

    flags = {"allow_code_change": allow_code_change, "as_json": json, "quiet": quiet}
    _exit(run_command(spec, set or [], results, fresh, address, **flags))


@app.command()
def simulate(
    spec: Spec,
    set: Set = None,
    results: ResultsDir = Path("results"),
    fresh: Fresh = False,
    allow_code_change: AllowCodeChange = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a sweep on the learning curves that the YAML names (curves:), under a virtual clock.

    Whatever engine the YAML names, nothing is trained; thousands of workers need no machine but this one.
    """
    from sweeps.cli.running import simulate_command

    flags = {"allow_code_change": allow_code_change, "as_json": json, "quiet": quiet}
    _exit(simulate_command(spec, set or [], results, fresh, **flags))


@app.command()
def resume(
    run: Run,
    set: Set = None,
    edit: Annotated[
        Path | None,
        typer.Option("--edit", metavar="YAML", help="Go on under this file; trials that fit are kept."),
    ] = None,
    address: Address = None,
    allow_code_change: AllowCodeChange = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with an interrupted sweep, extend it (--set budget.trials=100), or change its space (--edit)."""
    from sweeps.cli.running import resume_command

    flags = {"allow_code_change": allow_code_change, "as_json": json, "quiet": quiet}
    _exit(resume_command(run, set or [], edit, address, **flags))


@app.command()
def check(
    spec: Spec,
    set: Set = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="How many configurations to draw.")] = 3,
    import_: Annotated[bool, typer.Option("--import", help="Also import the training function.")] = False,
    json: Json = False,
) -> None:
    """Validate a search space: print it resolved, its size and a few samples. Nothing is run."""
    from sweeps.cli.checking import check_command

    _exit(check_command(spec, set or [], samples, import_, as_json=json))


@app.command()
def show(
    run: Run,
    top: Annotated[int, typer.Option("--top", min=1, help="How many trials.")] = 10,
    json: Json = False,
) -> None:
    """The best trials of a sweep, finished or running."""
    from sweeps.cli.reading import show_command

    _exit(show_command(run, top, as_json=json))


@app.command()
def trials(
    run: Run,
    state: Annotated[str | None, typer.Option("--state", help="Only trials in this state.")] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="A row an attempt instead: when, where, how it ended.")
    ] = False,
    json: Json = False,
) -> None:
    """Every trial of a sweep, as CSV."""
    from sweeps.cli.reading import trials_command

    _exit(trials_command(run, state, attempts, as_json=json))


@app.command()
def logs(
    run: Run,
    number: Annotated[int, typer.Argument(min=0, help="The trial's number.")],
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=1, help="Only the last lines.")] = None,
) -> None:
    """What a trial printed, and the traceback it died of."""
    from sweeps.cli.reading import logs_command

    _exit(logs_command(run, number, tail))


@app.command()
def test(
    run: Run,
    again: Annotated[
        str | None, typer.Option("--again", metavar="REASON", help="Why a second trial is tested; recorded.")
    ] = None,
    address: Address = None,
    json: Json = False,
) -> None:
    """Evaluate the winner on the test split, once."""
    from sweeps.cli.releasing import test_command

    _exit(test_command(run, again, address, as_json=json))


@app.command()
def export(
    run: Run,
    directory: Annotated[Path, typer.Argument(help="A new folder for the bundle.")],
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, help="Another COMPLETE trial than the winner.")
    ] = None,
) -> None:
    """Copy the winner's bundle: model.safetensors, config, metrics, test."""
    from sweeps.cli.releasing import export_command

    _exit(export_command(run, directory, trial))


@app.command()
def verify(run: Run, json: Json = False) -> None:
    """Check a results folder against docs/guarantees.md; exit code 7 if it breaks one. Nothing is changed."""
    from sweeps.cli.verifying import verify_command

    _exit(verify_command(run, as_json=json))


@app.command()
def schema() -> None:
    """The JSON schema of a search-space YAML, for editors."""
    from sweeps.cli.checking import schema_command

    _exit(schema_command())


def _exit(code: int) -> None:
    raise typer.Exit(code)


def main() -> None:
    """Entry point of the console script."""
    secure_streams()
    sys.exit(guarded(_printed))


def _printed() -> None:
    try:
        app(standalone_mode=True)
    finally:
        sys.stdout.flush()  # now, when an error can still be told


def guarded(command: Callable[[], Any]) -> int:
    """Run a command; an error of ours, or of the system, becomes its message on stderr and its exit code."""
    try:
        with in_words():
            command()
    except SweepError as error:
        head = "" if isinstance(error, SpecError) else "sweep: "  # editors read file:line:column
        print(printable_lines(f"{head}{error}"), file=sys.stderr)
        return error.exit_code
    return 0
