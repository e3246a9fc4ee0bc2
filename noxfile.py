# SPDX-License-Identifier: MIT
"""The test matrix and every check, one session each; `nox -l` lists them."""

from pathlib import Path

import nox

ROOT = Path(__file__).parent
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.9", "3.10", "3.11", "3.12", "3.13", "pypy3"])
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
