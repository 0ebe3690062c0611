"""The last lines of a console record: what is told with a failure."""

from __future__ import annotations

import json
from pathlib import Path

from runwire.console.record import segment_name
from runwire.shipper.tail import BYTES_MAX, LINES_MAX, last_lines


def write(folder: Path, index: int, lines: list[tuple[int, int, str]], end: str = "") -> None:
    """Write a file of the record: (record, n, text) each, and what comes behind."""
    said = "".join(json.dumps([record, n, "stdout", 7, text]) + "\n" for record, n, text in lines)
    (folder / segment_name(index)).write_text(said + end)


def test_they_are_the_last_of_the_last_files_in_their_order(tmp_path: Path) -> None:
    """Of two files of three lines and of thirty: twenty, oldest first; half a line at the end is none."""
    write(tmp_path, 0, [(n, n, f"line {n}") for n in range(30)])
    write(tmp_path, 1, [(n, n, f"line {n}") for n in range(30, 33)], end='[33,33,"stdout",7,"li')
    assert last_lines(tmp_path) == [f"line {n}" for n in range(13, 33)]
    assert LINES_MAX == 20


def test_a_progress_bar_is_one_line_as_it_was_last(tmp_path: Path) -> None:
    """Of several records of a line the latest counts."""
    write(tmp_path, 0, [(0, 0, "start"), *((1 + n, 1, f"{n} %") for n in range(100)), (101, 2, "Killed")])
    assert last_lines(tmp_path) == ["start", "99 %", "Killed"]


def test_long_lines_are_cut_and_fewer(tmp_path: Path) -> None:
    """Four kilobytes in all, of letters that take several bytes, too."""
    write(tmp_path, 0, [(n, n, "µ" * 1000) for n in range(30)])
    found = last_lines(tmp_path)
    assert found == ["µ" * 500] * 4
    assert sum(len(line.encode()) for line in found) <= BYTES_MAX


def test_of_a_large_file_only_the_end_is_read(tmp_path: Path) -> None:
    """A file longer than what is looked at begins in the middle of a line, which is left out: of long ones few fit."""
    write(tmp_path, 0, [(n, n, f"{n} {'=' * 30_000}") for n in range(10)])
    assert [line.split()[0] for line in last_lines(tmp_path)] == ["8", "9"]


def test_where_nothing_is_or_can_be_read_there_is_nothing(tmp_path: Path) -> None:
    """No record, a damaged one, and a folder in place of a file: no lines and no error."""
    assert last_lines(tmp_path) == []
    assert last_lines(tmp_path / "nowhere") == []
    (tmp_path / segment_name(0)).write_bytes(b'\xff\n{}\n[1,2]\n[0,0,"stdout",7,"whole"]\n')
    (tmp_path / segment_name(1)).mkdir()
    assert last_lines(tmp_path) == ["whole"]
