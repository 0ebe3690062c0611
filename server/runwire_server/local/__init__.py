"""All of Runwire on one machine: the local Kafka, and the supervisor behind ``runwire up``, ``down`` and ``status``."""

from __future__ import annotations

from runwire_server.local.programs import UpOptions
from runwire_server.local.status import ProgramStatus, Status, as_sentences, as_table, status
from runwire_server.local.up import down, up

__all__ = ["ProgramStatus", "Status", "UpOptions", "as_sentences", "as_table", "down", "status", "up"]
