"""Reads a log of histograms: each straight into its buckets, without the dense array of 40,000 counters between.

The library's decoder takes 0.6 ms a histogram, most of it for counters that are zero; a comparison reads thousands.
The format is HdrHistogram's V2 (`AbstractHistogram.encodeIntoCompressedByteBuffer`): base64 around a cookie and a
length, then deflated: a header of 40 bytes and ZigZag LEB128 numbers, where a negative one skips so many counters.
"""

import binascii
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leasebench.results.latency.histograms import (
    HALF,
    HIGHEST_NS,
    LOWEST_NS,
    SIGNIFICANT_DIGITS,
    SUB_BUCKETS_LOG2,
    Buckets,
    Tag,
    bucket_bounds,
    untag,
)
from leasebench.results.record.file import must_be_file

COMPRESSED_COOKIE, COOKIE = 0x1C849304, 0x1C849303
WORD_BITS = 0xF0
"""The part of a cookie that says how wide a counter is; V2 has no use for it."""
OUTER, HEADER = struct.Struct(">II"), struct.Struct(">IIIIQQd")
MAX_NUMBER_BYTES = 9
MAX_LINE_CHARS = 4_000_000
"""The longest line of a log. The fullest histogram, with every counter used, is well below it."""
COUNTERS = (HIGHEST_NS.bit_length() - SUB_BUCKETS_LOG2 + 2) * HALF
MAX_PAYLOAD_BYTES = HEADER.size + MAX_NUMBER_BYTES * COUNTERS
DAMAGED = (ArithmeticError, LookupError, MemoryError, ValueError, struct.error, zlib.error)
"""What `decode` raises over a text that is no histogram."""
_INTERVAL = re.compile(
    r"Tag=(?P<tag>[^,]+),[0-9]+(\.[0-9]*)?,[0-9]+(\.[0-9]*)?,[0-9]+(\.[0-9]*)?,(?P<payload>[A-Za-z0-9+/]+=*)"
)


def read_buckets(path: Path) -> Iterator[tuple[Tag, Buckets]]:
    """The histograms of a log, an interval each, as the file has them: the intervals of one tag are not merged.

    Raises ValueError, with the file and the line, for a line that is neither comment, legend nor interval, and for a
    histogram that can't be decoded; OSError, BadRunDirectory.
    """
    must_be_file(path)
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_CHARS), ""), 1):
            text = line.rstrip("\r\n")
            if not text or text.startswith(("#", '"')):
                continue
            match = _INTERVAL.fullmatch(text)
            if not match:
                what = "not a line of a histogram log: expected Tag=name,start,length,max,payload"
                raise ValueError(f"{path}:{number}: {what}")
            try:
                yield untag(match["tag"]), decode(match["payload"])
            except DAMAGED as error:
                what = f"the histogram {match['tag']} cannot be decoded ({error!r})"
                raise ValueError(f"{path}:{number}: {what}") from error


def decode(payload: str) -> Buckets:
    """Take out the buckets that hold anything. Raises ValueError, struct.error or zlib.error for what is damaged."""
    packed = binascii.a2b_base64(payload)
    cookie, length = OUTER.unpack_from(packed)
    if cookie & ~WORD_BITS != COMPRESSED_COOKIE or length != len(packed) - OUTER.size:
        raise ValueError("it is not of the compressed V2 format, or cut off")
    inflater = zlib.decompressobj()
    plain = inflater.decompress(packed[OUTER.size :], MAX_PAYLOAD_BYTES)
    cookie, length, shift, digits, lowest, highest, _ = HEADER.unpack_from(plain)
    if cookie & ~WORD_BITS != COOKIE or length != len(plain) - HEADER.size or not inflater.eof:
        raise ValueError("it is not of the V2 format, or cut off")
    if (shift, digits, lowest, highest) != (0, SIGNIFICANT_DIGITS, LOWEST_NS, HIGHEST_NS):
        raise ValueError(f"it was made for {lowest} to {highest} with {digits} digits")
    numbers = _numbers(np.frombuffer(plain, np.uint8, offset=HEADER.size))
    skips = numbers < 0
    after = np.cumsum(np.where(skips, -numbers, 1))
    if len(after) and not 0 < after[-1] <= COUNTERS:
        raise ValueError("it holds more counters than there are")
    held = numbers > 0
    return bucket_bounds(after[held] - 1, numbers[held])


def _numbers(encoded: NDArray[np.uint8]) -> NDArray[np.int64]:
    """ZigZag LEB128: seven bits a byte, the lowest first, the eighth set where more follow; then the sign is bit 0."""
    last = np.flatnonzero(encoded < 0x80)
    if not len(encoded):
        return np.zeros(0, np.int64)
    first = np.concatenate(([0], last[:-1] + 1))
    if not len(last) or last[-1] != len(encoded) - 1 or (last - first).max() >= MAX_NUMBER_BYTES:
        raise ValueError("a number of it is cut off")
    place = np.arange(len(encoded)) - np.repeat(first, last - first + 1)
    bits = (encoded & np.uint8(0x7F)).astype(np.int64) << (7 * place)
    whole = np.add.reduceat(bits, first)
    return (whole >> 1) ^ -(whole & 1)
