"""Notifiers as they are declared in a YAML file, and their secrets, which are read from elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from runwire_alerting.duration import Duration
from runwire_alerting.errors import DeclarationError
from runwire_alerting.notifiers import signature
from runwire_alerting.routes import Route, Routes, problems
from runwire_alerting.yaml_file import YamlFile

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _filled(given: Any) -> Any:
    """Put what the environment holds in place of each ``${NAME}``."""
    if not isinstance(given, str):
        return given
    lacking = [name for name in _VARIABLE.findall(given) if not os.environ.get(name)]
    if lacking:
        raise ValueError(f"the environment has no {', '.join(lacking)}")
    return _VARIABLE.sub(lambda found: os.environ[found[1]], given).strip()


def _read(given: Any) -> Any:
    """Return what a file holds."""
    if not isinstance(given, str):
        return given
    try:
        text = Path(given).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{given} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not text:
        raise ValueError(f"{given} is empty")
    return text


def _keys(secret: SecretStr) -> SecretStr:
    for one in secret.get_secret_value().split():
        signature.key(one)
    return secret


Filled = Annotated[SecretStr, BeforeValidator(_filled)]
FromFile = Annotated[SecretStr, BeforeValidator(_read)]


class Declaration(BaseModel):
    """One notifier. A secret stands in the environment or in a file, and only its name is written here."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Filled | None = Field(
        None,
        description="an address of Apprise's, as `slack://…`, or `https://…` for a webhook; `${NAME}` is filled in",
    )
    url_file: FromFile | None = Field(None, description="a file that holds the address, instead of `url`")
    secret: Annotated[Filled, AfterValidator(_keys)] | None = Field(
        None,
        description="what a webhook is signed by: `whsec_` and base64; several, with blanks between, while it changes",
    )
    secret_file: Annotated[FromFile, AfterValidator(_keys)] | None = Field(
        None, description="a file that holds it, instead of `secret`"
    )
    plot: bool = Field(default=True, description="whether notices have a picture of the metric")
    timeout: Duration = Field(10.0, description="how long it may take to answer")

    @model_validator(mode="after")
    def _one_of_each(self) -> Declaration:
        if (self.url is None) is (self.url_file is None):
            raise ValueError("expected one of url and url_file")
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("expected one of secret and secret_file")
        if self.secrets and not self.address.startswith(("http://", "https://")):
            raise ValueError("only webhooks, https://…, are signed: leave the secret out")
        return self

    @property
    def address(self) -> str:
        """The address, with all secrets that it holds."""
        given = self.url or self.url_file
        return given.get_secret_value() if given is not None else ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What it is signed by, none if it is not."""
        given = self.secret or self.secret_file
        return tuple(given.get_secret_value().split()) if given is not None else ()


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("the name of a notifier has letters, digits, '_', '.' and '-', 64 at most")
    return name


@dataclass(frozen=True)
class Declared:
    """What a file says of notices."""

    notifiers: Mapping[str, Declaration]
    routes: Routes


def read(path: Path | None) -> Declared:
    """Return the notifiers and routes that a file declares; none where there is no file.

    Raises:
        DeclarationError: they are not what they must be; the message names file, line and reason, and no secret.
    """
    if path is None:
        return Declared({}, Routes())
    file = YamlFile(path)
    unknown = file.data.keys() - {"rules", "routes", "notifiers"}
    if unknown:
        wrong = sorted(map(str, unknown))
        raise DeclarationError("\n".join(file.fault((key,), "expected rules, routes or notifiers") for key in wrong))
    named = dict[Annotated[str, AfterValidator(_name)], Declaration]
    notifiers: dict[str, Declaration] = file.parse(named, "notifiers", default={})
    routes: list[Route] = file.parse(list[Route], "routes", default=[])
    found = problems(routes, notifiers)
    if found:
        raise DeclarationError("\n".join(file.fault(("routes", *place), reason) for place, reason in found))
    return Declared(notifiers, Routes(routes))
