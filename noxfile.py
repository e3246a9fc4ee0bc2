# SPDX-License-Identifier: MIT
"""The test matrix and every check, one session each; `nox -l` lists them."""

from pathlib import Path

import nox

ROOT = Path(__file__).parent
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15", "pypy3"])
def tests(session: nox.Session) -> None:
    """Run the Python tests."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


def meson(session: nox.Session, compiler: str, *options: str) -> None:
    """Build the core by itself and run the C tests."""
    session.install("meson>=1.3", "ninja")
    build = session.create_tmp() + "/build"
    setup = ["meson", "setup", "--wipe", build, "-Dpython=disabled", "-Dclib=true"]
    setup += ["-Dtests=true", "-Dwerror=true", *options]
    (ROOT / build).mkdir(exist_ok=True)
    session.run(*setup, env={"CC": compiler})
    session.run("meson", "test", "-C", build, "--print-errorlogs")


@nox.session
@nox.parametrize("compiler", ["gcc", "clang"])
def core(session: nox.Session, compiler: str) -> None:
    """Run the C tests under one compiler."""
    meson(session, compiler)


@nox.session
@nox.parametrize(("compiler", "sanitizer"), [("gcc", "address,undefined"), ("clang", "thread")])
def sanitize(session: nox.Session, compiler: str, sanitizer: str) -> None:
    """Run the C tests under sanitizers."""
    options = ["--buildtype=debugoptimized", f"-Db_sanitize={sanitizer}", "-Db_lundef=false"]
    meson(session, compiler, *options)


@nox.session
def valgrind(session: nox.Session) -> None:
    """Run the C tests under valgrind; a child of a fork cannot free what lost threads had."""
    memcheck = "--wrap=valgrind -q --error-exitcode=9 --leak-check=full"
    meson(session, "gcc", "-Dbuildtype=debugoptimized")
    build = session.create_tmp() + "/build"
    listed = session.run("meson", "test", "-C", build, "--list", silent=True) or ""
    project = "pointers-cffi:"
    names = [line.rpartition(project)[2] for line in listed.splitlines() if project in line]
    # Guarded blocks by the thousand are more mappings than valgrind has room for
    names = [name for name in names if not name.startswith(("workload", "core guard_blocks"))]
    for forks, kinds in ((False, "definite"), (True, "none")):
        chosen = [name for name in names if ("fork" in name) is forks]
        wrapped = f"{memcheck} --errors-for-leak-kinds={kinds}"
        slow = "--timeout-multiplier=20"
        session.run("meson", "test", "-C", build, "--print-errorlogs", slow, wrapped, *chosen)


@nox.session
@nox.parametrize("target", ["access", "block", "image"])
def fuzz(session: nox.Session, target: str) -> None:
    """Fuzz with libFuzzer, for a minute or as its options after -- say."""
    meson(session, "clang", "-Dfuzz=true", "-Db_lundef=false", "-Dbuildtype=debugoptimized")
    build = session.create_tmp() + "/build"
    session.run("meson", "compile", "-C", build)
    found = session.create_tmp() + f"/{target}"
    (ROOT / found).mkdir(exist_ok=True)
    options = session.posargs or ["-max_total_time=60"]
    folders = (found, f"tests/fuzz/corpus/{target}")
    program = ROOT / build / "tests" / "fuzz" / f"fuzz_{target}"
    session.run(str(program), "-max_len=1024", *options, *folders, external=True)


@nox.session
def coverage(session: nox.Session) -> None:
    """Tell which branches of the package, the bindings and the core the tests reach."""
    session.install("ninja", "gcovr", "numpy", "pytest", "hypothesis", "coverage")
    session.install(*nox.project.load_toml("pyproject.toml")["build-system"]["requires"])
    options = ["-Db_coverage=true", "-Dbuildtype=debug"]
    meson(session, "gcc", *options)
    build = session.create_tmp()
    arguments = [f"--config-settings=setup-args={option}" for option in options]
    arguments.append(f"--config-settings=build-dir={build}/package")
    session.install("--no-build-isolation", *arguments, ".")
    slow = ["dev", "clib", "packaging"]
    session.run(
        "coverage", "run", f"{session.bin}/pytest", "-q",
        *(f"--ignore=tests/py/test_{name}.py" for name in slow), *session.posargs,
    )  # fmt: skip
    session.run("coverage", "report", "--show-missing")
    session.run(
        "gcovr", "--root", ".", "--filter", "core/", "--filter", "bindings/",
        "--exclude-throw-branches", "--txt-metric", "branch", build,
    )  # fmt: skip


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of Python and of C."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    folders = ("core", "bindings", "tests", "benchmarks")
    sources = [str(path) for name in folders for path in sorted(Path(name).rglob("*.[ch]"))]
    # The system's: every release of clang-format has its own opinions
    session.run("clang-format", "--dry-run", "--Werror", *sources, external=True)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the package."""
    session.install("mypy")
    session.run("mypy")


@nox.session
def editable(session: nox.Session) -> None:
    """Install in place, which needs the build requirements in the environment itself."""
    session.install("ninja", *nox.project.load_toml("pyproject.toml")["build-system"]["requires"])
    session.install("--no-build-isolation", "--editable", ".")
    session.run("python", "-c", "import pointers; print(*pointers.__path__)")


@nox.session
def isolation(session: nox.Session) -> None:
    """Install as a user does."""
    session.install(".")
    session.chdir(session.create_tmp())
    session.run("python", "-m", "pointers", "demo")
