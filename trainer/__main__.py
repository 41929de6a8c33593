"""``python -m trainer --set lr=1e-3``: train one configuration without a sweep.

The only file of this package that knows sweeps: it runs the configuration as a sweep's worker would.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import trainer
from sweeps.messages import Continue, Decision, Interrupted, Raised, TrialSpec
from sweeps.trial import Trial, run_attempt
from trainer.rules import rules
from trainer.settings import Settings

DESCRIPTION = "Train one configuration and print its figures on the training and validation split."
WORDS = {"true": True, "false": False, "null": None}
IN_A_LINE = (
    *("train_loss", "val_loss", "train_accuracy", "val_accuracy", "train_r2", "val_r2"),
    *("lr", "grad_norm"),
)


class Printer:
    """Prints every epoch as a line and remembers the best one by validation loss."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._best: tuple[int, Mapping[str, float]] | None = None
        self._lowest = math.inf

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        """Print, and go on."""
        if metrics["val_loss"] < self._lowest:
            self._best, self._lowest = (epoch, metrics), metrics["val_loss"]
        shown = {name: metrics[name] for name in IN_A_LINE if name in metrics}
        print(f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}  {figures(shown)}", flush=True)
        return Continue()

    def conclusion(self) -> str | None:
        """The figures of the best epoch; None if no epoch had a finite val_loss."""
        if self._best is None:
            return None
        epoch, metrics = self._best
        return f"best epoch {epoch}: {figures(metrics, 'val_')}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 the training failed, 2 bad input, 130 Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        config = nested(options.set)
        trainer.check_config(config, epochs=options.epochs)
    except ValueError as error:
        parser.error(str(error))
    out = options.out
    if out is not None and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        what = "a folder with files in it" if out.is_dir() else "a file"
        parser.error(f"--out must name a new or empty folder, found {out}, {what}")
    with contextlib.ExitStack() as stack:
        folder = options.out or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trainer-")))
        return _run(options, config, folder.absolute())


def figures(metrics: Mapping[str, Any], prefix: str = "") -> str:
    """The numbers whose name begins with ``prefix`` in one line: the rate with its exponent, four places."""
    return "  ".join(
        f"{name} {value:{'.2e' if name == 'lr' else '.4f' if isinstance(value, float) else ''}}"
        for name, value in metrics.items()
        if name.startswith(prefix) and isinstance(value, int | float)
    )


def nested(assignments: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """{"a": {"b": 1}} of a.b=1, as a search space would hand it over."""
    config: dict[str, Any] = {}
    for key, value in assignments:
        *outer, last = key.split(".")
        place = config
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                raise ValueError(f"{name} must hold either a value or {name}.{last}, found both")
        place[last] = value
    return config


def _run(options: argparse.Namespace, config: Mapping[str, Any], folder: Path) -> int:
    spec = TrialSpec(
        number=0,
        attempt=1,
        config=config,
        seed=options.seed,
        epochs=options.epochs,
        metric="val_loss",
        goal="minimize",
        directory=folder,
    )
    import torch  # noqa: F401  before the attempt seeds what is loaded

    printer = Printer(options.epochs)
    outcome = run_attempt(trainer.train, spec, printer, options.device)
    if isinstance(outcome, Interrupted):
        return 130
    if isinstance(outcome, Raised):
        print(f"the training failed: {outcome.message}", file=sys.stderr)
        return 1
    conclusion = printer.conclusion()
    if conclusion is None:
        print("the training failed: val_loss was not finite in any epoch; lower lr?", file=sys.stderr)
        return 1
    print(conclusion)
    if options.test:
        tested = trainer.test(Trial(spec, None, options.device))
        print(f"test: {figures(tested)}")
        if "mc_dropout" in tested:
            print(f"mc_dropout: {figures(tested['mc_dropout'])}")
        (folder / "test.json").write_text(json.dumps(tested) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=DESCRIPTION)
    keys = ", ".join(rules(Settings))
    parser.add_argument(
        "--set", metavar="KEY=VALUE", type=_assignment, action="append", default=[], help=f"one of {keys}"
    )
    parser.add_argument("--epochs", type=_at_least(1), default=20, help="epochs to train (default 20)")
    parser.add_argument(
        "--seed", type=_at_least(0), default=0, help="seeds weights, shuffling and dropout (default 0)"
    )
    parser.add_argument("--device", type=_device, default="cpu", help="cpu (default), cuda, cuda:1, ...")
    parser.add_argument("--test", action="store_true", help="evaluate the best epoch on the test split too")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep metrics and checkpoints in this folder")
    return parser


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, found {text!r}")
    return key.strip(), _scalar(value.strip())


def _scalar(text: str) -> Any:
    """A whole number, a number, true, false or null, else the text itself."""
    if text in WORDS:
        return WORDS[text]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def _at_least(low: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        with contextlib.suppress(ValueError):
            if (number := int(text)) >= low:
                return number
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {low}, found {text!r}")

    return whole


def _device(text: str) -> str:
    if text == "cpu":
        return text
    import torch

    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if text in gpus or (text == "cuda" and gpus):
        return text
    raise argparse.ArgumentTypeError(f"must be one of {', '.join(['cpu', *gpus])}, found {text!r}")


if __name__ == "__main__":
    sys.exit(main())
