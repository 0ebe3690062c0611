"""The spool's promise: what was whole is read back, to the bit, whatever was cut or damaged."""

from __future__ import annotations

import resource
import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import until

from runwire.spool import Damage, Item, Position, Reader, Rows, Told, Writer
from runwire.spool.format import KEYS, pack_event, segment_name

Bits = tuple[str, int, int, tuple[tuple[str, int], ...]]

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
#: Any 64 bits: NaNs of every payload, infinities, both zeros, subnormals.
_BITS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.sampled_from([0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFFF_FFFF_FFFF_FFFF, 1 << 63, 1, 0x7FF << 52]),
)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_ROW = st.tuples(_INT64, _INT64, st.dictionaries(_NAMES, _BITS, min_size=1, max_size=4))
_RECORDS = st.lists(st.one_of(_ROW, st.dictionaries(_NAMES, st.text(max_size=9), max_size=3)), max_size=12)


def _value(bits: int) -> float:
    return struct.unpack("<d", bits.to_bytes(8, "little"))[0]


def _write(folder: Path, records: list, segment_bytes: int = 1 << 20) -> list[Bits]:
    """Write records; return what a reader must find."""
    writer = Writer(folder, 7, segment_bytes=segment_bytes)
    for record in records:
        if isinstance(record, tuple):
            step, ts, values = record
            writer.row(tuple(values), step, ts, [_value(bits) for bits in values.values()])
        else:
            writer.event({"type": "config", "ts": 5, "data": record})
    writer.close()
    return [
        ("row", *record[:2], tuple(record[2].items()))
        if isinstance(record, tuple)
        else ("event", 0, 5, tuple(record.items()))  # type: ignore[misc]
        for record in records
    ]


def _read(reader: Reader, *, gone: bool = True) -> list[Item]:
    items: list[Item] = []
    while some := reader.read(gone=gone):
        items += some
    reader.close()  # it opens the segment again if it is read on
    return items


def _bits(items: list[Item]) -> list[Bits]:
    found: list[Bits] = []
    for item in items:
        if isinstance(item, Told):
            found.append(("event", 0, item.event["ts"], tuple(item.event["data"].items())))
        elif isinstance(item, Rows):
            words = item.data.cast("Q").tolist()
            width = 5 + len(item.keys)
            for at in range(0, len(words), width):
                step, ts = struct.unpack("<qq", struct.pack("<QQ", *words[at + 3 : at + 5]))
                values = zip(item.keys, words[at + 5 : at + width], strict=True)
                found.append(("row", step, ts, tuple(values)))
    return found


def _seqs(items: list[Item]) -> list[int]:
    seqs: list[int] = []
    for item in items:
        if isinstance(item, Rows):
            words = item.data.cast("Q").tolist()
            seqs += words[2 :: 5 + len(item.keys)]
        else:
            seqs.append(item.seq)
    return seqs


@settings(max_examples=150, deadline=None)
@given(records=_RECORDS, segment_bytes=st.sampled_from([200, 1 << 20]))
def test_what_was_written_is_read_back_to_the_bit(records: list, segment_bytes: int) -> None:
    """Any rows and events come back whole, in order, with rising seq, over any number of segments."""
    with TemporaryDirectory() as folder:
        expected = _write(Path(folder), records, segment_bytes)
        items = _read(Reader(Path(folder)))
        assert _bits(items) == expected
        seqs = _seqs(items)
        assert seqs == sorted(set(seqs))
        assert all(seq >> 32 == 7 for seq in seqs)


@settings(max_examples=150, deadline=None)
@given(records=_RECORDS, data=st.data())
def test_a_cut_at_any_byte_loses_only_what_it_cuts(records: list, data: st.DataObject) -> None:
    """Of a segment cut anywhere, every record before the cut is read, none behind it, and nothing is reported."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        expected = _write(folder, records)
        path = folder / segment_name(0)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)), label="cut")
        path.write_bytes(whole[:cut])
        kept = sum(end <= cut and kind != KEYS for end, kind in _records(whole))
        items = _read(Reader(folder))
        assert _bits(items) == expected[:kept]
        assert not any(isinstance(item, Damage) for item in items)
        # A reader that comes while the writer lives waits for the rest, and finds it.
        reader = Reader(folder)
        before = _read(reader, gone=False)
        path.write_bytes(whole)
        assert _bits(before + _read(reader, gone=False)) == expected


@settings(max_examples=100, deadline=None)
@given(records=_RECORDS.filter(bool), segment_bytes=st.sampled_from([200, 1 << 20]))
def test_going_on_from_any_record_reads_the_rest(records: list, segment_bytes: int) -> None:
    """A reader that starts behind any record reads exactly what comes after it, by its right names."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        expected = _write(folder, records, segment_bytes)
        read = 0
        for segment in range(len(list(folder.glob("*.seg")))):
            for end, kind in _records((folder / segment_name(segment)).read_bytes()):
                read += kind != KEYS
                assert _bits(_read(Reader(folder, Position(segment, end)))) == expected[read:]


def _records(content: bytes) -> list[tuple[int, int]]:
    """Where each record of a segment ends, and its kind."""
    ends, at = [], 0
    while at < len(content):
        size, kind = struct.unpack_from("<II", content, at + 4)
        at += size
        ends.append((at, kind))
    return ends


@settings(max_examples=100, deadline=None)
@given(count=st.integers(3, 40), data=st.data())
def test_damage_in_the_middle_costs_the_damaged_records_alone(count: int, data: st.DataObject) -> None:
    """A flipped byte loses its own record; the others are read, and the loss is reported with its size."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        writer = Writer(folder, 7)
        for step in range(count):
            writer.row(("loss",), step, 0, [step / 3])
        writer.close()
        path = folder / segment_name(0)
        content = bytearray(path.read_bytes())
        row = data.draw(st.integers(0, count - 2), label="row")
        keys = int.from_bytes(content[4:8], "little")
        at = keys + 48 * row + data.draw(st.integers(0, 47), label="byte")
        content[at] ^= data.draw(st.integers(1, 255), label="flip")
        path.write_bytes(content)
        items = _read(Reader(folder, seq=7 << 32))
        assert [bits[1] for bits in _bits(items)] == [step for step in range(count) if step != row]
        damage = [item for item in items if isinstance(item, Damage)]
        assert [(item.size, item.seq) for item in damage] == [(48, (7 << 32) + 2 + row if row else damage[0].seq)]
        seqs = _seqs(items)
        assert seqs == sorted(set(seqs)), "a report has a number of its own"


def test_a_lost_key_list_is_reported_not_guessed(tmp_path: Path) -> None:
    """Rows whose list of names cannot be read are reported as damage; they never get other rows' names."""
    writer = Writer(tmp_path, 7)
    writer.row(("loss",), 0, 0, [1.0])
    writer.row(("accuracy",), 0, 0, [2.0])
    writer.row(("loss",), 1, 0, [3.0])
    writer.close()
    path = tmp_path / segment_name(0)
    content = bytearray(path.read_bytes())
    second = content.index(b"accuracy") - 16
    content[second + 20] ^= 0xFF
    path.write_bytes(content)
    items = _read(Reader(tmp_path))
    assert [(bits[1], bits[3][0][0]) for bits in _bits(items)] == [(0, "loss"), (1, "loss")]
    assert sum(isinstance(item, Damage) for item in items) == 1


def test_a_short_write_leaves_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kernel takes a part of a record only, the segment is cut back and the loss is told afterwards."""
    import os

    writer = Writer(tmp_path, 7)
    writer.row(("loss",), 0, 0, [1.0])
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:20]))
    with pytest.raises(OSError, match="No space left"):
        writer.row(("loss",), 1, 0, [2.0])
    monkeypatch.undo()
    writer.row(("loss",), 2, 0, [3.0])
    writer.close()
    items = _read(Reader(tmp_path))
    assert [bits[1] for bits in _bits(items) if bits[0] == "row"] == [0, 2]
    (told,) = [item for item in items if isinstance(item, Told)]
    assert told.event["type"] == "dropped"
    assert told.event["data"] == {"rows": 1, "events": 0, "parts": 0, "files": 0, "reason": "No space left on device"}


def test_a_large_segment_is_read_in_stretches(tmp_path: Path) -> None:
    """Megabytes of mixed rows come back complete, in stretches that each fit a record on the wire."""
    writer = Writer(tmp_path, 7, segment_bytes=2 << 20)
    for step in range(60_000):
        keys = ("loss", "accuracy", "lr") if step % 5 else ("val/loss",)
        writer.row(keys, step, 0, [float(step)] * len(keys))
    writer.close()
    items = _read(Reader(tmp_path))
    assert [bits[1] for bits in _bits(items)] == list(range(60_000))
    assert max(len(item.data) for item in items if isinstance(item, Rows)) <= 1 << 18
    assert len(list(tmp_path.glob("*.seg"))) > 1


@pytest.mark.parametrize("padding", range(0, 48, 8))
def test_going_on_far_behind_reads_the_rest_wherever_a_chunk_ends(tmp_path: Path, padding: int) -> None:
    """Rows are passed over by the chunk, and a chunk may end within a row's header, or right before it."""
    rows = 50_000
    writer = Writer(tmp_path, 7)
    writer.event({"type": "config", "ts": 5, "data": {"text": "." * padding}})
    for step in range(rows):
        writer.row(("loss",), step, 0, [1.0])
    writer.close()
    items = _read(Reader(tmp_path))
    position = [item for item in items if isinstance(item, Rows)][-2].end
    assert position.offset > 2 << 20
    rest = [bits[1] for bits in _bits(_read(Reader(tmp_path, position)))]
    assert rest == list(range(rows - len(rest), rows))
    assert 0 < len(rest) < rows // 2


def test_a_reader_knows_whether_there_is_more_without_reading(tmp_path: Path) -> None:
    """Nothing new, a row, the head of one, its rest: `grown` says when `read` finds something."""
    writer = Writer(tmp_path, 7)
    reader = Reader(tmp_path)
    assert reader.read(gone=False) == []
    assert not reader.grown()
    writer.row(("loss",), 0, 0, [1.0])
    assert reader.grown()
    (item,) = reader.read(gone=False)
    assert reader.caught_up
    assert not reader.grown()
    assert reader.end() == item.end
    segment = tmp_path / segment_name(0)
    whole = segment.read_bytes()
    writer.row(("loss",), 1, 0, [2.0])
    grown = segment.read_bytes()
    segment.write_bytes(grown[:-20])
    assert reader.read(gone=False) == []
    assert reader.grown(), "a torn row is looked at until it is whole"
    segment.write_bytes(grown)
    (rest,) = reader.read(gone=False)
    assert (rest.end.offset - len(whole), reader.grown()) == (48, False)
    writer.close()
    reader.close()


def test_a_segment_left_before_it_is_full_is_followed_by_the_next(tmp_path: Path) -> None:
    """A writer begins another one after a full disk: a reader that has all of the first finds it."""
    writer = Writer(tmp_path, 7)
    reader = Reader(tmp_path)
    writer.row(("loss",), 0, 0, [1.0])
    assert _bits(reader.read(gone=False)) == [("row", 0, 0, (("loss", 0x3FF0_0000_0000_0000),))]
    assert not reader.turned()
    writer._rotate()
    writer.row(("loss",), 1, 0, [1.0])
    assert (reader.grown(), reader.turned()) == (False, True)
    assert _bits(reader.read(gone=False)) == [("row", 1, 0, (("loss", 0x3FF0_0000_0000_0000),))]
    assert not reader.turned()
    writer.close()
    reader.close()


def test_a_reader_goes_on_where_another_is(tmp_path: Path) -> None:
    """Also in another segment, and with key lists that only the other has read."""
    writer = Writer(tmp_path, 7)
    ahead, behind = Reader(tmp_path), Reader(tmp_path)
    writer.row(("loss",), 0, 0, [1.0])
    behind.read(gone=False)
    writer._rotate()
    writer.row(("acc",), 1, 0, [1.0])
    while ahead.read(gone=False):
        pass
    behind.follow(ahead)
    assert behind.position == ahead.position
    writer.row(("acc",), 2, 0, [1.0])
    assert _bits(behind.read(gone=False)) == [("row", 2, 0, (("acc", 0x3FF0_0000_0000_0000),))]
    for reader in (ahead, behind):
        reader.close()
    writer.close()


def test_a_segment_that_is_removed_while_the_spool_is_weighed_costs_no_row(tmp_path: Path) -> None:
    """As the shipper does with what is delivered: it weighs nothing."""
    writer = Writer(tmp_path, 7, segment_bytes=4096, bytes_max=16 << 10)
    (tmp_path / "00000099.seg").symlink_to("gone")  # is seen, and gone when it is looked at
    for step in range(200):
        writer.row(("x",), step, 0, (1.0,))
    writer.close()


def test_a_spool_holds_no_more_than_it_may_and_says_what_it_dropped(tmp_path: Path) -> None:
    """Once the shipper has removed what is delivered, it takes rows again, and tells how many it could not."""
    writer = Writer(tmp_path, 7, segment_bytes=4096, bytes_max=16 << 10)
    with pytest.raises(OSError, match="it holds the 0 MiB that it may"):
        _fill(writer)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.seg"))
    assert 16 << 10 <= size <= 20 << 10
    with pytest.raises(OSError, match="spool_bytes_max"):
        writer.row(("loss",), -1, 0, [1.0])
    for path in sorted(tmp_path.glob("*.seg"))[:-1]:
        path.unlink()
    until(lambda: _takes(writer), "it takes rows again")
    writer.close()
    items = _read(Reader(tmp_path))
    (told,) = [item for item in items if isinstance(item, Told)]
    assert told.event["type"] == "dropped"
    assert told.event["data"]["rows"] >= 2
    assert "spool_bytes_max" in told.event["data"]["reason"]


def test_the_end_of_a_run_is_told_though_the_spool_is_full(tmp_path: Path) -> None:
    """As on a full disk, the reserve is for that; and before it what was dropped, for nobody reads on behind an end."""
    writer = Writer(tmp_path, 7, segment_bytes=4096, bytes_max=16 << 10)
    with pytest.raises(OSError, match="spool_bytes_max"):
        _fill(writer)
    writer.event({"type": "finish", "ts": 0, "data": {"exit_code": 0}}, vital=True)
    writer.close()
    kinds = [item.event["type"] for item in _read(Reader(tmp_path)) if isinstance(item, Told)]
    assert kinds == ["dropped", "finish"]


def test_what_was_dropped_is_told_where_there_is_room_for_the_end_of_a_run_alone(tmp_path: Path) -> None:
    """The end is shorter than what tells of the loss; it is not let past."""
    finish = {"type": "finish", "ts": 0, "data": {"exit_code": 0}}
    writer = Writer(tmp_path, 7)
    for step in range(20):
        writer.row(("loss",), step, 0, [1.0])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (tmp_path / segment_name(0)).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + len(pack_event(1, finish)), hard))
    try:
        with pytest.raises(OSError, match=r"File too large|No space left"):
            writer.row(tuple("abcdefghijklmnop"), 20, 0, [1.0] * 16)
        writer.event(finish, vital=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.close()
    told = [item.event for item in _read(Reader(tmp_path)) if isinstance(item, Told)]
    assert [event["type"] for event in told] == ["dropped", "finish"]
    assert told[0]["data"]["rows"] == 1


def _fill(writer: Writer) -> None:
    for step in range(10_000):
        writer.row(("loss",), step, 0, [1.0])


def _takes(writer: Writer) -> bool:
    try:
        writer.row(("loss",), -2, 0, [2.0])
    except OSError:
        return False
    return True
