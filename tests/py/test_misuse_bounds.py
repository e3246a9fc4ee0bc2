# SPDX-License-Identifier: MIT
"""Every way past the end of a block or slot is refused, and writes nothing."""

from pathlib import Path

from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

PLAIN = """
ptr = malloc(64)
ptr.write(bytes(range(64)))
other = malloc(16)
other.write(b"o" * 16)
end = ptr + 64
late = ptr + 50
"""
PLAIN_SAME = """
assert ptr.read() == bytes(range(64)) and ptr.size == 64
assert other.read() == b"o" * 16
assert end.size == 0 and late.size == 14
"""

ARRAY = """
a = calloc(4, 28)
a[:] = [1, 2, 3, 4]
bytes_before = (a.read(), [slot.read() for slot in a])
"""
ARRAY_SAME = """
assert a.tolist() == [1, 2, 3, 4] and len(a) == 4
assert bytes_before == (a.read(), [slot.read() for slot in a])
"""

VALUES = {
    "None": "None",
    "int": "0",
    "large int": "2**4000",
    "bool": "True",
    "float": "1.5",
    "complex": "1j",
    "bytes": "b'x' * 100",
    "no bytes": "b''",
    "text": "'x' * 100",
    "wide text": "'\\u0107' * 100",
    "wider text": "'\\U00010307' * 100",
    "reference": "[1]",
}
SPELLINGS = ("{p} <<= {v}", "{p}.move({v})", "{p} += 0; {p} <<= {v}", "{p}[0] = {v}")


def stores(place: str, spellings: "tuple[str, ...]", values: "dict[str, str]") -> "dict[str, str]":
    return {
        f"{spelling.format(p=place, v=name)}": spelling.format(p=place, v=value)
        for name, value in values.items()
        for spelling in spellings
    }


LONG = {name: VALUES[name] for name in ("large int", "bytes", "text", "wide text", "wider text")}
ABOVE_28 = {**LONG, "two digits": "2**30", "complex": "1j", "no bytes": "b''", "no text": "''"}

RAW = [
    "{p}.write(bytes({n}))",
    "{p}.write(bytearray({n}))",
    "{p}.write(memoryview(bytes(2 * {n}))[::2])",
    "{p}.read({n})",
    "memset({p}, 1, {n})",
    "memcpy({p}, bytes({n}), {n})",
    "memmove({p}, bytes({n}), {n})",
    "memcpy({p}, big, {n})",
    "memcpy(big, {p}, {n})",
    "memmove({p}, big, {n})",
    "memmove(big, {p}, {n})",
    "memcmp({p}, big, {n})",
    "memcmp(big, {p}, {n})",
    "memcmp({p}, bytes({n}), {n})",
]


def raw(place: str, *sizes: int) -> "list[str]":
    return [form.format(p=place, n=size) for form in RAW for size in sizes]


BIG = "big = malloc(2**13)\nbig.write(b'b' * 2**13)\n"
BIG_SAME = "assert big.read() == b'b' * 2**13\n"
HUGE = ("2**31", "2**32", "2**62", "2**63 - 1", "2**63", "2**64", "2**64 + 1", "2**200")
RAW_HUGE = [
    form.format(n=n)
    for n in HUGE
    for form in (
        "ptr.read({n})",
        "late.read({n})",
        "memset(ptr, 1, {n})",
        "memset(late, 1, {n})",
        "memcpy(ptr, other, {n})",
        "memcpy(ptr, b'x', {n})",
        "memmove(late, ptr, {n})",
        "memmove(late, b'x', {n})",
        "memcmp(ptr, other, {n})",
        "memcmp(ptr, b'x', {n})",
    )
]
STEPS = ("-1", "65", "2**31", "2**32", "2**62", "2**63 - 1", "2**63", "2**64", "-2**63", "-2**200")

TABLES = {
    "stores": [
        *cases(
            "late",
            stores("late", SPELLINGS, VALUES),
            "InvalidSizeError",
            r"object takes \d+ bytes, but there are only 14 here",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "end",
            stores("end", SPELLINGS, VALUES),
            "InvalidSizeError",
            r"object takes \d+ bytes, but there are only 0 here",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "start",
            stores("ptr", SPELLINGS, LONG),
            "InvalidSizeError",
            r"object takes \d+ bytes, but there are only 64 here",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "block a byte too small",
            [
                f"with malloc(sizeof({value}) - 1) as small: small <<= {value}"
                for value in VALUES.values()
            ],
            "InvalidSizeError",
            r"takes (\d+) bytes, but there are only \d+ here",
        ),
        *cases(
            "fits exactly",
            [
                f"with malloc(sizeof({value})) as p: p <<= {value}; assert ~p == {value}"
                for value in VALUES.values()
            ],
            NOTHING,
        ),
        *cases(
            "pointer's value",
            ["late <<= full", "late.move(full)", "end.move(full + 0)", "ptr[41] = full"],
            "InvalidSizeError",
            before=f"{PLAIN}full = malloc(24).move(0)",
            after=f"{PLAIN_SAME}assert ~full == 0",
        ),
        *cases(
            "load",
            ["~end", "[*end]", "~(ptr + 64)", "ptr[64].dereference()"],
            "DereferenceError",
            "nothing was stored at offset 64",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "load half an image",
            ["~late", "~(ptr + 45)", "~(ptr + 41)"],
            "DereferenceError",
            before="ptr = malloc(64).move(7); late = ptr + 63",
            after="assert ~ptr == 7",
        ),
    ],
    "places": cases(
        "plain",
        [
            form.format(n=f"({step})")
            for step in STEPS
            for form in (
                "ptr + {n}",
                "{n} + ptr",
                "ptr - -{n}",
                "ptr[{n}]",
                "ptr[{n}] = 1",
                "ptr[{n}] <<= 1",
            )
        ]
        + ["end + 1", "late + 15", "late - 51", "ptr - 1", "end - 65", "(ptr + 1) - 2"],
        "IndexError",
        "is outside of the block's 64 bytes",
        before=PLAIN,
        after=PLAIN_SAME,
    )
    + cases(
        "array",
        [
            form.format(n=n)
            for n in ("4", "5", "-1", "2**31", "2**63", "2**64", "-2**200")
            for form in ("a[{n}]", "a[{n}] = 1", "a[{n}] <<= 1", "a[1][{n}]", "a[3][{n}] = 9")
        ]
        + ["a + 5", "a - 1", "a[3] + 2", "a[1] - 2", "a[:5]", "a[-1:]", "a[3:2]"]
        + ["a[0:5] = [1] * 5", "a[:-1] = [1]", "a[: 2**64] = [1] * 4"],
        "IndexError",
        "outside of the array",
        before=ARRAY,
        after=ARRAY_SAME,
    )
    + cases(
        "no int",
        ["ptr + 1.0", "ptr['x']", "ptr[None]", "ptr - 'x'", "ptr[1:2]", "ptr[0:2] = [1, 2]"],
        "TypeError",
        before=PLAIN,
        after=PLAIN_SAME,
    )
    + cases(
        "no slot",
        ["a + 1.0", "a['x']", "a[None]", "a - 'x'", "a[0.0] = 1", "a['x':]", "a[1.5:] = []"],
        "TypeError",
        before=ARRAY,
        after=ARRAY_SAME,
    ),
    "start of a slice": cases(
        "array",
        ["a[5:]", "a[5:] = []", "a[2**64:]", "a[2**64:] = []", "a[5:4]", "a[1:][0][7:]"],
        "IndexError",
        "outside of the array",
        before=ARRAY,
        after=ARRAY_SAME,
    ),
    "slots": [
        *cases(
            "slot",
            stores("s", ("{p} <<= {v}", "{p}.move({v})", "a[1] = {v}", "a[1] <<= {v}"), ABOVE_28),
            "InvalidSizeError",
            r"object takes \d+ bytes, but there are only 28 here",
            before=f"{ARRAY}s = a[1]",
            after=ARRAY_SAME,
        ),
        *cases(
            "whole array",
            ["a <<= 2**40", "a.move('text')", "a <<= 1j", "a.fill('x')", "a.fill(2**30)"],
            "InvalidSizeError",
            before=ARRAY,
            after=ARRAY_SAME,
        ),
        *cases(
            "one past the end",
            stores("s", ("{p} <<= {v}", "{p}.move({v})"), VALUES),
            "InvalidSizeError",
            before=f"{ARRAY}s = a + 4",
            after=f"{ARRAY_SAME}assert s.size == 0",
        ),
        *cases("load one past the end", ["~(a + 4)"], "DereferenceError", before=ARRAY),
        *cases(
            "bulk store",
            [
                "a[:] = [9, 9, 9, 2**30]",
                "a[:] = ['x', 9, 9, 9]",
                "a[:] = [9, [1], 9, 1j]",
                "a[:] = [9, 9, 9, b'']",
                "a[1:3] = ['\\u0107', [1]]",
                "a[:] = iter([9, 9, 9, 2**64])",
            ],
            "InvalidSizeError",
            r"value \d, a \w+, takes \d+ bytes, but a slot has 28: nothing was written",
            before=ARRAY,
            after=ARRAY_SAME,
        ),
        *cases(
            "wrong count",
            ["a[:] = []", "a[:] = [9] * 3", "a[:] = [9] * 5", "a[1:2] = [9, 9]", "a[:] = 'xy'"],
            "ValueError",
            "one each is needed",
            before=ARRAY,
            after=ARRAY_SAME,
        ),
        *cases(
            "an iterator that fails",
            ["a[:] = (9 // (3 - n) for n in range(4))"],
            "ZeroDivisionError",
            before=ARRAY,
            after=ARRAY_SAME,
        ),
        *cases(
            "an iterator that fails at its end",
            ["a[:] = map(int, '999x')"],
            "ValueError",
            before=ARRAY,
            after=ARRAY_SAME,
        ),
        *cases("steps", ["a[::2]", "a[::-1]", "a[0:4:3] = [9, 9]"], "ValueError", before=ARRAY),
        *cases(
            "neighbours",
            [f"a[{index}] = {value}" for index in range(4) for value in ("-5", "[9]", "None")],
            NOTHING,
            before=ARRAY,
            after="""
            changed = [index for index in range(4) if a[index].read() != bytes_before[1][index]]
            assert len(changed) == 1
            """.replace("\n            ", "\n"),
        ),
    ],
    "raw": [
        *cases(
            "plain",
            [*raw("ptr", 65, 100, 8192), *raw("late", 15, 64), *raw("end", 1, 64)],
            "InvalidSizeError",
            r"bytes reach beyond the \d+ that are here",
            before=PLAIN + BIG,
            after=PLAIN_SAME + BIG_SAME,
        ),
        *cases(
            "slot",
            [*raw("s", 29, 56, 112), *raw("(a + 4)", 1)],
            "InvalidSizeError",
            r"bytes reach beyond the \d+ that are here",
            before=f"{ARRAY}{BIG}s = a[1]",
            after=ARRAY_SAME + BIG_SAME,
        ),
        *cases(
            "huge",
            RAW_HUGE,
            "InvalidSizeError",
            r"reach beyond",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "negative",
            [
                form.format(n=n)
                for n in ("-1", "-2**63", "-2**64", "-2**200")
                for form in (
                    "ptr.read({n})",
                    "memset(ptr, 0, {n})",
                    "memcpy(ptr, other, {n})",
                    "memmove(ptr, b'x', {n})",
                    "memcmp(ptr, other, {n})",
                )
            ],
            "ValueError",
            "it cannot be negative",
            before=PLAIN,
            after=PLAIN_SAME,
        ),
        *cases(
            "overlap",
            [
                "memcpy(ptr, ptr, 1)",
                "memcpy(ptr + 8, ptr, 9)",
                "memcpy(ptr, ptr[63], 1) and memcpy(ptr, ptr[8], 56)",
            ],
            "ValueError",
            r"overlap: use memmove\(\)",
            before="ptr = malloc(64); ptr.write(bytes(64))",
            after="assert ptr.read() == bytes(64)",
        ),
        *cases(
            "memmove",
            {
                "up": "memmove(ptr + 8, ptr, 56); assert ptr.read() == data[:8] + data[:56]",
                "down": "memmove(ptr, ptr[8], 56); assert ptr.read() == data[8:] + data[56:]",
                "by one": "memmove(ptr + 1, ptr, 63); assert ptr.read() == data[:1] + data[:63]",
                "nothing": "memmove(ptr + 64, ptr, 0); assert ptr.read() == data",
                "too far": "memmove(ptr + 1, ptr, 63); assert other.read() == b'o' * 16",
            },
            NOTHING,
            before=f"{PLAIN}data = bytes(range(64))",
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_nothing_is_read_or_written_past_the_end(
    table: "list[Case]", mode: str, tmp_path: Path
) -> None:
    check_table(table, mode, tmp_path)
