"""How a run behaves where there is a choice: what the caller said, else the environment, else the config file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from runwire._addresses import config_file, read_config
from runwire._say import logger
from runwire.errors import ConfigError

_SPOOL_BYTES_MIN = 32 << 20

Mode = Literal["online", "offline", "disabled"]
Stop = Literal["ask", "raise"]
Sigterm = Literal["record", "leave"]


@dataclass(frozen=True)
class Settings:
    """How runs behave; each setting may also be given by ``RUNWIRE_<NAME>`` or the config file's table ``settings``.

    ::

        runwire.init(settings=runwire.Settings(mode="offline"))
        runwire.init(settings={"finish_timeout": 60})

    Attributes:
        mode: "online"; "offline": what is logged waits on disk until ``runwire sync``, even if there is a pipeline;
            "disabled": nothing is recorded, and everything may be called as ever.
        code: whether the commit of the program's code, and how it was changed since, are recorded.
        packages: whether the packages that can be imported are.
        machine: whether platform, processors and memory are.
        system_interval: seconds between samples of the machine's figures (processors, memory, disk, network, GPUs),
            four a second at most; 0 for none.
        console: whether is recorded what the process, its C code and its children print.
        stop: what a request to stop does (`runwire stop`, the page): "ask": `Run.should_stop` becomes True; "raise":
            also, the next `log` raises `Stopped`, once.
        sigterm: "record": where the program leaves SIGTERM its default action, an end by it is told from a crash;
            "leave": it is not, and counts as one.
        spool_bytes_max: how many bytes may wait on disk for the delivery of one process's part of a run, at least
            32 MiB, to 16 MiB more; what is logged beyond is dropped, counted, and said. 0 for as many as it takes.
        finish_timeout: seconds that `finish` waits at most until all is delivered; the rest stays on disk, and is said.
    """

    mode: Mode = "online"
    code: bool = True
    packages: bool = True
    machine: bool = True
    system_interval: float = 15.0
    console: bool = True
    stop: Stop = "ask"
    sigterm: Sigterm = "record"
    spool_bytes_max: int = 0
    finish_timeout: float = 15.0

    def __post_init__(self) -> None:
        """Check what was given, and take it as its type.

        Raises:
            ConfigError: a setting holds what it must not.
        """
        for field in fields(self):
            value = _CHECKS[field.name](f"the setting {field.name}", getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def find(cls, given: Settings | Mapping[str, Any] | None = None, **more: Any) -> Settings:
        """Return what holds: of ``more`` what is not None, else ``given``, else the environment, else the config file.

        What the caller gives must be right; what else is wrong is said, and the default holds: no training is stopped
        by what stands in a file.

        Args:
            given: all settings, or some of them by name.
            more: single ones; None for what was not said.

        Raises:
            ConfigError: ``given`` or ``more`` holds what is no setting, or what a setting must not be.
        """
        if isinstance(given, Settings):
            said: dict[str, Any] = {field.name: getattr(given, field.name) for field in fields(given)}
        elif isinstance(given, Mapping):
            said = {str(name): value for name, value in given.items()}
        elif given is None:
            said = {}
        else:
            raise ConfigError(f"settings is a {type(given).__name__}: pass a runwire.Settings or a dict")
        said |= {name: value for name, value in more.items() if value is not None}
        for name in said:
            if name not in _CHECKS:
                import difflib  # noqa: PLC0415 -- only for what was mistyped

                near = difflib.get_close_matches(name, _CHECKS, 1)
                hint = f", did you mean {near[0]!r}?" if near else f": there are {', '.join(_CHECKS)}"
                raise ConfigError(f"there is no setting {name!r:.80}{hint}")
        return cls(**{**_around(said), **said})


def _around(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what environment and config file say of all other settings."""
    try:
        table = read_config().get("settings", {})
    except ConfigError:
        table = {}  # it is said where the pipeline's address is looked for
    found = {}
    for name, check in _CHECKS.items():
        variable = f"RUNWIRE_{name.upper()}"
        text = os.environ.get(variable)
        where, value = (variable, text) if text else (f"{name} in {config_file()}", _of(table, name))
        if name in said or value is None:
            continue
        try:
            found[name] = check(where, value)
        except ConfigError as error:
            logger.warning("%s; the default holds", error)
    return found


def _of(table: Any, name: str) -> Any:
    return table.get(name) if isinstance(table, Mapping) else None


def _one_of(choices: Any) -> Callable[[str, Any], str]:
    def check(where: str, value: Any) -> str:
        if value not in get_args(choices):
            raise ConfigError(f"{where} is {value!r:.80}: expected one of {', '.join(get_args(choices))}")
        return str(value)

    return check


def _seconds(where: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 <= seconds < float("inf"):
        raise ConfigError(f"{where} is {value!r:.80}: expected a number of seconds")
    return seconds


def _bytes(where: str, value: Any) -> int:
    try:
        size = int(value)
    except (TypeError, ValueError, OverflowError):
        size = -1
    if isinstance(value, bool) or not (size == 0 or size >= _SPOOL_BYTES_MIN):
        raise ConfigError(f"{where} is {value!r:.80}: expected a number of bytes, 0 or {_SPOOL_BYTES_MIN} and more")
    return size


def _switch(where: str, value: Any) -> bool:
    switch = _SWITCHES.get(str(value).lower())
    if switch is None:
        raise ConfigError(f"{where} is {value!r:.80}: expected true or false")
    return switch


_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "mode": _one_of(Mode),
    "code": _switch,
    "packages": _switch,
    "machine": _switch,
    "system_interval": _seconds,
    "console": _switch,
    "stop": _one_of(Stop),
    "sigterm": _one_of(Sigterm),
    "spool_bytes_max": _bytes,
    "finish_timeout": _seconds,
}
