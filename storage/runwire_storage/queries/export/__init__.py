"""Points as Arrow: what leaves for pandas, Polars, DuckDB and files.

::

    chosen   which series are meant
    points   their points as record batches, in the order of metric, rank, step; few are held at once
    wide     the same as rows of steps with a column a metric, in the order of rank, step
    asking   what both ask the store with
    formats  record batches as the bytes of an Arrow stream, a Parquet file or CSV

Here pyarrow is loaded, which takes 40 MB: whoever serves other questions too imports this when it is first asked for.
"""

from __future__ import annotations

from runwire_storage.queries.export.chosen import Chosen, chosen
from runwire_storage.queries.export.formats import FORMATS, Format, encoded
from runwire_storage.queries.export.points import points, schema
from runwire_storage.queries.export.wide import wide, wide_schema

__all__ = ["FORMATS", "Chosen", "Format", "chosen", "encoded", "points", "schema", "wide", "wide_schema"]
