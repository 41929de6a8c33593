"""Metrics of classes: counts of what was taken for what, and how well the probabilities rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainer.meters.meter import HoldingMeter, Values
from trainer.meters.ranking import auroc


class ClassMeter(HoldingMeter):
    """``loss``, ``accuracy``, ``top<k>``, ``precision``, ``recall``, ``f1`` and ``auroc``.

    Outputs are (rows, classes) logits, or one logit a row, (rows, 1) or (rows,), of class 1 against class 0.
    Targets are classes (rows,), or probabilities (rows, classes) whose largest counts as the class.

    - ``accuracy`` is also the micro average of precision, recall and F1: with one class a row they are equal.
    - ``top<k>``: the share of rows whose class is among the k likeliest, only for more than k classes; a tie
      counts against the row.
    - ``precision``, ``recall``, ``f1``: macro averages, the mean over the classes that occur among targets
      or predictions; a class that is never predicted has precision 0, one without a target recall 0.
    - ``auroc``: of two classes class 1's, else the mean of each class against the rest, over the classes
      that have both; NaN where none has, or where a pass holds more than ``HELD`` numbers of output.
    """

    def __init__(self, classes: int, top_k: int) -> None:
        super().__init__()
        self._classes = classes
        self._top_k = top_k if classes > top_k else None

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        super().add(loss, output, targets if targets.ndim == 1 else targets.max(1).indices)

    def values(self) -> Values:
        with torch.inference_mode():
            outputs, targets = self.held()
            logits = _by_class(outputs)
            values = {**super().values(), **self._counted(self.with_folded(self._counts(logits, targets)))}
            if self.is_whole:
                return {**values, "auroc": _auroc(logits, targets)}
            return {**values, "auroc": torch.full_like(values["loss"], torch.nan)}

    def details(self) -> dict[str, Any]:
        """``confusion``: rows of counts, a row a true class and a column a predicted one."""
        sums = self.with_folded(self.sums_of(*self.held()))
        return {"confusion": self._confusion(sums).tolist()}

    def sums_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self._counts(_by_class(outputs), targets)

    def _counts(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The confusion matrix, row by row, then the rows that top k got right, int64."""
        cells = targets * self._classes + logits.max(0).indices
        counts = torch.zeros(self._classes**2, dtype=torch.int64, device=cells.device)
        counts.index_add_(0, cells, torch.ones_like(cells))  # bincount would wait for the device
        if self._top_k is None:
            return counts
        worse = (logits < logits.gather(0, targets[None])).sum(0)
        return torch.cat([counts, (worse >= self._classes - self._top_k).sum(0, keepdim=True)])

    def _confusion(self, counts: Tensor) -> Tensor:
        return counts[: self._classes**2].view(self._classes, self._classes)

    def _counted(self, counts: Tensor) -> Values:
        counts = counts.double()
        confusion = self._confusion(counts)
        right, true, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        either = (true + predicted) / 2
        # A count is 0 or at least 1, half of one at least 0.5: 0 / 0 becomes 0.
        shares = right / torch.stack([predicted, true, either]).clamp_min(0.5)
        precision, recall, f1 = (shares.sum(1) / either.count_nonzero()).unbind()
        top = {} if self._top_k is None else {f"top{self._top_k}": counts[-1] / self.samples}
        accuracy = right.sum() / self.samples
        return {"accuracy": accuracy, **top, "precision": precision, "recall": recall, "f1": f1}


def _by_class(outputs: Tensor) -> Tensor:
    """Logits (classes, rows): reductions and sorts then run along memory. The only logit is class 1's."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return outputs.t().contiguous()
    return torch.stack([torch.zeros_like(outputs.flatten()), outputs.flatten()])


def _auroc(logits: Tensor, targets: Tensor) -> Tensor:
    if len(logits) == 2:
        scores = functional.logsigmoid(logits[1] - logits[0])  # resolves what is nearly certain
        return auroc(scores.float()[None], targets[None] == 1)[0]
    positive = torch.arange(len(logits), device=targets.device)[:, None] == targets
    return auroc(logits.log_softmax(0).float(), positive).nanmean()
