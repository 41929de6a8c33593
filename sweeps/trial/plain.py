"""State dicts as plain data, so that ``torch.load(weights_only=True)`` reads every checkpoint."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

from sweeps.errors import CheckpointError

_NUMPY = "__numpy__"
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def encode(value: Any, where: str) -> Any:
    """Copy the containers of ``value``, turning NumPy scalars into numbers and arrays into marked tensors.

    ``where`` names the value in the CheckpointError raised for anything that is not data.
    """
    import torch

    if (
        isinstance(value, torch.Tensor)
        or type(value) in _PLAIN
        or isinstance(value, torch.Size | torch.dtype | torch.device)
    ):
        return value
    if isinstance(value, dict):
        return _encode_dict(value, where)
    if isinstance(value, list | tuple | set | frozenset):
        items = [encode(item, f"{where}[{index}]") for index, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items) if isinstance(value, tuple) else set(items)
    return _encode_numpy(value, where)


def decode(value: Any) -> Any:
    """Turn marked tensors back into NumPy arrays."""
    if isinstance(value, dict):
        if value.keys() == {_NUMPY}:
            return value[_NUMPY].numpy()
        for key, item in value.items():
            value[key] = decode(item)
        return value
    if type(value) in (list, tuple):
        return type(value)(decode(item) for item in value)
    return value


def _encode_dict(value: dict[Any, Any], where: str) -> dict[Any, Any]:
    items = {encode(key, where): encode(item, f"{where}[{key!r}]") for key, item in value.items()}
    if not isinstance(value, OrderedDict):
        return items
    # A module's state dict carries its format versions as an attribute (`_metadata`).
    ordered = copy.copy(value)
    ordered.update(items)
    return ordered


def _encode_numpy(value: Any, where: str) -> Any:
    kind = type(value).__module__.partition(".")[0]
    if kind == "numpy" and hasattr(value, "item"):
        if value.ndim and value.dtype.kind in "biufc":
            return {_NUMPY: _tensor(value, where)}
        if value.ndim == 0 and type(value.item()) in _PLAIN:
            return value.item()
    raise CheckpointError(
        f"{where} is a {type(value).__qualname__}, which a checkpoint cannot hold: state_dict() must "
        "consist of tensors, numbers, strings and lists or dicts of them"
    )


def _tensor(array: Any, where: str) -> Any:
    import torch

    try:
        return torch.from_numpy(array.copy(order="C"))
    except (TypeError, ValueError) as error:  # foreign byte order, long doubles
        raise CheckpointError(
            f"{where} is an array of {array.dtype.str!r}, which a checkpoint cannot hold: convert it with "
            ".astype(...) to a native type that torch has"
        ) from error
