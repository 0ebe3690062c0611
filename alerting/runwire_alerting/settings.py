"""Every number that a rule or a notice depends on, and what else can be chosen, in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runwire.errors import ConfigError


def _names(given: Any) -> Any:
    return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else given


def _words(given: Any) -> Any:
    return given.split() if isinstance(given, str) else given


class Settings(BaseSettings):
    """Alerting's settings; each is read from ``RUNWIRE_ALERT_<NAME>``. Times are seconds."""

    model_config = SettingsConfigDict(env_prefix="RUNWIRE_ALERT_", frozen=True)

    stalled_after: float = Field(
        default=120.0,
        gt=0,
        description="a run without progress is not called stalled before, however fast its steps were",
    )
    stalled_after_max: float = Field(
        default=300.0,
        gt=0,
        description="... and is not later than this, unless its steps take that long (NCCL aborts at 600)",
    )
    stalled_factor: float = Field(default=5.0, ge=1, description="how many of its longest recent steps a run may pause")
    stalled_steps: int = Field(default=5, ge=0, description="steps after which a run's pace is known")
    heartbeat_after: float = Field(
        default=60.0, gt=0, description="without a pulse for so long, a run's host is called lost"
    )
    retry_for: float = Field(
        default=7200.0, gt=0, description="how long a notice is offered to a receiver that takes none"
    )
    post_timeout: float = Field(default=5.0, gt=0, description="how long a receiver may take to answer")
    file: Path | None = Field(default=None, description="the YAML file that says notifiers and routes")
    webhooks: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_words)] = Field(
        default=(), description="addresses, with blanks between them, where all alerts are posted"
    )
    blind_after: float = Field(
        default=30.0, gt=0, description="alerting that does not see everything for so long says so, as the rule blind"
    )
    dead_man_url: SecretStr | None = Field(
        default=None, description="an address that is asked for as long as alerting sees everything"
    )
    dead_man_interval: float = Field(default=60.0, ge=1, description="... so often")
    stop: Annotated[frozenset[str], NoDecode, BeforeValidator(_names)] = Field(
        default=frozenset(), description="rules, with commas between them, whose alerts ask their run to stop"
    )

    def params(self, kind: str) -> dict[str, float]:
        """Return what these settings say of a kind of rule; what its declaration sets comes before."""
        if kind == "stalled":
            return {name: getattr(self, f"stalled_{name}") for name in ("after", "after_max", "factor", "steps")}
        return {"after": self.heartbeat_after} if kind == "host_lost" else {}


def load(**given: float | None) -> Settings:
    """Return the settings: ``given`` where not None, else the environment, else the defaults.

    Raises:
        ConfigError: one of them is not what it must be; the message names it.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = f"RUNWIRE_ALERT_{str(first['loc'][0]).upper()}"
        raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}") from None
