# SPDX-License-Identifier: MIT
"""The plugin of pytest: which tests it lets fail, and with which words."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pointers import malloc
from pointers._interop.leaks import Leaks

PAGE = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
PYPY = sys.implementation.name != "cpython"


def run(folder: Path, *options: str, traces: bool = False) -> str:
    """Run the tests in a folder, and return what pytest tells, without addresses."""
    tracing = ["-X", "tracemalloc"] if traces else []
    # Options of the run that this is in may not fit those here, and in CI pytest repeats all errors
    left_out = ("PYTEST_ADDOPTS", "CI", "BUILD_NUMBER")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")  # no other folder is the root
    done = subprocess.run(
        [sys.executable, *tracing, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode in (0, 1), done
    return re.sub("0x[0-9a-f]+", "0x...", done.stdout).replace(f"{folder}/", "")


def told(output: str) -> list[str]:
    """Return the lines that name blocks, and before them the test or fixture."""
    return re.findall(r"^(?:.* ha(?:s|ve) left .*:|  .* bytes.*)$", output, re.MULTILINE)


def test_the_example(tmp_path: Path) -> None:
    (example,) = re.findall("^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (expected,) = re.findall("^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_codec.py").write_text(example, "utf-8")
    expected = re.sub("0x[0-9a-f]+", "0x...", expected)
    output = run(tmp_path, "--pointers-leaks", traces=not PYPY)
    if PYPY:  # it does not trace, and its collector finds what was dropped
        output, expected = (
            re.sub(r",( allocated)? at [^,\n]*,?", "", t) for t in (output, expected)
        )
        assert "-X tracemalloc" not in output
    assert told(output) == expected.splitlines()
    if not PYPY:
        assert told(run(tmp_path, traces=True)) == expected.splitlines()[-2:]


TESTS = """
    import gc, sys, warnings
    import pytest

    def test_nothing_is_imported_before_it_is_asked_for():
        assert OPTION or "pointers" not in sys.modules

    kept, later = [], []

    def malloc(size):
        from pointers import malloc
        return malloc(size)

    def test_pytest_does_not_compile_the_package():
        import pointers
        assert type(pointers.__loader__).__name__ == "SourceFileLoader"

    @pytest.fixture(scope="module")
    def lazy():
        ptr = malloc(10)
        yield ptr
        ptr.free()

    @pytest.fixture(scope="class")
    def leaving():
        kept.append(malloc(11))

    @pytest.fixture
    def narrow(lazy):
        with malloc(12) as ptr:
            yield ptr

    @pytest.fixture
    def unfreed():
        return malloc(13)

    def test_wide_fixtures_in_the_middle_of_a_test(request, no_leaked_blocks):
        request.getfixturevalue("lazy")
        request.getfixturevalue("narrow")

    class TestOfClass:
        def test_the_last_of_the_class(self, leaving, no_leaked_blocks):
            pass

    def test_what_a_fixture_has_left(no_leaked_blocks, unfreed):
        pass

    def test_drops_what_other_tests_were_told_of(no_leaked_blocks):
        assert len(kept) == 1
        kept.clear()
        gc.collect()

    def test_fails(no_leaked_blocks):
        ptr = malloc(14)
        kept.append(malloc(15))
        raise ZeroDivisionError

    def test_skips(no_leaked_blocks):
        ptr = malloc(16)
        pytest.skip("here")

    @pytest.mark.xfail(strict=True)
    def test_is_expected_to_fail(no_leaked_blocks):
        ptr = malloc(17)
        assert False

    def test_after_these(no_leaked_blocks):
        kept.clear()
        sys.last_value = sys.last_traceback = sys.last_exc = None
        gc.collect()

    def test_cycles_that_let_go(no_leaked_blocks):
        with malloc(18) as ptr, pytest.raises(ValueError) as caught:
            raise ValueError
        cycle = [caught, ptr]
        cycle.append(cycle)

    def test_cycles_that_do_not(no_leaked_blocks):
        cycle = [malloc(19)]
        cycle.append(cycle)

    def test_blocks_that_may_stay(no_leaked_blocks):
        ptr = malloc(20)
        kept.append(ptr + 4)
        no_leaked_blocks.allow(ptr)
        with pytest.raises(TypeError, match="must be a Pointer"):
            no_leaked_blocks.allow(5)

    @pytest.mark.keeps_blocks
    def test_marked():
        kept.append(malloc(21))

    def test_expects_the_warning(no_leaked_blocks):
        with pytest.warns(ResourceWarning, match="22 bytes"):
            malloc(22)
            gc.collect()

    def test_other_warnings_pass(no_leaked_blocks, recwarn):
        warnings.warn("one", ResourceWarning)
        assert [str(each.message) for each in recwarn] == ["one"]

    def test_other_warnings_pass_to_pytest(no_leaked_blocks):
        warnings.warn("warning of the test")

    @pytest.mark.parametrize("size", [23, 24])
    def test_several(no_leaked_blocks, capfd, size):
        print("captured")
        kept.extend([malloc(size), malloc(100 + size).view()])
"""

OF_FIXTURE = [
    "test_tests.py::test_what_a_fixture_has_left has left 1 of its blocks:",
    "  13 bytes at 0x...",
    "test_tests.py::test_cycles_that_do_not has left 1 of its blocks:",
    "  AllocatedPointer to 19 bytes was dropped without free(), in a cycle of objects",
    "test_tests.py::test_several[23] has left 2 of its blocks:",
    "  23 bytes at 0x...",
    "  123 bytes at 0x..., in use by 1 view or what was made of views",
    "test_tests.py::test_several[24] has left 2 of its blocks:",
    "  24 bytes at 0x...",
    "  124 bytes at 0x..., in use by 1 view or what was made of views",
]
LAST = "test_tests.py::TestOfClass::test_the_last_of_the_class"
OF_CLASS = [
    f"fixtures that ended after {LAST} have left 1 blocks:",
    "  11 bytes at 0x..., of fixture 'leaving' of scope class",
]


@pytest.mark.parametrize("option", ["--pointers-leaks", ""])
def test_whose_blocks_are_told_of(tmp_path: Path, option: str) -> None:
    code = re.sub("^    ", "", TESTS, flags=re.MULTILINE).replace("OPTION", repr(bool(option)))
    (tmp_path / "test_tests.py").write_text(code, "utf-8")
    options = ["--strict-markers", *([option] if option else [])]
    output = run(tmp_path, *options)
    expected = [*(OF_CLASS if option else ()), *OF_FIXTURE]
    if PYPY:
        output = re.sub(r"(without free\(\)), .*", r"\1, in a cycle of objects", output)
    assert told(output) == expected
    assert "1 failed" in output
    assert "UserWarning: warning of the test" in output
    if option and importlib.util.find_spec("xdist") is not None:
        assert sorted(told(run(tmp_path, *options, "-n2"))) == sorted(expected)


OF_OTHERS = """
    import ctypes, gc, warnings
    import pytest
    from pointers import from_address, malloc

    kept, at_import = [], [malloc(100)]

    def let_go(*places):
        for place in places:
            place.clear()
        gc.collect()

    def test_clean_of_import():
        let_go(at_import)

    def test_allows(no_leaked_blocks):
        kept.append(malloc(101))
        no_leaked_blocks.allow(kept[0])

    def test_clean_of_allowed():
        let_go(kept)

    def test_allows_and_drops(no_leaked_blocks):
        no_leaked_blocks.allow(malloc(102))

    @pytest.mark.keeps_blocks
    def test_keeps():
        kept.append(malloc(103))

    def test_clean_of_kept():
        let_go(kept)

    @pytest.fixture(scope="module")
    def wide(request):
        return request.getfixturevalue("wider")

    @pytest.fixture(scope="session")
    def wider():
        malloc(104)
        return [malloc(105), malloc(106)]

    def test_clean_of_fixture(wide):
        del wide[0]
        gc.collect()

    @pytest.fixture(scope="module", params=[107, 108])
    def several(request):
        return malloc(request.param)

    def test_several(several, no_leaked_blocks):
        pass

    def test_leaves():
        kept.append(malloc(200))

    def test_drops_its_own():
        kept.pop().free()
        malloc(200)

    def test_drops_what_is_adopted():
        memory = ctypes.create_string_buffer(201)
        from_address(ctypes.addressof(memory), 201, free=lambda address: None)

    @pytest.mark.parametrize("action", ["ignore", "always"])
    def test_hears_itself(action):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter(action)
            malloc(300)
            gc.collect()

    @pytest.mark.filterwarnings("ignore")
    def test_ignores():
        malloc(301)

    def test_last():
        pass
"""
TOLD_OF_OTHERS = [
    ("test_several[108]", ["107"]),
    ("test_leaves", ["200"]),
    ("test_drops_its_own", ["200"]),
    ("test_drops_what_is_adopted", ["201"]),
    ("test_ignores", ["301"]),
    ("test_last", ["104", "105", "106", "108"]),
]


def test_dropped_blocks_are_known_by_more_than_their_size(tmp_path: Path) -> None:
    code = re.sub("^    ", "", OF_OTHERS, flags=re.MULTILINE)
    (tmp_path / "test_others.py").write_text(code, "utf-8")
    output = run(tmp_path, "--pointers-leaks")
    found: list[tuple[str, list[str]]] = []
    for line in told(output):
        test = re.search(r"::(\S+) ha(?:s|ve) left", line)
        if test is not None:
            found.append((test[1], []))
        else:
            found[-1][1].extend(re.findall(r"(\d+) bytes", line))
    assert [(test, sorted(sizes)) for test, sizes in found] == TOLD_OF_OTHERS, output
    # Those of fixtures have their names
    of_wider = [line for line in told(output) if re.search("10[4-6] bytes", line)]
    assert [line.endswith(", of fixture 'wider' of scope session") for line in of_wider] == [
        True
    ] * 3


def test_what_is_no_pointer_is_not_let_stay() -> None:
    with Leaks().watch() as window, malloc(8) as ptr:
        window.allow(ptr)
        wrong: Any
        for wrong in (5, None, malloc):
            with pytest.raises(TypeError, match="pointer must be a Pointer, not"):
                window.allow(wrong)
