# SPDX-License-Identifier: MIT
"""The fast and the reference path give the same results, errors and messages."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointers._ffi import fast

SWITCHED_OFF = sys.implementation.name == "cpython" and os.environ.get("POINTERS_FAST") == "0"

pytestmark = pytest.mark.skipif(
    fast is None and not SWITCHED_OFF, reason="this interpreter has only the reference path"
)

DRIVER = Path(__file__).with_name("_differential.py")


class Path_:  # noqa: N801 - a path through the code, unlike pathlib's
    """A process that runs programs on one of the paths."""

    def __init__(self, choice: str, tmp_path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "POINTERS_FAST": choice, "PYTHONHASHSEED": "0"},
            cwd=tmp_path,
        )
        self.name = self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process died: {self.process.wait()}"
        return json.loads(line)

    def run(self, program: "list[list[Any]]") -> "list[list[str]]":
        """Run a program in the process; return the outcome of each operation."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(program) + "\n")
        self.process.stdin.flush()
        answers: list[list[str]] = self._answer()
        return answers

    def end(self) -> int:
        self.process.communicate()
        return self.process.returncode


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[Path_, Path_]]":
    folder = tmp_path_factory.mktemp("differential")
    both = Path_("1", folder), Path_("0", folder)
    assert [path.name for path in both] == ["fast", "reference"]
    yield both
    assert [path.end() for path in both] == [0, 0]


# Small sizes, and sizes that no machine has memory for: none that would take long to read
numbers = st.one_of(
    st.integers(-70, 70),
    st.sampled_from([2**10, 2**60, 2**62, 2**63 - 1, 2**63, 2**64, 2**200, -(2**63), -(2**64)]),
)
ints = st.one_of(
    numbers,
    st.integers(),
    st.builds(
        lambda shift, less, sign: sign * ((1 << shift) - less),
        st.integers(0, 200),
        st.integers(0, 1),
        st.sampled_from([1, -1]),
    ),
)
indices = st.one_of(
    numbers.map(repr),
    st.integers(0, 9).map(repr),
    st.sampled_from(
        ["True", "None", "1.5", "'1'", "Int(2)", "Int(-1)", "Index(1)", "Index(2**70)", "()"]
    ),
)
sizes = st.one_of(st.integers(0, 100).map(repr), indices)
values = st.one_of(
    ints.map(repr),
    st.floats().map(lambda x: repr(x).replace("inf", "1e999")),
    st.text(max_size=12).map(repr),
    st.text("ab", max_size=60).map(repr),
    st.text("a\xe9\u0107\U00010307", max_size=8).map(repr),
    st.binary(max_size=30).map(repr),
    st.sampled_from(
        [
            "None", "True", "False", "1j", "-0.0+2.5j", "THING", "(1, 2)", "Int(5)", "Text('x')",
            "Index(5)", "bytearray(b'x')", "'x' * 70_000", "b'y' * 70_000", "10**30_000",
            "P(0)", "P(1)", "P(2)", "int", "'\\ud800'",
        ]
    ),
)  # fmt: skip
buffers = st.one_of(
    st.binary(max_size=40).map(repr),
    st.sampled_from(
        ["bytearray(b'abc')", "memoryview(b'abcdef')[::2]", "'text'", "5", "None", "P(0)", "P(1)"]
    ),
)
lists = st.one_of(
    st.lists(values, max_size=6).map(lambda parts: f"[{', '.join(parts)}]"),
    st.lists(ints, max_size=8).map(repr),
    st.integers(0, 8).map(lambda n: f"range({n})"),
    st.sampled_from(["5", "None", "'abc'", "[2**63, 1]", "[1, 2**62, -1, 0, True]", "(1, 'x')"]),
)
pick = st.integers(0, 60)
others = st.one_of(pick.map(lambda n: f"P({n})"), buffers)
# Up to 3.11, only pointers of the compiled path are buffers, so that bytes-like objects compare
# themselves with the memory of those only
compared = (
    others
    if sys.version_info >= (3, 12)
    else st.sampled_from(["P(0)", "P(1)", "P(2)", "'text'", "5", "None", "THING"])
)


# From single bytes to more than there is, aligned or not, and what is no type to cast to
types = st.sampled_from(
    [
        *(f"ctypes.{kind}" for kind in ("c_char", "c_int", "c_double", "c_void_p", "c_char_p")),
        *(f"ctypes.c_int * {n}" for n in (0, 1, 4, 7, 100)),
        "Point", "Point * 2", "ctypes.py_object", "ctypes.Structure", "int", "5", "None", "[]",
    ]
)  # fmt: skip


def operation(name: str, *arguments: Any) -> Any:
    return st.tuples(st.just(name), *arguments)


making = st.one_of(
    operation("malloc", sizes),
    operation("malloc", st.integers(0, 200).map(repr)),
    operation("calloc", st.integers(0, 8).map(repr), st.sampled_from(["16", "28", "64", "0"])),
    operation("calloc", sizes, sizes),
    operation("aligned", sizes, st.sampled_from(["16", "64", "3", "None", "0", "'x'"])),
    operation("arena", sizes),
    operation("arena array", st.integers(-1, 8).map(repr), st.sampled_from(["16", "0", "2**62"])),
    operation("pool", sizes, st.sampled_from(["None", "16", "64", "3", "0", "Index(8)"])),
    operation("default", sizes),
    operation("given", sizes, st.sampled_from(["ARENA", "POOL", "SYSTEM", "None", "BARE", "5"])),
    operation("adopt", sizes, st.sampled_from(["'C'", "'kept'", "'Python'", "'raises'"])),
    operation("adopt", st.integers(0, 200).map(repr), st.just("'C'")),
    operation(
        "adopt what is none",
        st.sampled_from(["0", "-1", "2**63", "2**64", "'x'", "None", "1.5", "2**200"]),
        sizes,
    ),
    operation("stack", st.integers(0, 90).map(repr), values, values),
    operation("escape", st.integers(0, 90).map(repr)),
)
using = st.one_of(
    *(
        operation(name, pick)
        for name in (
            "free", "free method", "load", "dereference", "unpack", "tolist", "slots", "read",
            "str", "repr", "facts", "facts", "with", "drop", "release", "readonly", "readonly",
            "give",
        )
    ),
    operation("unsafe", pick, values, st.sampled_from(["0", "1"])),
    *(operation(name, pick, values) for name in ("move", "ilshift", "ilshift", "fill")),
    *(
        operation(name, pick, indices)
        for name in ("add", "radd", "subtract", "rsubtract", "get", "get", "delete", "read")
    ),
    *(operation(name, pick, indices, values) for name in ("set", "iset", "iset")),
    operation("realloc", pick, sizes),
    operation("slice", pick, indices, indices),
    operation("store slice", pick, indices, indices, lists),
    operation("store slice", pick, st.just("0"), st.just("None"), lists),
    operation("write", pick, buffers),
    operation("memset", pick, indices, sizes),
    *(operation(name, pick, others, sizes) for name in ("memcpy", "memmove", "memcmp")),
    operation("equal", pick, compared),
    operation("subtract", pick, pick.map(lambda n: f"P({n})")),
    operation("less", pick, compared),
    operation("view", pick, st.sampled_from(["'B'", "'i'", "'d'", "'x'", "5"])),
    operation("view", pick),
    operation("cast", pick, types),
    operation("argument", pick, st.integers(0, 255).map(repr)),
)  # fmt: skip


def check(paths: "tuple[Path_, Path_]", program: "list[Any]") -> None:
    fast_answers, reference_answers = (path.run(program) for path in paths)
    for operation, ours, theirs in zip([*program, "end", "end"], fast_answers, reference_answers):
        assert ours == theirs, operation
    assert fast_answers[-1] == ["blocks", "0"]


@settings(
    max_examples=int(os.environ.get("POINTERS_DIFFERENTIAL", "200")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(making, min_size=1, max_size=5), st.lists(st.one_of(making, using, using, using)))
def test_both_paths_give_the_same_outcomes(
    paths: "tuple[Path_, Path_]", first: "list[Any]", rest: "list[Any]"
) -> None:
    check(paths, first + rest)


def test_every_operation_on_every_kind_of_pointer(paths: "tuple[Path_, Path_]") -> None:
    arguments = {
        "move": ["5"], "ilshift": ["'text'"], "fill": ["7"], "add": ["1"], "radd": ["1"],
        "subtract": ["1"], "rsubtract": ["1"], "get": ["1"], "delete": ["1"], "set": ["1", "5"],
        "iset": ["1", "THING"], "realloc": ["56"], "slice": ["0", "1"],
        "store slice": ["0", "2", "[1, 'x']"], "write": ["b'abc'"], "memset": ["0", "3"],
        "memcpy": ["b'abcd'", "4"], "memmove": ["P(0)", "4"], "memcmp": ["P(1)", "4"],
        "equal": ["P(0)"], "less": ["P(0)"], "cast": ["ctypes.c_int"], "argument": ["7"],
        "unsafe": ["5", "0"],
    }  # fmt: skip
    names = [
        "load", "dereference", "unpack", "tolist", "slots", "read", "str", "repr", "facts",
        "with", "view", "release", *arguments, "free", "free method", "facts", "load",
        "readonly", "give",
    ]  # fmt: skip
    makers = [["malloc", "64"], ["calloc", "3", "28"], ["escape", "30"], ["adopt", "64", "'C'"]]
    for maker in makers:
        for stored in ("5", "'text'", "THING"):
            for name in names:
                program = [
                    *makers,
                    maker,
                    ["ilshift", 4, stored],
                    ["get", 4, "0"],
                    ["add", 4, "1"],
                    ["readonly", 4],
                    *([name, pick, *arguments.get(name, [])] for pick in (8, 4, 6, 7)),
                    ["facts", 4],
                    ["drop", 4],
                ]
                check(paths, program)
