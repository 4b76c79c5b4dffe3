"""What can go wrong with a file: bytes, values, and what stands in its place. Every choice is drawn from `rng`."""

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import tomli_w

HUGE_BYTES = 1_200_000_000
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 255, 256, 10**6, 10**9, 2**31, 2**63 - 1, -(2**63), 2**63, 2**64, 10**30, 10**400,
    0.0, -0.0, 0.5, -1.5, 1e-300, 1e300, -1e308, float("inf"), float("-inf"), float("nan"),
    "", " ", "x", "1", "-1", "1e5", "nan", "\x1b[31mred\x1b[0m", "a\nb", "a\rb", "\u202egnp",
    "\x00", "../../x", "/", "%s{0}",
    "ü" * 300, "x" * 100_000, "clean", "ok", "failed", "running", "per_endpoint", "redis", "steady",
    [], {}, [None], [[]], [{}], {"": 0}, {"a": {"b": []}}, [1, "x", None], [0] * 50,
)  # fmt: skip


def odd(rng) -> Any:
    """A value that nobody expects where it stands."""
    if rng.random() < 0.05:
        value: Any = 0
        for _ in range(rng.choice((10, 200))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return rng.choice(ODD)


def near(value: Any, rng) -> Any:
    """A value of the same type, a bit or far off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, -value, value * 1000, 0, value ^ (1 << rng.randrange(62))))
    if isinstance(value, float):
        return rng.choice((value * 2, -value, value / 1000, value + 1, value * 1e12))
    if isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return rng.choice((value[:at], value[:at] + rng.choice("ax_-.0 é\x07") + value[at:], value.upper(), value * 2))
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        return rng.choice((value[:at], [*value, value[at]], value[::-1], value * 40))
    return odd(rng)


def places(value: Any, at=()) -> list[tuple[Any, ...]]:
    """The paths of all values inside a value, and its own."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(found for key, one in inner for found in places(one, (*at, key)))]


def changed(value: Any, rng) -> Any:
    """The value with one to three things changed in it."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(places(value))
        if not path:
            if rng.random() < 0.1:
                value = odd(rng)
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        key, how = path[-1], rng.randrange(10)
        if how < 3:
            parent[key] = odd(rng)
        elif how < 6:
            parent[key] = near(parent[key], rng)
        elif how < 7:
            del parent[key]
        elif isinstance(parent, dict) and how < 8:
            parent[near(key, rng) if isinstance(key, str) and key else "x"] = parent.pop(key)
        elif isinstance(parent, dict):
            other = rng.choice(list(parent))
            parent[key], parent[other] = parent[other], parent[key]
        else:
            parent.insert(key, parent[key])
    return value


def of_json(text: bytes, rng) -> bytes:
    """JSON that is another value, or no JSON at all."""
    how = rng.random()
    if how < 0.04:
        return b"[" * 100_000 + b"]" * 100_000
    if how < 0.06:
        return b'{"schema": 1, "schema": 1, "a": ' + b"9" * 10_000 + b"}"
    if how < 0.08:
        return rng.choice((b"null", b"3", b'"x"', b"[]", b"{}", b"[{}]", b'"\\ud800"', b"\xef\xbb\xbf{}", b"NaN"))
    value = changed(json.loads(text), rng)
    return json.dumps(value, indent=1, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def of_toml(text: bytes, rng) -> bytes:
    """TOML with other values, lines, or syntax."""
    how = rng.random()
    if how < 0.04:
        return b"a = " + b"[" * 50_000 + b"]" * 50_000
    if how < 0.06:
        return b"[" + b"a." * 5_000 + b"a]\n"
    if how < 0.4:
        lines = text.decode().splitlines()
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        if rng.random() < 0.3:
            del lines[at]
        elif rng.random() < 0.3:
            lines.insert(other, lines[at])
        elif rng.random() < 0.3:
            lines[at], lines[other] = lines[other], lines[at]
        else:
            key, equals, _ = lines[at].partition("=")
            lines[at] = (
                f"{key}= {toml_value(rng)}" if equals else lines[at] + rng.choice(("]", "#", "\x07", " = 1", "é"))
            )
        return "\n".join(lines).encode()
    table = tomllib.loads(text.decode())
    for _ in range(20):
        try:
            return tomli_w.dumps(without_none(changed(table, rng))).encode("utf-8", "surrogatepass")
        except (TypeError, AttributeError, ValueError, RecursionError):
            table = tomllib.loads(text.decode())
    return text + b"\nx = 1\n"


def toml_value(rng) -> str:
    written = (
        "", "nan", "inf", "-inf", "1e400", "0x7fffffffffffffff", "99999999999999999999",
        "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z",
        "true", "[]", "{}", '""', "''", "[[]]", '["a", 1]', "{a = {b = 1}}", '"\\u001b[31m"', "-1",
        "0", "0.0", "1_000_000_000", '"\\u202e"', '"""a\nb"""', "[nan]", "{ttl_ms = -1}",
    )  # fmt: skip
    return rng.choice(written)


def without_none(value: Any) -> Any:
    """TOML knows no null."""
    if isinstance(value, dict):
        return {str(key): without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_none(one) for one in value if one is not None]
    return value


def of_lines(text: bytes, rng) -> bytes:
    """Lines that are gone, twice, elsewhere, or hold another field."""
    lines = text.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, other, how = rng.randrange(len(lines)), rng.randrange(len(lines)), rng.randrange(6)
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(other, lines[at])
        elif how == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif how == 3:
            mark = rng.choice((b",", b" ", b"=", b"."))
            parts = lines[at].split(mark)
            parts[rng.randrange(len(parts))] = rng.choice(
                (b"", b"-1", b"x", b"nan", b"1e400", b"9" * 5000, b"\x1b[2J", b"..", b"/etc/passwd", b"A" * 100)
            )
            lines[at] = mark.join(parts)
        elif how == 4:
            parts, others = lines[at].split(b","), lines[other].split(b",")
            if len(parts) == len(others) > 1:
                field = rng.randrange(len(parts))
                parts[field], others[field] = others[field], parts[field]
                lines[at], lines[other] = b",".join(parts), b",".join(others)
        else:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    return b"\n".join(lines)


def of_bytes(data: bytes, rng) -> bytes:
    """Bytes that are turned over, gone, twice, or foreign."""
    size, how = len(data), rng.randrange(9)
    at = rng.randrange(size + 1)
    length = rng.choice((1, 1, 4, 64, 1000))
    if how == 0 and size:
        out, bit = bytearray(data), rng.randrange(size * 8)
        out[bit // 8] ^= 1 << bit % 8
        return bytes(out)
    if how == 1:
        return data[:at]
    if how == 2:
        return b""
    if how == 3:
        return data[:at] + rng.randbytes(length) + data[at:]
    if how == 4:
        return data[:at] + data[at + length :]
    if how == 5:
        return data[:at] + bytes(min(length, size - at)) + data[at + length :]
    if how == 6:
        return rng.randbytes(rng.choice((1, 100, 5000)))
    if how == 7:
        return data + rng.choice((b"\0", b"\n", b"x", data[:length]))
    return data[:at] + data[at : at + length] * 2 + data[at + length :]


def table_written(path: Path, rng) -> None:
    """Rewrite a Parquet file with other rows, columns, types or values; its pages have right checksums again."""
    table = pa.parquet.read_table(path)
    for _ in range(rng.choice((1, 1, 2))):
        table = with_other_rows(table, rng) if rng.random() < 0.4 else with_other_column(table, rng)
    pa.parquet.write_table(table, path, compression="zstd", write_page_checksum=rng.random() < 0.8)


def with_other_rows(table: pa.Table, rng) -> pa.Table:
    rows, how = table.num_rows, rng.randrange(7)
    if not rows or how == 0:
        return table.slice(0, 0)
    at = rng.randrange(rows)
    if how == 1:
        return pa.concat_tables([table.slice(0, at), table.slice(at + 1)])
    if how == 2:
        return pa.concat_tables([table.slice(0, at + 1), table.slice(at)])
    if how == 3:
        return table.take(pa.array(rng.sample(range(rows), rows)))
    if how == 4:
        return table.slice(0, at)
    if how == 5:
        return pa.concat_tables([table] * rng.choice((2, 30)))
    other = rng.randrange(rows)
    order = list(range(rows))
    order[at], order[other] = order[other], order[at]
    return table.take(pa.array(order))


def with_other_column(table: pa.Table, rng) -> pa.Table:
    if not table.num_columns:
        return table
    at, how = rng.randrange(table.num_columns), rng.randrange(9)
    name, column, rows = table.column_names[at], table.column(at), table.num_rows
    if how == 0:
        return table.remove_column(at)
    if how == 1:
        return table.rename_columns(
            [rng.choice(("x", "", "seq", name + "_")) if one == name else one for one in table.column_names]
        )
    if how == 2:
        return table.append_column(rng.choice((name, "more")), column)
    if how == 3:
        return table.set_column(at, name, pa.nulls(rows, column.type if rng.random() < 0.5 else pa.null()))
    if how == 4:
        kind = rng.choice(
            (pa.string(), pa.float64(), pa.int8(), pa.bool_(), pa.list_(pa.int64()), pa.binary(), pa.timestamp("ns"))
        )
        return table.set_column(at, name, pa.nulls(rows, kind))
    values = column.to_pylist()
    if not values:
        return table
    is_text = any(isinstance(one, str) for one in values)
    for _ in range(rng.choice((1, 1, 3, rows))):
        row = rng.randrange(rows)
        if how == 5:
            values[row] = None
        elif how == 6:
            values[row] = values[rng.randrange(rows)]
        elif is_text:
            values[row] = rng.choice(
                ("", "x", "commit", "grant", "\x1b[31m", "c0", "ü" * 50, "enactor-99", "x" * 10_000, "a\nb")
            )
        else:
            values[row] = rng.choice(
                (0, -1, 1, 255, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63), (values[row] or 0) + rng.randrange(-5, 6))
            )
    try:
        return table.set_column(
            at, name, pa.array(values, column.type) if not is_text else pa.array(values, pa.string()).cast(column.type)
        )
    except (pa.ArrowException, OverflowError, TypeError):
        return table.set_column(at, name, pa.array([None if one is None else str(one) for one in values], pa.string()))


BY_SUFFIX = {".json": of_json, ".toml": of_toml, ".hlog": of_lines, "": of_lines}


def content_changed(path: Path, rng) -> str:
    """Change what a file holds, as its kind has it or byte by byte; says how."""
    data = path.read_bytes()
    if rng.random() < 0.65:
        if path.suffix == ".parquet":
            try:
                table_written(path, rng)
            except (pa.ArrowException, OSError):  # it was damaged before
                path.write_bytes(of_bytes(data, rng))
            return "other rows"
        change = BY_SUFFIX.get(path.suffix)
        if change is not None and data:
            try:
                path.write_bytes(change(data, rng))
            except (ValueError, RecursionError):  # it was damaged before
                path.write_bytes(of_bytes(data, rng))
            return change.__name__
    path.write_bytes(of_bytes(data, rng))
    return "other bytes"


def replaced(path: Path, rng) -> str:
    """Put something else in the place of a file; says what."""
    how = rng.choice(("gone", "directory", "dangling", "loop", "fifo", "huge", "other", "socket", "closed"))
    if how == "other":
        others = [one for one in path.parent.iterdir() if one.is_file() and one != path]
        if others:
            shutil.copyfile(rng.choice(sorted(others)), path)
        return "another file of the folder"
    if how == "huge":
        with path.open("r+b") as file:
            file.truncate(HUGE_BYTES)
        return how
    if how == "closed":
        path.chmod(0)
        return "no permission"
    path.unlink()
    if how == "directory":
        path.mkdir()
    elif how == "dangling":
        path.symlink_to("nowhere")
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "socket":
        import socket

        before = Path.cwd()
        os.chdir(path.parent)  # a socket's name is short
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(path.name)
        finally:
            os.chdir(before)
    return how


def file_damaged(path: Path, rng) -> str:
    """Damage one file; says how."""
    return replaced(path, rng) if rng.random() < 0.15 else content_changed(path, rng)


def folder_damaged(run: Path, rng) -> str:
    """Damage how the folders of a run hang together; says how."""
    trials = sorted((run / "trials").iterdir())
    one, how = rng.choice(trials), rng.randrange(9)
    if how == 0:
        shutil.rmtree(one)
        return f"no {one.name}"
    if how == 1:
        one.rename(one.with_name(rng.choice(("x", "0001", "99999999999999999999-a-b", "-", "0002-\x1b[31m", "²-a-b"))))
        return f"{one.name} has another name"
    if how == 2:
        shutil.copytree(one, one.with_name("0009" + one.name[4:]))
        return f"{one.name} is there twice"
    if how == 3:
        shutil.rmtree(run / "trials")
        (run / "trials").write_text("x")
        return "trials is a file"
    if how == 4:
        shutil.rmtree(run / "trials")
        return "no trials"
    if how == 5:
        (run / "trials" / "0010-a-b").mkdir()
        return "an empty trial"
    if how == 6:
        shutil.rmtree(one)
        one.write_text("x")
        return f"{one.name} is a file"
    if how == 7:
        other = rng.choice(trials)
        swap = run / "swap"
        one.rename(swap)
        if other != one:
            other.rename(one)
        swap.rename(other if other != one else one)
        return f"{one.name} and {other.name} are swapped"
    (run / "aside").mkdir(exist_ok=True)
    one.rename(run / "aside" / one.name)
    return f"{one.name} stands aside"
