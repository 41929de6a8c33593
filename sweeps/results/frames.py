"""Arrow tables as pandas DataFrames, with the types that the parameters have in the YAML."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from sweeps.errors import CorruptStudyError
from sweeps.results.layout import is_json_text
from sweeps.strictjson import parse_json


def to_frame(table: pa.Table) -> pd.DataFrame:
    """``table`` as a DataFrame with a plain row index.

    Whole numbers and booleans that are missing in some rows come as Int64 and boolean; a parameter whose
    values are of several types comes as Python objects, None where it is inactive.
    """
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        if is_json_text(field):
            decoded = [_decode(text) for text in table[field.name].to_pylist()]
            frame[field.name] = pd.Series(decoded, index=frame.index, dtype=object)
    return frame


def _decode(text: str | None) -> Any:
    try:
        return None if text is None else parse_json(text)
    except ValueError as error:
        raise CorruptStudyError(
            "a table must hold JSON where a parameter has values of several types, and does not: remove "
            "trials.parquet, which is made anew"
        ) from error
