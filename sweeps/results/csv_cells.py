"""Cells of CSV files, which people open in spreadsheets: text stays text there.

A cell that begins like a formula gets a quote before it, and control characters but line ends and tabs are
written out. Parquet, JSON and Python have the true values.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from sweeps.printable import printable_lines
from sweeps.results.layout import is_json_text

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """``text`` as a cell."""
    return f"'{printable_lines(text)}" if text.startswith(_FORMULA) else printable_lines(text)


def safe_table(table: pa.Table) -> pa.Table:
    """``table`` for a CSV file: its columns of text, and their names, made safe."""
    columns = [_safe(table[field.name], field) for field in table.schema]
    return pa.table(columns, names=[safe_cell(name) for name in table.column_names])


def safe_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """As `safe_table`, for a DataFrame; numbers of a parameter of several types stay numbers."""
    columns = {safe_cell(name): frame[name] for name in frame.columns}
    safe = {name: column.map(_cell) if _may_hold_text(column) else column for name, column in columns.items()}
    return pd.DataFrame(safe)


def _safe(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if not pa.types.is_string(field.type) or is_json_text(
        field
    ):  # which begins with a number or its own quote
        return column
    coded = column.combine_chunks().dictionary_encode()
    return pa.chunked_array(
        [pa.array(map(safe_cell, coded.dictionary.to_pylist()), field.type).take(coded.indices)]
    )


def _may_hold_text(column: pd.Series[Any]) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _cell(value: Any) -> Any:
    return safe_cell(value) if isinstance(value, str) else value
