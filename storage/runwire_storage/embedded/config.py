"""The engine's own configuration, written anew at each start into ``<path>/etc``.

It says three things: who may do what, how little memory and how few threads to take, and where temporary files go.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree as ET

from runwire_storage.embedded.settings import EmbeddedSettings

_Tree: TypeAlias = "dict[str, _Tree] | list[str] | str | int | float"

# Every privilege that reaches outside of the engine is left out (files, URLs, S3, other servers, executables, users,
# functions, dictionaries, backups), and the engine denies it to every query, however it is written.
_GRANTS = (
    "GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, DROP, TRUNCATE, "
    "OPTIMIZE, SHOW, CHECK, KILL QUERY, SYSTEM, dictGet ON *.*"
)
_TABLE_ENGINES = (
    "MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree",
    "VersionedCollapsingMergeTree", "Memory", "Null", "Buffer", "Merge",
)  # fmt: skip

# Settings that change how a text is read, or that carry expressions where no guard looks.
_FIXED = ("dialect", "additional_table_filters", "additional_result_filter")


def write(path: Path, settings: EmbeddedSettings) -> Path:
    """Write the configuration for the data folder ``path`` and return the main file.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = path / "etc"
    folder.mkdir(parents=True, exist_ok=True)
    users, main = folder / "users.xml", folder / "config.xml"
    _write(users, _users(settings))
    _write(main, _main(users, settings))
    _default_database(path)
    return main


def _main(users: Path, settings: EmbeddedSettings) -> dict[str, _Tree]:
    return {
        "logger": {"level": "none"},
        "users_config": str(users),
        # chDB lays the database of this name over the files of the current folder; a `default` like that of a server
        # is made by `_default_database`.
        "default_database": "scratch",
        "max_server_memory_usage": settings.memory_bytes_max,
        "merges_mutations_memory_usage_soft_limit": settings.memory_bytes_max // 2,
        "mark_cache_size": 16 << 20,
        "index_mark_cache_size": 4 << 20,
        "uncompressed_cache_size": 0,
        "index_uncompressed_cache_size": 0,
        "primary_index_cache_size": 16 << 20,
        "mmap_cache_size": 64,
        "compiled_expression_cache_size": 1 << 20,
        "query_cache": {"max_size_in_bytes": 0},
        "max_thread_pool_size": 200,
        "max_thread_pool_free_size": 4,
        "background_pool_size": 2,
        "background_merges_mutations_concurrency_ratio": 2,
        "background_move_pool_size": 1,
        "background_fetches_pool_size": 1,
        "background_common_pool_size": 1,
        "background_schedule_pool_size": 2,
        "background_buffer_flush_schedule_pool_size": 1,
        "background_message_broker_schedule_pool_size": 1,
        "background_distributed_schedule_pool_size": 1,
        "tables_loader_foreground_pool_size": 1,
        "tables_loader_background_pool_size": 1,
        "max_io_thread_pool_size": 8,
        "asynchronous_metrics_update_period_s": 60,
        "merge_tree": {
            # Of four merge slots; the defaults are for 32, and would keep merges small for ever.
            "number_of_free_entries_in_pool_to_lower_max_size_of_merge": 2,
            "number_of_free_entries_in_pool_to_execute_mutation": 1,
            "number_of_free_entries_in_pool_to_execute_optimize_entire_partition": 1,
            # A merge's memory is a block of each part that it reads.
            "merge_max_block_size_bytes": 4 << 20,
            "old_parts_lifetime": 60,
        },
    }


def _users(settings: EmbeddedSettings) -> dict[str, _Tree]:
    spill_bytes = settings.query_memory_bytes_max // 3
    profile: dict[str, _Tree] = {
        "max_threads": settings.threads_max,
        "max_memory_usage": settings.query_memory_bytes_max,
        "max_bytes_before_external_group_by": spill_bytes,
        "max_bytes_before_external_sort": spill_bytes,
        "max_result_bytes": settings.result_bytes_max,
        "result_overflow_mode": "throw",
        "async_insert": 0,  # an answer means that the rows are stored
        # The queries here are short and many: compiled code would cost memory and pay for itself too late.
        "compile_expressions": 0,
        "compile_aggregate_expressions": 0,
        "compile_sort_description": 0,
        "constraints": {name: {"readonly": ""} for name in _FIXED},
    }
    return {
        "profiles": {"default": profile},
        "quotas": {"default": ""},
        "users": {
            "default": {
                "password": "",
                "networks": {"ip": "::/0"},
                "profile": "default",
                "quota": "default",
                "grants": {"query": [_GRANTS, *(f"GRANT TABLE ENGINE ON {name}" for name in _TABLE_ENGINES)]},
            }
        },
    }


def _default_database(path: Path) -> None:
    """Make `default` a database like any other, as it is on a server, before the engine first starts.

    The link beside its declaration would make the engine load its tables a second time, into `scratch`, and end there;
    the engine makes it anew.
    """
    declaration = path / "metadata" / "default.sql"
    declaration.with_suffix("").unlink(missing_ok=True)
    if not declaration.exists():
        declaration.parent.mkdir(exist_ok=True)
        _replace(declaration, f"ATTACH DATABASE _ UUID '{uuid.uuid4()}' ENGINE = Atomic\n".encode())


def _write(file: Path, tree: dict[str, _Tree]) -> None:
    root = ET.Element("clickhouse")
    _fill(root, tree)
    _replace(file, ET.tostring(root))


def _fill(parent: ET.Element, tree: dict[str, _Tree]) -> None:
    for name, value in tree.items():
        for item in value if isinstance(value, list) else [value]:
            child = ET.SubElement(parent, name)
            if isinstance(item, dict):
                _fill(child, item)
            else:
                child.text = str(item)


def _replace(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)
