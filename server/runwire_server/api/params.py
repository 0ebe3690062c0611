"""What several routes take: checked at the edge by the bounds that the wire has, and described once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field, model_validator
from typing_extensions import Self

from runwire.wire.names import METRIC_BYTES_MAX, RANK_MAX, RUN_ID

RunId = Annotated[str, Path(pattern=f"^{RUN_ID.pattern}$", description="A run's whole id.")]
RunWord = Annotated[str, Path(max_length=200, description="A run's id, or a prefix or a name that only one run has.")]
#: Under which something was logged.
LoggedName = Annotated[str, Query(min_length=1, max_length=METRIC_BYTES_MAX)]
LowestRank = Annotated[int | None, Query(ge=0, le=RANK_MAX, description="Null: the lowest that has it.")]
LastStep = Annotated[int | None, Query(ge=-(2**63), lt=2**63, description="Null: the last.")]
Limit = Annotated[int, Query(ge=1, le=100_000, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, lt=2**63, description="Behind so many.")]


class Span(BaseModel):
    """Steps or moments ``lo <= x < hi``; null is where what is asked for begins and ends."""

    lo: Annotated[int | None, Field(ge=-(2**63), le=2**63)] = None
    hi: Annotated[int | None, Field(ge=-(2**63), le=2**63)] = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lo is not None and self.hi is not None and self.lo >= self.hi:
            raise ValueError(f"lo is {self.lo}, hi is {self.hi}: lo must be below hi")
        return self
