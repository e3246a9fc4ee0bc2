# SPDX-License-Identifier: MIT
"""Each folder is one floor of the house: files use their own floor and lower ones, in no circle.

The tests read C's includes and Python's imports, also those inside functions, from the sources.
"""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: The folders of C from the lowest floor up: the directory of the include path, and the folder.
FOLDERS = [
    ("core/include", "ptrs"),
    *(("core/src", name) for name in ("os", "base", "blocks", "allocators", "allocators/guard")),
    *(("bindings", name) for name in ("codec", "access", "cpython")),
]
#: The package's folders from the lowest floor up; "" has the modules outside of any folder.  The
#: modules of ROOF lie above all folders.
PACKAGES = ["", "_codec", "_pointer", "_alloc", "_interop", "_show", "_cli"]
ROOF = {"__init__", "__main__", "_checkout", "_fast", "_origin"}

STANDARD = "assert float inttypes limits math stdalign stdarg stdbool stddef stdint stdio stdlib"
#: Headers that files of any folder may include; every other header belongs to one place.
ANYWHERE = {f"{name}.h" for name in f"{STANDARD} string".split()}
ELSEWHERE = {"stdatomic.h": "base/atomic", "Python.h": "cpython/", "structmember.h": "cpython/"}

Uses = dict[str, set[str]]


def c_units() -> "tuple[Uses, dict[str, int], Uses]":
    """Return each unit of C with the units that it includes, its floor, and its system headers.

    A unit is a header with its sources for all systems.
    """
    uses: Uses = {}
    floors: dict[str, int] = {}
    systems: Uses = {}
    for floor, (root, folder) in enumerate(FOLDERS):
        for path in sorted((ROOT / root / folder).glob("*.[ch]")):
            unit = f"{folder}/{re.sub('_(posix|win32)$', '', path.stem)}"
            text = path.read_text("utf-8")
            own = {name[:-2] for name in re.findall(r'^ *# *include "(.+)"', text, re.MULTILINE)}
            uses.setdefault(unit, set()).update(own - {unit})
            floors[unit] = floor
            found = re.findall(r"^ *# *include <(.+)>", text, re.MULTILINE)
            systems.setdefault(unit, set()).update(found)
    return uses, floors, systems


def python_modules() -> "tuple[Uses, dict[str, int]]":
    """Return each module of the package with the modules that it imports, and its floor."""
    package = ROOT / "pointers"
    names = {
        ".".join(path.relative_to(package).with_suffix("").parts): path
        for path in sorted(package.rglob("*.py"))
    }
    # The build makes these two modules, and the sources do not have them
    uses: Uses = {"_core": set(), "_version": set()}
    for name, path in names.items():
        imported = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name}: imports are absolute"
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        uses[name] = set()
        for dotted in imported:
            first, *parts = dotted.split(".")
            if first == "pointers":
                found = [".".join(parts[:n]) for n in (len(parts), len(parts) - 1)]
                used = next((each for each in found if each in names or each in uses), "__init__")
                uses[name] |= {used} - {name}
    tops = {name: name.partition(".")[0] if "." in name else "" for name in uses}
    floors = {
        name: len(PACKAGES) if name in ROOF else PACKAGES.index(top) for name, top in tops.items()
    }
    return uses, floors


def check(uses: Uses, floors: "dict[str, int]") -> None:
    """Check that no file uses a higher floor, and that no files use each other in a circle."""
    arrows = [(user, used) for user in uses for used in sorted(uses[user]) if used in floors]
    assert len(arrows) > len(uses), "the sources were not read"
    up = [f"{user} -> {used}" for user, used in arrows if floors[used] > floors[user]]
    assert not up
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


def test_includes_name_no_higher_floor_and_no_circle() -> None:
    uses, floors, _ = c_units()
    check(uses, floors)


def test_system_headers_are_included_in_one_place_each() -> None:
    for unit, headers in c_units()[2].items():
        for header in headers - ANYWHERE:
            # A header that is neither C's nor Python's belongs to the operating system
            assert unit.startswith(ELSEWHERE.get(header, "os/")), f"{unit}: <{header}>"


def test_imports_name_no_higher_floor_and_no_circle() -> None:
    check(*python_modules())


def test_a_comparison_s_measuring_and_its_report_know_nothing_of_each_other() -> None:
    allowed = {
        "result": {"result"},
        "measure": {"measure", "result"},
        "report": {"report", "result"},
    }
    uses, _ = python_modules()
    parts = {
        name: name.split(".")[2]
        for name in uses
        if name.startswith("_cli.bench.") and name.count(".") > 2
    }
    assert set(parts.values()) == set(allowed)
    wrong = [
        f"{name} -> {used}"
        for name, part in parts.items()
        for used in uses[name]
        if used.startswith("_cli.bench.") and parts.get(used) not in allowed[part]
    ]
    assert not wrong


def test_only_ffi_imports_the_compiled_module() -> None:
    doors = [
        path.name
        for path in sorted((ROOT / "pointers").rglob("*.py"))
        if re.search(
            r"^\s*(from|import) pointers\._core\b|import _core\b", path.read_text("utf-8"), re.M
        )
    ]
    assert doors == ["_ffi.py"]
