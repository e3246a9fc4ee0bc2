# SPDX-License-Identifier: MIT
"""The C library without Python: built, installed, and linked by a program.

The tests do in a temporary directory what a user of C does.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "core" / "example" / "example.c"
HEADERS = sorted(path.name for path in (ROOT / "core" / "include" / "ptrs").glob("*.h"))

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]

EXPECTED = """\
write: success
read: success
text: hello
write behind the end: range outside of the block
free: success
free again: block has been freed
read what is gone: block has been freed
live blocks: 0
on the stack: hello
stack call: success
"""

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="the example is linked with a Unix compiler's options"
)


def find_tool(*names: str) -> str:
    """Return the path of the first tool that exists, beside this Python or on the PATH."""
    beside = str(Path(sys.executable).parent)
    for name in names:
        found = shutil.which(name, path=beside) or shutil.which(name)
        if found:
            return found
    pytest.skip(f"{names[0]} is not installed")


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def compiler() -> str:
    return find_tool(*([os.environ["CC"]] if "CC" in os.environ else []), "cc", "gcc", "clang")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    """Build and install the library; return its prefix."""
    meson, ninja = find_tool("meson"), find_tool("ninja", "ninja-build")
    base = tmp_path_factory.mktemp("clib")
    build, installed = base / "build", base / "inst"
    tools = {"NINJA": ninja, "CC": compiler}
    options = ["-Dpython=disabled", "-Dclib=true", f"--prefix={installed}", "--libdir=lib"]
    run(meson, "setup", build, ROOT, *options, env=tools)
    run(meson, "install", "-C", build, env=tools)
    return installed


@pytest.fixture(scope="module")
def flags(prefix: Path) -> list[str]:
    """Return the options of pkg-config for compiling and linking."""
    return pkg_config(prefix, "--cflags", "--libs")


def pkg_config(prefix: Path, *options: str) -> list[str]:
    tool = find_tool("pkg-config", "pkgconf")
    where = {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    return shlex.split(run(tool, *options, "ptrs", env=where))


def test_headers_libraries_and_pkg_config_file_are_installed(prefix: Path) -> None:
    headers = sorted(path.name for path in (prefix / "include" / "ptrs").iterdir())
    assert headers == HEADERS
    assert (prefix / "lib" / "libptrs.a").is_file()
    assert (prefix / "lib" / "pkgconfig" / "ptrs.pc").is_file()
    assert list((prefix / "lib").glob("libptrs.*")), "no shared library"


def test_pkg_config_tells_the_version_of_the_project(prefix: Path) -> None:
    declared = (ROOT / "meson.build").read_text(encoding="utf-8")
    assert f"version: '{pkg_config(prefix, '--modversion')[0]}'" in declared


def test_a_program_links_the_shared_library(
    prefix: Path, compiler: str, flags: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "example"
    library = prefix / "lib"
    run(compiler, *STRICT, EXAMPLE, "-o", program, *flags, f"-Wl,-rpath,{library}")
    assert run(program) == EXPECTED
    if sys.platform.startswith("linux"):
        assert str(library) in run(find_tool("ldd"), program)


def test_a_program_links_the_static_library(prefix: Path, compiler: str, tmp_path: Path) -> None:
    program = tmp_path / "example"
    flags = pkg_config(prefix, "--static", "--cflags", "--libs")
    archive = prefix / "lib" / "libptrs.a"
    linked = [str(archive) if flag == "-lptrs" else flag for flag in flags]
    assert str(archive) in linked
    run(compiler, *STRICT, EXAMPLE, "-o", program, *linked)
    assert run(program) == EXPECTED
    if sys.platform.startswith("linux"):
        assert "libptrs" not in run(find_tool("ldd"), program)


def test_the_example_of_the_documentation_prints_what_the_page_says(
    compiler: str, flags: list[str], prefix: Path, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "c-library.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```c\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (output,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    unit, program = tmp_path / "program.c", tmp_path / "program"
    unit.write_text(source, encoding="utf-8")
    run(compiler, *STRICT, unit, "-o", program, *flags, f"-Wl,-rpath,{prefix / 'lib'}")
    assert run(program) == output


def test_only_the_interface_is_exported(prefix: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("nm prints other columns elsewhere")
    listing = run(find_tool("nm"), "-D", "--defined-only", prefix / "lib" / "libptrs.so")
    exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
    declared = "".join(
        path.read_text(encoding="utf-8") for path in (prefix / "include" / "ptrs").iterdir()
    )
    internal = {name for name in exported if f"{name}(" not in declared}
    assert exported and not internal


@pytest.mark.parametrize("header", HEADERS)
def test_each_installed_header_compiles_by_itself(
    header: str, compiler: str, flags: list[str], tmp_path: Path
) -> None:
    unit = tmp_path / "unit.c"
    unit.write_text(f"#include <ptrs/{header}>\nint unit;\n", encoding="utf-8")
    run(compiler, *STRICT, "-c", unit, "-o", tmp_path / "unit.o", *flags)
