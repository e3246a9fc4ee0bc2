# SPDX-License-Identifier: MIT
"""Impossible sizes, counts and alignments are refused and change nothing."""

from pathlib import Path

from _misuse import NOTHING, Case, cases, check_table, in_modes, tables

# Calls that make or resize memory, of the size `n`
SIZES = {
    "malloc": "malloc({n})",
    "allocator": "System().malloc({n})",
    "calloc": "calloc(1, {n})",
    "calloc count": "calloc({n}, 1)",
    "allocator calloc": "System().calloc({n}, 3)",
    "realloc": "realloc(ptr, {n})",
    "realloc method": "ptr.realloc({n})",
    "realloc array": "realloc(array, {n})",
    "stack": "stack_alloc({n})(len)",
    "acquired stack": "acquire_stack_alloc({n})(str)",
}
BEFORE = """
ptr = malloc(64).move("text")
array = calloc(2, 1)
class NoIndex:
    __int__ = lambda self: 8
class BadIndex:
    __index__ = lambda self: "8"
class FailingIndex:
    def __index__(self): raise LookupError("no index")
class Index:
    __index__ = lambda self: 32
"""
AFTER = """
assert ~ptr == "text" and ptr.size == 64
assert array.read() == bytes(2) and array.count == 2
"""


def sizes(
    prefix: str, numbers: "tuple[str, ...]", error: str, message: str, skip: str = ""
) -> "list[Case]":
    return cases(
        prefix,
        {
            f"{name} {n}": code.format(n=n)
            for n in numbers
            for name, code in SIZES.items()
            if not skip or skip not in name
        },
        error,
        message,
        before=BEFORE,
        after=AFTER,
    )


FORMS = ("malloc(8, align={n})", "calloc(2, 8, align={n})", "System().malloc(8, align={n})",
         "stack_alloc(8, align={n})", "acquire_stack_alloc(8, align={n})")  # fmt: skip


def alignments(numbers: "tuple[str, ...]", error: str, message: str) -> "list[Case]":
    acts = [form.format(n=n) for n in numbers for form in FORMS]
    return cases("align", acts, error, message, before=BEFORE, after=AFTER)


TABLES = {
    "negative": sizes(
        "negative",
        ("-1", "-2**31", "-2**63", "-2**63 - 1", "-2**64", "-2**200"),
        "ValueError",
        "it cannot be negative",
    ),
    "too large": [
        *sizes(
            "too large",
            ("2**47", "2**62", "2**63 - 1"),
            "AllocationError",
            "memory|more than",
            "stack",
        ),
        *sizes(
            "beyond any block",
            ("2**63", "2**64 - 1", "2**64", "2**64 + 8", "2**200"),
            "AllocationError",
            "no block has more than|no memory",
            "stack",
        ),
        *cases(
            "stack",
            [
                f"{form}({size})(lambda ptr: 0)"
                for size in ("2**30", "2**47", "2**62", "2**63 - 1", "2**63", "2**200")
                for form in ("acquire_stack_alloc", "(lambda n: lambda f: stack_alloc(n)(f)())")
            ],
            "StackExhaustedError",
            r"no \d+ bytes of stack here",
        ),
        *cases(
            "products",
            [
                f"calloc({count}, {size})"
                for count, size in (
                    ("2**32", "2**32"),
                    ("2**32", "2**31"),
                    ("2**31", "2**33"),
                    ("2**62", "4"),
                    ("2**63 - 1", "2"),
                    ("2**63 - 1", "2**63 - 1"),
                    ("2", "2**63 - 1"),
                    ("3", "2**64 // 3 + 1"),
                    ("2**33 + 1", "2**31"),
                    ("2**64 // 28 + 1", "28"),
                )
            ],
            "AllocationError",
            before=BEFORE,
            after=AFTER,
        ),
    ],
    "wrong types": [
        *sizes(
            "no int",
            ("1.0", "'8'", "b'8'", "None", "[8]", "1j", "object()", "int", "NoIndex()", "ptr"),
            "TypeError",
            r"must be an int, not \w+",
        ),
        *sizes("no index", ("BadIndex()",), "TypeError", ""),
        *sizes("failing index", ("FailingIndex()",), "LookupError", "no index"),
        *cases(
            "index",
            {
                "an object's": "with malloc(Index()) as p: assert p.size == 32",
                "a bool's": "with malloc(True) as p: assert p.size == 1",
                "of a realloc": "assert realloc(array, Index()).count == 32; array.realloc(2)",
            },
            NOTHING,
            before=BEFORE,
            after=AFTER,
        ),
        *cases(
            "missing",
            ["malloc()", "calloc(1)", "realloc(ptr)", "free()", "stack_alloc()", "memset(ptr, 0)"],
            "TypeError",
            "missing",
            before=BEFORE,
            after=AFTER,
        ),
        *cases(
            "allocator",
            [f"malloc(8, allocator={value})" for value in ("0", "'system'", "System", "ptr")],
            "TypeError",
            "allocator must be an Allocator or None",
            before=BEFORE,
            after=AFTER,
        ),
    ],
    "alignments": [
        *alignments(
            ("0", "-1", "-8", "3", "6", "12", "24", "48", "2**21 + 1", "2**21 - 1", "2**22"),
            "ValueError",
            "must be a power of two up to 2097152",
        ),
        *alignments(
            ("2**31", "2**32", "2**63", "2**64", "2**200", "-2**63", "-2**200"),
            "ValueError",
            "must be a power of two up to 2097152",
        ),
        *alignments(("8.0", "'8'", "[8]", "NoIndex()", "ptr"), "TypeError", "int or None|index"),
        *alignments(("FailingIndex()",), "LookupError", "no index"),
        *cases(
            "kept by realloc",
            {
                str(2**shift): f"""
                    with malloc(24, align={2**shift}) as p, calloc(3, 24, align={2**shift}) as a:
                        p <<= 0; a.fill(0)
                        assert p.address % {2**shift} == a.address % {2**shift} == 0
                        realloc(p, 5000); realloc(a, 240)
                        assert p.address % {2**shift} == a.address % {2**shift} == 0
                        assert ~p == 0 and a[:3] and ~a[2] == 0 and p.alignment == {2**shift}
                """
                for shift in range(22)
            },
            NOTHING,
        ),
    ],
    "no bytes or slots": [
        *cases(
            "no bytes",
            ["p <<= None", "p <<= 0", "p <<= [1]", "p.write(b'x')", "p.read(1)", "memset(p, 0, 1)"],
            "InvalidSizeError",
            before="p = malloc(0)",
            after="assert p.size == 0 and not p.assigned and p.read() == b''",
        ),
        *cases("no bytes", ["~p", "[*p]", "~(p + 0)"], "DereferenceError", before="p = malloc(0)"),
        *cases("no bytes", ["p + 1", "p[1]", "p - 1"], "IndexError", before="p = malloc(0)"),
        *cases(
            "no slots",
            ["a[0]", "a[0] = 1", "a[:1]", "a[1]"],
            "IndexError",
            before="a = calloc(0, 28)",
            after="assert len(a) == a.count == 0 == len(a.tolist()) and list(a) == []",
        ),
        *cases(
            "no slots", ["a <<= 1", "a.write(b'x')"], "InvalidSizeError", before="a = calloc(0, 28)"
        ),
        *cases(
            "slots without bytes",
            ["a[3] = None", "a[:] = [1] * 4", "a.fill(None)", "a <<= 0"],
            "InvalidSizeError",
            before="a = calloc(4, 0)",
            after="assert len(a) == 4 and a.read() == b''",
        ),
        *cases(
            "slots without bytes",
            ["a.tolist()", "~a"],
            "DereferenceError",
            before="a = calloc(4, 0)",
        ),
        *cases(
            "the largest count",
            {
                "of slots without bytes": "with calloc(sys.maxsize, 0) as a:"
                " a[sys.maxsize - 1]; assert len(a) == sys.maxsize"
            },
            NOTHING,
        ),
    ],
}


@in_modes
@tables(TABLES)
def test_impossible_sizes_are_refused(table: "list[Case]", mode: str, tmp_path: Path) -> None:
    check_table(table, mode, tmp_path)
