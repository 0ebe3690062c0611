"""What several routes take: checked at the edge by the bounds that the wire has, and described once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID

RunId = Annotated[str, Path(pattern=f"^{RUN_ID.pattern}$", description="A run's whole id.")]
RunWord = Annotated[str, Path(max_length=200, description="A run's id, or a prefix or a name that only one run has.")]
#: Under which something was logged.
LoggedName = Annotated[str, Query(min_length=1, max_length=METRIC_BYTES_MAX)]
LowestRank = Annotated[int | None, Query(ge=0, le=RANK_MAX, description="Null: the lowest that has it.")]
LastStep = Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="Null: the last.")]
Limit = Annotated[int, Query(ge=1, le=100_000, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, lt=2**63, description="Behind so many.")]
