"""The shared training function and its final test: data, model, optimiser, epochs, in this order."""

from __future__ import annotations

from trainer.config import parse
from trainer.trial import Trial


def train(trial: Trial) -> None:
    """Train one configuration and report both splits after every epoch.

    Reports ``train_loss`` and ``val_loss`` (mean cross-entropy a sample, without label smoothing, so that
    they compare), ``train_accuracy`` and ``val_accuracy`` (0 to 1) and ``lr`` (what this epoch used). The
    training figures are taken while the epoch runs, with dropout on. The test split is never loaded.
    Raises ValueError if ``trial.config`` holds an unknown key or a bad value.
    """
    import torch  # here, so that importing the package stays cheap

    from trainer.data import load
    from trainer.epoch import evaluate, train_epoch
    from trainer.metrics import Scores
    from trainer.models import build
    from trainer.optimisers import build_optimizer, learning_rate
    from trainer.schedules import build_scheduler, end_epoch

    settings = parse(trial.config)
    data = load(settings).for_training().to(trial.device)
    model = build(settings, data.signature).to(trial.device)
    optimizer = build_optimizer(settings, model)
    scheduler = build_scheduler(settings, optimizer, trial.max_epochs)
    generator = torch.Generator().manual_seed(trial.seed)

    for _ in trial.epochs(model=model, optimizer=optimizer, scheduler=scheduler, generator=generator):
        lr = learning_rate(optimizer)
        training = train_epoch(settings, model, data.train, optimizer, generator)
        validation = evaluate(model, data.validation)
        fitted, held = Scores.read(training, validation)
        end_epoch(scheduler, held.loss)
        trial.report(
            train_loss=fitted.loss,
            val_loss=held.loss,
            train_accuracy=fitted.accuracy,
            val_accuracy=held.accuracy,
            lr=lr,
        )


def test(trial: Trial) -> dict[str, float]:
    """Evaluate the best epoch on the test split: ``accuracy`` (0 to 1), mean ``loss`` and ``samples``."""
    from trainer.data import load
    from trainer.epoch import evaluate
    from trainer.metrics import Scores
    from trainer.models import build

    settings = parse(trial.config)
    data = load(settings).for_test().to(trial.device)
    model = build(settings, data.signature).to(trial.device)
    trial.restore_best(model=model)
    (scores,) = Scores.read(evaluate(model, data.test))
    return {"accuracy": scores.accuracy, "loss": scores.loss, "samples": len(data.test)}
