"""The embedded ClickHouse, started as a process and spoken to as its users do."""

from __future__ import annotations

import gzip
import io
import signal
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count as count_from
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from embedded_process import Embedded

BATCH_ROWS = 1000
SECRET = "the content of a file that no query may see"

# Doubles by their bits: both zeros, infinities, NaNs with payload and sign, the smallest and the largest, an odd one.
BITS = [
    0x0000000000000000, 0x8000000000000000, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000,
    0xFFF8000000000001, 0x7FF8DEADBEEF1234, 0x7FF0000000000001, 0x0000000000000001, 0x7FEFFFFFFFFFFFFF,
    0x3FB999999999999A,
]  # fmt: skip


@pytest.fixture
def table(embedded: Embedded) -> Iterator[str]:
    embedded.sql("CREATE TABLE t (a Int64, v Float64) ENGINE = MergeTree ORDER BY a")
    yield "t"
    embedded.sql("DROP TABLE t SYNC")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.csv"
    file.write_text(SECRET)
    return file


def arrow_stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


ROWS = pa.table({"a": [1, 2, 3], "v": [0.5, -1.25, 1e300]})
BODIES = {
    "ArrowStream": arrow_stream(ROWS),
    "Parquet": parquet(ROWS),
    "RowBinary": b"".join(struct.pack("<qd", row["a"], row["v"]) for row in ROWS.to_pylist()),
    "CSV": b"1,0.5\n2,-1.25\n3,1e300\n",
    "TabSeparated": b"1\t0.5\n2\t-1.25\n3\t1e300\n",
    "JSONEachRow": b'{"a":1,"v":0.5}\n{"a":2,"v":-1.25}\n{"a":3,"v":1e300}\n',
    "Values": b"(1,0.5),(2,-1.25),(3,1e300)",
}


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_health_paths_say_ok(embedded: Embedded, path: str) -> None:
    """Who asks whether the program lives gets the answer of a ClickHouse server."""
    assert embedded.request("GET", path=path)[::2] == (200, b"Ok.\n")


def test_clickhouse_connect_reads_and_writes(embedded: Embedded, table: str) -> None:
    """The ordinary client, sessions, settings and all, sees no difference to a server."""
    client = embedded.client(settings={"max_threads": 1})
    summary = client.insert(table, [[1, 0.5], [2, float("nan")]], column_names=["a", "v"])
    assert summary.written_rows == 2
    assert client.query_arrow(f"SELECT a FROM {table} ORDER BY a").column("a").to_pylist() == [1, 2]
    assert client.query("SELECT {x:String}, getSetting('max_threads')", {"x": "o'k\\n\t"}).first_row == ("o'k\\n\t", 1)
    assert client.command(f"SELECT count() FROM {table}") == 2
    client.close()


def test_long_parameters_come_as_a_form(embedded: Embedded) -> None:
    """Parameters too long for a URL are read from a multipart form."""
    client = embedded.client(form_encode_query_params=True)
    text = "x'\\" * 100_000
    assert client.query("SELECT {x:String}", {"x": text}).first_row == (text,)
    client.close()


@pytest.mark.parametrize("in_url", [True, False], ids=["query in URL", "query in body"])
@pytest.mark.parametrize("fmt", BODIES)
def test_insert_takes_its_data_from_the_body(embedded: Embedded, table: str, fmt: str, in_url: bool) -> None:  # noqa: FBT001
    """Each format arrives whole, whether the statement stands in the URL or before the data."""
    statement = f"INSERT INTO {table} (a, v) FORMAT {fmt}"
    parameters: dict[str, Any] = {"query": statement} if in_url else {}
    body = BODIES[fmt] if in_url else f"{statement}\n".encode() + BODIES[fmt]
    status, headers, answer = embedded.request("POST", body, **parameters)
    assert status == 200, answer
    assert '"written_rows": "3"' in headers["X-ClickHouse-Summary"]
    assert embedded.sql(f"SELECT * FROM {table} ORDER BY a FORMAT CSV") == "1,0.5\n2,-1.25\n3,1e300\n"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("lz4", lambda data: pa.compress(data, "lz4", asbytes=True)),
        ("zstd", lambda data: pa.compress(data, "zstd", asbytes=True)),
    ],
)
def test_insert_takes_compressed_bodies(embedded: Embedded, table: str, encoding: str, encode: object) -> None:
    """Every Content-Encoding that clickhouse-connect may choose is understood."""
    data = BODIES["CSV"] * 10_000
    assert callable(encode)
    status, _, answer = embedded.request(
        "POST", encode(data), headers={"Content-Encoding": encoding}, query=f"INSERT INTO {table} FORMAT CSV"
    )
    assert status == 200, answer
    assert embedded.sql(f"SELECT count() FROM {table}") == "30000\n"


def test_insert_takes_chunked_bodies(embedded: Embedded, table: str) -> None:
    """A body whose length is not known before is read to its end."""
    pieces = iter([BODIES["CSV"]] * 1000)
    status, _, answer = embedded.request("POST", pieces, chunked=True, query=f"INSERT INTO {table} FORMAT CSV")
    assert status == 200, answer
    assert embedded.sql(f"SELECT count() FROM {table}") == "3000\n"


def test_a_million_rows_in_one_insert(embedded: Embedded, table: str) -> None:
    """A large insert is stored whole and exactly."""
    values = np.random.default_rng(7).normal(size=1_000_000)
    body = arrow_stream(pa.table({"a": np.arange(len(values)), "v": values}))
    status, headers, answer = embedded.request("POST", body, query=f"INSERT INTO {table} FORMAT ArrowStream")
    assert status == 200, answer
    assert '"written_rows": "1000000"' in headers["X-ClickHouse-Summary"]
    _, _, stored = embedded.request("GET", query=f"SELECT v FROM {table} ORDER BY a FORMAT RowBinary")
    assert stored == values.tobytes()


@pytest.mark.parametrize("fmt", ["ArrowStream", "Parquet", "RowBinary", "Native"])
def test_every_bit_of_a_double_is_kept(embedded: Embedded, table: str, fmt: str) -> None:
    """Signs of zero, infinities and the payloads of NaNs come back as they were sent."""
    values = np.array(BITS, dtype="<u8").view("<f8")
    rows = pa.table({"a": np.arange(len(values)), "v": values})
    if fmt == "Native":
        body = b"\x02" + bytes([len(values)]) + b"\x01a\x05Int64" + rows["a"].to_numpy().tobytes()
        body += b"\x01v\x07Float64" + values.tobytes()
    elif fmt == "RowBinary":
        body = b"".join(struct.pack("<qQ", a, bits) for a, bits in enumerate(BITS))
    else:
        body = arrow_stream(rows) if fmt == "ArrowStream" else parquet(rows)
    status, _, answer = embedded.request("POST", body, query=f"INSERT INTO {table} FORMAT {fmt}")
    assert status == 200, answer
    embedded.sql(f"OPTIMIZE TABLE {table} FINAL")
    _, _, binary = embedded.request("GET", query=f"SELECT v FROM {table} ORDER BY a FORMAT RowBinary")
    assert binary == values.tobytes()
    _, _, arrow = embedded.request("GET", query=f"SELECT v FROM {table} ORDER BY a FORMAT ArrowStream")
    assert pa.ipc.open_stream(arrow).read_all()["v"].to_numpy().tobytes() == values.tobytes()


def test_bound_parameters_are_values_and_nothing_else(embedded: Embedded, table: str) -> None:
    """What is bound is never read as SQL."""
    hostile = "x'; DROP TABLE t; --"
    client = embedded.client()
    query = f"SELECT {{x:String}}, {{n:Array(Int64)}} FROM (SELECT count() FROM {table})"
    assert client.query(query, {"x": hostile, "n": [1, 2]}).first_row == (hostile, [1, 2])
    assert embedded.sql(f"EXISTS TABLE {table}") == "1\n"
    client.close()


def test_an_insert_takes_bound_parameters(embedded: Embedded, table: str) -> None:
    """Parameters are bound in the text of an INSERT and in its values."""
    parameters: dict[str, Any] = {"query": "INSERT INTO {t:Identifier} VALUES", "param_t": table, "param_v": "2.5"}
    status, _, answer = embedded.request("POST", b"(1, {v:Float64})", **parameters)
    assert (status, embedded.sql(f"SELECT * FROM {table}")) == (200, "1\t2.5\n"), answer


def test_parameters_choose_database_format_and_settings(embedded: Embedded) -> None:
    """URL parameters and X-ClickHouse headers mean what they mean to a server, and end with their request."""
    query = "SELECT currentDatabase() AS d, getSetting('max_block_size') AS m"
    answer = b'{"d":"system","m":77}\n'
    parameters: dict[str, Any] = {"database": "system", "default_format": "JSONEachRow", "max_block_size": 77}
    status, headers, body = embedded.request("GET", query=query, **parameters)
    assert (status, headers["X-ClickHouse-Format"], body) == (200, "JSONEachRow", answer)
    assert headers["X-ClickHouse-Timezone"] == "UTC"
    named = {"X-ClickHouse-Database": "system", "X-ClickHouse-Format": "JSONEachRow"}
    assert embedded.request("GET", query=query, max_block_size=77, headers=named)[2] == answer
    assert embedded.request("GET", query=query, query_id="mine")[1]["X-ClickHouse-Query-Id"] == "mine"
    assert embedded.sql(f"{query} FORMAT CSV").startswith('"default",6')


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT nope", 404, 47),
        ("SELECT * FROM nope", 404, 60),
        ("SELECT FROM WHERE", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT toInt8('x')", 400, 6),
        ("INSERT INTO nope FORMAT CSV\n1", 404, 60),
        ("SELECT 1 FORMAT Nonsense", 404, 73),
        ("", 400, 62),
        ("-- nothing", 400, 62),
    ],
)
def test_errors_are_the_engines_own(embedded: Embedded, query: str, status: int, code: int) -> None:
    """An error has the engine's code, in header and text, and a status that says whose fault it is."""
    answered, headers, body = embedded.request("POST", query.encode())
    assert (answered, headers["X-ClickHouse-Exception-Code"]) == (status, str(code)), body
    assert body.decode().startswith(f"Code: {code}. DB::Exception: ")


def test_clickhouse_connect_reads_the_error(embedded: Embedded) -> None:
    """The client raises its own error with ClickHouse's code and text."""
    client = embedded.client()
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE") as caught:
        client.query("SELECT * FROM nope")
    assert caught.value.code == 60
    client.close()


def test_unknown_settings_databases_and_users_are_refused(embedded: Embedded) -> None:
    """What the program does not know it does not pass over."""
    codes = [
        embedded.request("GET", query="SELECT 1", **parameters)[1]["X-ClickHouse-Exception-Code"]
        for parameters in (
            {"no_such_setting": 1}, {"database": "nope"}, {"user": "root"}, {"password": "x"}, {"readonly": "9"},
            {"compress": 1}, {"bad-name": 1},
        )
    ]  # fmt: skip
    assert codes == ["115", "81", "516", "516", "36", "1", "36"]
    assert embedded.request("GET", query="SELECT 1", headers={"Authorization": "Basic cm9vdDp4"})[0] == 403


WRITES = [
    "INSERT INTO t VALUES (9, 9)", "INSERT INTO t SELECT 9, 9", "INSERT INTO t FORMAT CSV\n9,9", "DROP TABLE t",
    "TRUNCATE TABLE t", "CREATE TABLE u (a Int8) ENGINE = Memory", "CREATE VIEW u AS SELECT 1",
    "ALTER TABLE t DELETE WHERE 1",
    "ALTER TABLE t UPDATE v = 0 WHERE 1", "RENAME TABLE t TO u", "OPTIMIZE TABLE t FINAL", "DELETE FROM t WHERE 1",
    "CREATE DATABASE u", "CREATE FUNCTION u AS x -> x", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1",
    "SET max_threads = 1",
    "SET readonly = 0", "SELECT 1 SETTINGS readonly = 0", "DETACH TABLE t", "EXCHANGE TABLES t AND t", "USE system",
    "WITH 9 AS x INSERT INTO t SELECT x, x", "/* SELECT */ INSERT INTO t VALUES (9, 9)",
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("GET", {}), ("GET", {"readonly": 0}), ("POST", {"readonly": 1}), ("POST", {"readonly": 2})],
    ids=["GET", "GET readonly=0", "readonly=1", "readonly=2"],
)
@pytest.mark.parametrize("query", WRITES)
def test_a_readonly_query_changes_nothing(
    embedded: Embedded, table: str, query: str, method: str, parameters: dict[str, Any]
) -> None:
    """GET, and readonly, refuse whatever writes, and the table is as it was."""
    embedded.sql(f"INSERT INTO {table} VALUES (1, 2)")
    status, headers, body = (
        embedded.request("GET", query=query, **parameters)
        if method == "GET"
        else embedded.request("POST", query.encode(), **parameters)
    )
    assert status in {403, 404}, body
    assert headers["X-ClickHouse-Exception-Code"] in {"164", "497", "60"}, body
    assert embedded.sql(f"SELECT * FROM {table}") == "1\t2\n"
    assert embedded.sql("SELECT count() FROM system.tables WHERE name = 'u'") == "0\n"


def test_readonly_1_keeps_settings_and_readonly_2_frees_them(embedded: Embedded) -> None:
    """The two kinds of readonly differ as they do on a server."""
    query = b"SELECT getSetting('max_block_size') SETTINGS max_block_size = 5"
    assert embedded.request("POST", query, readonly=1)[1]["X-ClickHouse-Exception-Code"] == "164"
    assert embedded.request("POST", query, readonly=2)[2] == b"5\n"


OUTSIDE = [
    "SELECT file('{file}')", "SELECT `fi\\x6ce`('{file}')", 'SELECT "f\\x69le"(\'{file}\')',
    "SELECT arrayMap(file, ['{file}'])", "SELECT arrayMap(x -> file(x), ['{file}'])",
    "SELECT * APPLY(file) FROM (SELECT '{file}' AS z)", "SELECT * APPLY file FROM (SELECT '{file}' AS z)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{file}' AS z)", "SELECT arrayMap({{f:Identifier}}, ['{file}'])",
    "WITH (SELECT file('{file}')) AS z SELECT z FORMAT JSON", "SELECT 1 WHERE file('{file}') = 'x' FORMAT Parquet",
    "SELECT file/* */('{file}')", "SELECT * FROM view(SELECT file('{file}'))", "DESCRIBE (SELECT file('{file}'))",
    "EXPLAIN SELECT file('{file}')", "SELECT ‘'’, file('{file}'), ‘'’", "SELECT $$'$$, file('{file}'), $$'$$",
    "SELECT 1 SETTINGS additional_result_filter = 'file(\\'{file}\\') != 1'",
    "SELECT * FROM file('{file}', 'LineAsString')", "DESCRIBE file('{file}')", "SELECT * FROM `{file}`",
    "SELECT * FROM scratch.`{file}`", "SELECT * FROM url('http://127.0.0.1:{port}/ping', 'LineAsString')",
    "DESCRIBE url('http://127.0.0.1:{port}/ping')", "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/x', 'CSV')",
    "SELECT * FROM remote('127.0.0.1:{port}', system.one)", "SELECT * FROM executable('cat', 'CSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')", "SELECT * FROM sqlite('{file}', 'x')",
    "SELECT * FROM python('{file}')", "SELECT * FROM filesystem('/')", "SELECT * FROM icebergLocal('/tmp')",
    "SELECT 1 INTO OUTFILE '{file}.out'", "SELECT 1 INTO/* */outfile '{file}.out' FORMAT CSV",
    "EXPLAIN SELECT 1 INTO OUTFILE '{file}.out'", "SELECT 1 FORMAT CSV INTO OUTFILE '{file}.out'",
]  # fmt: skip


@pytest.mark.parametrize("readonly", [1, 2])
@pytest.mark.parametrize("query", OUTSIDE)
def test_a_readonly_query_reaches_nothing_outside(embedded: Embedded, secret: Path, query: str, readonly: int) -> None:
    """No spelling of a read-only query reads a file or a URL, or writes a file."""
    text = query.format(file=secret, port=embedded.port)
    status, _, body = embedded.request("POST", text.encode(), readonly=readonly, param_f="file")
    assert status != 200, body
    assert SECRET.encode() not in body
    assert not secret.with_name("secret.csv.out").exists()


@pytest.mark.parametrize("setting", ["dialect", "additional_result_filter", "additional_table_filters"])
def test_settings_that_go_round_the_guards_are_fixed(embedded: Embedded, setting: str) -> None:
    """Settings that change how a query is read, or carry SQL, cannot be set."""
    value = {"dialect": "prql", "additional_result_filter": "1", "additional_table_filters": "{'t':'1'}"}[setting]
    parameters: dict[str, Any] = {"query": "SELECT 1", setting: value}
    assert embedded.request("GET", **parameters)[1]["X-ClickHouse-Exception-Code"] == "452"


def test_names_and_values_that_only_look_like_a_file_are_free(embedded: Embedded) -> None:
    """The guard reads the query as the engine does: a string, a key of JSON or an alias's part is no call."""
    query = """SELECT 'file(x) \\n', j.file, 'file' IN ('file', 'profile'), {x:String}
        FROM (SELECT '{"file": 1}'::JSON AS j) FORMAT CSV"""
    status, _, body = embedded.request("POST", query.encode(), readonly=1, param_x="file")
    assert (status, body) == (200, b'"file(x) \n",1,1,"file"\n')


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 INTO OUTFILE '{file}.out'", "OPTIMIZE TABLE t INTO OUTFILE '{file}.out'",
        "SHOW TABLES INTO OUTFILE '{file}.out'", "KILL QUERY WHERE 0 INTO OUTFILE '{file}.out'",
        "INSERT INTO t FROM INFILE '{file}' FORMAT CSV", "INSERT INTO t (a, v) FROM INFILE '{file}' SELECT 1, 2",
        "INSERT INTO FUNCTION file('{file}.out', 'CSV', 'a Int8') VALUES (1)",
        "SELECT * FROM file('{file}', 'LineAsString')",
        "CREATE TABLE u (a Int8) ENGINE = File(CSV, '{file}')", "BACKUP TABLE t TO File('{file}.out')",
        "CREATE USER u",
        "CREATE DICTIONARY u (a Int64) PRIMARY KEY a SOURCE(FILE(path '{file}' format CSV)) LAYOUT(FLAT())",
    ],
)  # fmt: skip
def test_no_query_at_all_reads_or_writes_files(embedded: Embedded, table: str, secret: Path, query: str) -> None:
    """Queries that may write tables still neither read nor write files, nor make users."""
    status, _, body = embedded.request("POST", query.format(file=secret).encode())
    assert status != 200, body
    assert SECRET.encode() not in body
    assert not secret.with_name("secret.csv.out").exists()
    assert embedded.sql(f"SELECT count() FROM {table}") == "0\n"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://example.org"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "example.org"}],
    ids=lambda headers: next(iter(headers)),
)
def test_web_pages_are_kept_out(embedded: Embedded, table: str, headers: dict[str, str]) -> None:
    """A page in the user's browser can neither write nor read here, not even under a name that it made point here."""
    status, _, body = embedded.request("POST", f"INSERT INTO {table} VALUES (1, 1)".encode(), headers=headers)
    assert status == 403, body
    assert embedded.sql(f"SELECT count() FROM {table}") == "0\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
        (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: odd\r\nContent-Length: 1\r\n\r\nx", 501),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: zstd\r\nContent-Length: 1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nSELECT '\xff", 400),
        (b"GET /?query=%FF HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
)
def test_bad_requests_are_answered_and_change_nothing(embedded: Embedded, sent: bytes, status: int) -> None:
    """What is no request of the protocol gets a status, and the next request its answer."""
    with socket.create_connection(("127.0.0.1", embedded.port), timeout=30) as connection:
        connection.sendall(sent)
        assert connection.makefile("rb").readline().split()[1] == str(status).encode()
    assert embedded.sql("SELECT 1") == "1\n"
    assert "Traceback" not in embedded.log


@pytest.mark.parametrize("rows", [3, 300_000], ids=["small", "large"])
@pytest.mark.parametrize("fmt", ["CSV", "ArrowStream"])
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_an_insert_cut_off_stores_nothing(
    embedded: Embedded,
    table: str,
    fmt: str,
    rows: int,
    chunked: bool,  # noqa: FBT001
) -> None:
    """A writer that dies in the middle of its insert leaves no part of it behind, however far it had come."""
    body = b"1,0.5\n" * rows if fmt == "CSV" else arrow_stream(pa.table({"a": np.arange(rows), "v": np.ones(rows)}))
    head = f"POST /?query=INSERT+INTO+{table}+FORMAT+{fmt} HTTP/1.1\r\nHost: localhost\r\n".encode()
    if chunked:
        head += b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body)
    else:
        head += b"Content-Length: %d\r\n\r\n%s" % (2 * len(body), body)
    with socket.create_connection(("127.0.0.1", embedded.port), timeout=30) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").readline().split()[1] == b"400"
    assert embedded.sql(f"SELECT count() FROM {table}") == "0\n"


def test_many_at_once(embedded: Embedded, table: str) -> None:
    """Writers and readers on connections of their own do not disturb each other."""
    failures: list[object] = []

    def work(worker: int) -> None:
        client = embedded.client()
        try:
            for turn in range(20):
                client.insert(table, [[worker * 1000 + turn, 1.5]], column_names=["a", "v"])
                rows = client.query(f"SELECT a FROM {table} WHERE a BETWEEN {worker * 1000} AND {worker * 1000 + 999}")
                if len(rows.result_rows) != turn + 1:
                    failures.append((worker, turn, rows.result_rows))
        except DatabaseError as error:
            failures.append(error)
        finally:
            client.close()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert embedded.sql(f"SELECT count(), uniqExact(a) FROM {table}") == "320\t320\n"


def test_long_queries_block_nobody(embedded: Embedded) -> None:
    """While several queries hang, the program says that it lives, and answers others."""
    hanging = [threading.Thread(target=_endless, args=(embedded,)) for _ in range(8)]
    for thread in hanging:
        thread.start()
    running = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'"
    while embedded.sql(running) != "8\n":
        pass
    assert embedded.request("GET", path="/ping")[0] == 200
    assert embedded.sql("SELECT 1") == "1\n"
    assert all(thread.is_alive() for thread in hanging)
    embedded.sql("KILL QUERY WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%KILL%' ASYNC")
    for thread in hanging:
        thread.join(60)
        assert not thread.is_alive()


def test_max_execution_time_ends_a_query(embedded: Embedded) -> None:
    """A query ends when the time is over that it was given."""
    query = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
    status, headers, _ = embedded.request("GET", query=query, max_execution_time=0.2)
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (408, "159")


def test_a_query_beyond_its_memory_fails_alone(embedded: Embedded) -> None:
    """A query that wants more memory than there is is refused; the program goes on."""
    query = "SELECT groupArray(number) FROM numbers(1000000000)"
    assert embedded.request("GET", query=query)[1]["X-ClickHouse-Exception-Code"] == "241"
    query = "SELECT number, number, number FROM numbers(100000000) FORMAT RowBinary"
    assert embedded.request("GET", query=query)[1]["X-ClickHouse-Exception-Code"] == "396"
    assert embedded.sql("SELECT 1") == "1\n"


def test_too_many_queries_are_told_to_come_again(tmp_path: Path) -> None:
    """Beyond the limit a query is refused with a status that clients retry, and the limit frees itself."""
    program = """
import logging, sys
from pathlib import Path
from runwire_storage.embedded import EmbeddedSettings, serve
logging.basicConfig(level=logging.INFO)
serve(Path(sys.argv[2]), settings=EmbeddedSettings(queries_max=1, queue_seconds_max=0.05))
"""
    with Embedded(tmp_path / "data", program=program) as embedded:
        endless = threading.Thread(target=_endless, args=(embedded,))
        endless.start()
        while (answer := embedded.request("POST", b"SELECT 1"))[0] == 200:
            pass
        assert (answer[0], answer[1]["X-ClickHouse-Exception-Code"]) == (503, "202")
        assert embedded.request("GET", path="/ping")[0] == 200
        assert embedded.stop(signal.SIGTERM) == 0
        endless.join(60)


def test_acknowledged_inserts_survive_sigkill(tmp_path: Path) -> None:
    """Killed while it inserts, four times, it has every acknowledged row, and of any other insert all or nothing."""
    acknowledged: list[int] = []
    for number in range(4):
        with Embedded(tmp_path) as embedded:
            embedded.sql("CREATE TABLE IF NOT EXISTS k (batch UInt32, a UInt32) ENGINE = MergeTree ORDER BY (batch, a)")
            enough = threading.Event()
            writer = threading.Thread(target=_write, args=(embedded, number * 10_000, acknowledged, enough))
            writer.start()
            assert enough.wait(60)
            assert embedded.stop(signal.SIGKILL) == -signal.SIGKILL
            writer.join(60)
    with Embedded(tmp_path) as embedded:
        rows = embedded.sql("SELECT batch, count() FROM k GROUP BY batch").splitlines()
    stored = {int(batch): int(count) for batch, count in map(str.split, rows)}
    assert set(acknowledged) <= stored.keys()
    assert set(stored.values()) == {BATCH_ROWS}


def test_sigterm_ends_it_cleanly_even_while_a_query_hangs(tmp_path: Path) -> None:
    """Told to stop, it refuses what is new, ends what runs, and exits with 0; the data are there at the next start."""
    with Embedded(tmp_path) as embedded:
        embedded.sql("CREATE TABLE k (a Int8) ENGINE = MergeTree ORDER BY a")
        embedded.sql("INSERT INTO k VALUES (7)")
        endless = threading.Thread(target=_endless, args=(embedded,))
        endless.start()
        while embedded.sql("SELECT count() FROM system.processes") != "2\n":
            pass
        assert embedded.stop(signal.SIGTERM) == 0
        endless.join(60)
        assert "Traceback" not in embedded.log
    with Embedded(tmp_path) as embedded:
        assert embedded.sql("SELECT * FROM k") == "7\n"
        assert embedded.stop(signal.SIGINT) == 0


def test_a_second_process_on_the_same_folder_says_so(tmp_path: Path) -> None:
    """Two engines over one folder would destroy it: the second ends with one sentence and an exit code."""
    with Embedded(tmp_path) as first, Embedded(tmp_path) as second:
        assert second.process.wait(60) == 1
        assert len(second.lines) == 1
        assert f"in use by another embedded ClickHouse (process {first.process.pid})" in second.log
        assert first.sql("SELECT 1") == "1\n"


def test_a_port_that_is_taken_and_a_folder_that_cannot_be_are_told(tmp_path: Path) -> None:
    """What a user can cause is told in one sentence, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Embedded(tmp_path / "data", port=port) as embedded:
            assert embedded.process.wait(60) == 1
            assert len(embedded.lines) == 1
            assert f"cannot listen on 127.0.0.1:{port}" in embedded.log
    (tmp_path / "file").write_text("")
    with Embedded(tmp_path / "file" / "data") as embedded:
        assert embedded.process.wait(60) == 1
        assert len(embedded.lines) == 1
        assert "choose another folder" in embedded.log


def test_a_strange_folder_works(tmp_path: Path) -> None:
    """Blanks, quotes, percent signs and letters beyond ASCII in the path are nothing special."""
    with Embedded(tmp_path / "da ta ü%20&'x") as embedded:
        embedded.sql("CREATE TABLE k (a Int8) ENGINE = MergeTree ORDER BY a")
        assert embedded.sql("SELECT count() FROM k") == "0\n"


def test_the_current_folder_configures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config.xml that lies where the program is started is not the program's."""
    (tmp_path / "config.xml").write_text("<clickhouse><default_database>stray</default_database></clickhouse>")
    monkeypatch.chdir(tmp_path)
    with Embedded(Path("data")) as embedded:
        assert embedded.sql("SELECT currentDatabase()") == "default\n"
    assert {entry.name for entry in tmp_path.iterdir()} == {"config.xml", "data"}


def _endless(embedded: Embedded) -> None:
    with suppress(OSError):  # the process may end first
        embedded.request("POST", b"SELECT sleepEachRow(1) FROM numbers(1000) SETTINGS max_block_size = 1")


def _write(embedded: Embedded, batch: int, acknowledged: list[int], enough: threading.Event) -> None:
    """Insert batches until the process is gone; after twenty, say that this is enough."""
    with suppress(OSError):
        for count in count_from(1):
            rows = pa.table({"batch": np.full(BATCH_ROWS, batch, "u4"), "a": np.arange(BATCH_ROWS, dtype="u4")})
            status, _, _ = embedded.request("POST", arrow_stream(rows), query="INSERT INTO k FORMAT ArrowStream")
            assert status == 200
            acknowledged.append(batch)
            batch += 1
            if count == 20:
                enough.set()
