# SPDX-License-Identifier: MIT
"""Every check, one session each; `nox -l` lists them.

`.ci/run` runs those with the tag "ci", `.ci/run all` those with the tag "all", too.  What follows
-- goes to pytest, or to a fuzzer.
"""

import shutil
from pathlib import Path

import nox

ROOT = Path(__file__).parent
nox.options.default_venv_backend = "uv|venv"  # to install takes pip ten times as long
nox.options.error_on_missing_interpreters = False

# Sessions that `.ci/run` runs for each change, in the order of this file: the longest first
CI = ["ci"]
# And those that it runs before a release: they do at length what those of each change do shortly
ALL = ["all"]

VERSIONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15"]
# The oldest and the newest; in between stand the README's command and `reference`
EACH_CHANGE = ("3.9", "3.13")

# They build something of their own, of which coverage sees nothing
BUILDING = [f"--ignore=tests/py/test_{name}.py" for name in ("dev", "clib", "packaging")]
FUZZERS = ("access", "block", "image")


def meson(session: nox.Session, compiler: str, *options: str, slower: int = 1) -> str:
    """Build the core by itself and run the C tests; return the folder of the build."""
    session.install("meson>=1.3", "ninja")
    build = session.create_tmp() + "/build"
    setup = ["meson", "setup", "--wipe", build, "-Dpython=disabled", "-Dclib=true"]
    setup += ["-Dtests=true", "-Dwerror=true", *options]
    (ROOT / build).mkdir(exist_ok=True)
    session.run(*setup, env={"CC": compiler})
    patience = f"--timeout-multiplier={slower}"
    session.run("meson", "test", "-C", build, "--print-errorlogs", patience)
    return build


def build_package(session: nox.Session, *options: str) -> None:
    """Install the package and what its tests need, built with options of meson."""
    extras = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]["test"]
    session.install(*nox.project.load_toml("pyproject.toml")["build-system"]["requires"], *extras)
    arguments = [f"--config-settings=setup-args={option}" for option in options]
    arguments.append(f"--config-settings=build-dir={session.create_tmp()}/package")
    session.install("--no-build-isolation", *arguments, ".")


@nox.session(venv_backend="none", tags=CI)
@nox.parametrize("interpreter", ["pypy3", "python3"])
def readme(session: nox.Session, interpreter: str) -> None:
    """Run the README's test command, which needs nothing but an interpreter."""
    # Misuse also under -X dev and PYTHONMALLOC=debug, and with images that are synthesised
    session.env["POINTERS_MISUSE_MODES"] = "all"
    command = ["python3", "dev.py", "test", "--python", interpreter]
    chosen = []
    if interpreter == "pypy3":
        command.append("--python-only")
        chosen = ["--ignore=tests/py/test_clib.py"]  # it runs no Python
    session.run(*command, "--", *chosen, *session.posargs, external=True)


@nox.session(tags=ALL)
def coverage(session: nox.Session) -> None:
    """Tell which branches of the package, the bindings and the core the tests reach."""
    options = ["-Db_coverage=true", "-Dbuildtype=debug"]
    session.install("gcovr")
    meson(session, "gcc", *options)
    build_package(session, *options)
    run = ["coverage", "run", f"{session.bin}/pytest", "-q", *BUILDING]
    session.run(*run, *session.posargs)
    run.insert(2, "--append")
    session.run(*run, "-m", "not once", *session.posargs, env={"POINTERS_FAST": "0"})
    session.run("coverage", "report", "--show-missing", "--fail-under=85")
    # Branches of what gcc makes of C itself, without those of inlined system headers
    session.run(
        "gcovr", "--root", ".", "--filter", "core/", "--filter", "bindings/",
        "--exclude-throw-branches", "--gcov-ignore-parse-errors=negative_hits.warn",
        "--txt-metric", "branch", "--fail-under-branch", "75", session.create_tmp(),
    )  # fmt: skip


@nox.session(tags=CI)
def sanitize_python(session: nox.Session) -> None:
    """Run the Python tests over a module that watches addresses and undefined behaviour."""
    options = ["-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"]
    build_package(session, *options)
    runtime = session.run("gcc", "-print-file-name=libasan.so", external=True, silent=True)
    reports = Path(session.create_tmp()).resolve() / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    # Python allocates all the time: fewer frames of each allocation take a quarter off the whole
    asan_options = ["detect_leaks=0", "allocator_may_return_null=1", "malloc_context_size=6"]
    # Faults are the program's own: the tests of guards make some on purpose
    asan_options += ["handle_segv=0"]
    # Not into the standard error of a program that a test compares: it warns of big sizes, too
    asan_options += [f"log_path={reports / 'address'}"]
    environment = {
        "LD_PRELOAD": str(runtime).strip(),
        "ASAN_OPTIONS": ":".join(asan_options),
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    }
    try:
        chosen = "not once and not both_paths"
        session.run("pytest", "-q", "-m", chosen, *session.posargs, env=environment)
    finally:
        texts = [path.read_text("utf-8", "replace") for path in sorted(reports.iterdir())]
        found = [text for text in texts if "ERROR: AddressSanitizer" in text]
        print(*found, sep="\n")
    if found:
        session.error(f"{len(found)} processes with errors")


@nox.session
@nox.parametrize(
    "python", [nox.param(each, tags=CI if each in EACH_CHANGE else ALL) for each in VERSIONS]
)
def tests(session: nox.Session) -> None:
    """Install as a user does, and run the tests, but those that do not differ by interpreter."""
    # Reports are the same everywhere, and what draws them is large
    draws = session.python == "3.13"
    session.install(".[test,report]" if draws else ".[test]")
    with session.chdir(session.create_tmp()):
        session.run("python", "-m", "pointers", "demo", silent=True)
    session.run("pytest", "-q", "-m", "not once", *session.posargs)
    if draws and not session.posargs:
        # The README's command skips what needs the extra
        names = ("bench", "bench_report", "bench_wrong")
        session.run("pytest", "-q", *(f"tests/py/test_{name}.py" for name in names))


@nox.session(python="3", tags=CI)
def reference(session: nox.Session) -> None:
    """Run the Python tests on CPython without the fast path, where its codec copies objects.

    The system's CPython is optimised: of one that is not, this takes twice the time.

    And then those of images where it makes these of values, as on other interpreters.
    """
    session.install(".[test]")
    # Tests that start both paths themselves are among those of the other sessions
    tests = ("pytest", "-q", *session.posargs, "-m", "not once and not both_paths")
    session.run(*tests, env={"POINTERS_FAST": "0"})
    chosen = "image or array or allocated or reference or corrupt or specification"
    environment = {"POINTERS_IMAGES": "synth", "POINTERS_FAST": "0"}
    session.run(*tests, "-k", chosen, env=environment)


@nox.session(python=["3", "pypy3"], tags=ALL)
def mutations(session: nox.Session) -> None:
    """Load a million images of each type that were changed at random."""
    session.install(".[test]")
    chosen = ("tests/py/test_corrupt_random.py", "-k", "random_mutations", *session.posargs)
    session.run("pytest", "-q", *chosen, env={"POINTERS_MUTATIONS": "1000000"})


@nox.session
@nox.parametrize("compiler", ["gcc", "clang"], tags=[ALL, ALL])
def core(session: nox.Session, compiler: str) -> None:
    """Run the C tests under one compiler: the README's are gcc's, those with TSan are clang's."""
    meson(session, compiler)


@nox.session
@nox.parametrize("machine", sorted(path.stem for path in (ROOT / "tests/cross").glob("*.ini")))
def ports(session: nox.Session, machine: str) -> None:
    """Run the C tests for another machine or over another C library."""
    meson(session, "cc", f"--cross-file=tests/cross/{machine}.ini", slower=4)  # if emulated


@nox.session(tags=CI)
@nox.parametrize(("compiler", "sanitizer"), [("gcc", "address,undefined"), ("clang", "thread")])
def sanitize(session: nox.Session, compiler: str, sanitizer: str) -> None:
    """Run the C tests under sanitizers."""
    options = ["--buildtype=debugoptimized", f"-Db_sanitize={sanitizer}", "-Db_lundef=false"]
    meson(session, compiler, *options)


@nox.session(tags=ALL)
def valgrind(session: nox.Session) -> None:
    """Run the C tests under valgrind; a child of a fork cannot free what lost threads had."""
    memcheck = "--wrap=valgrind -q --error-exitcode=9 --leak-check=full"
    build = meson(session, "gcc", "-Dbuildtype=debugoptimized")
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


@nox.session(tags=CI)
def fuzz(session: nox.Session) -> None:
    """Fuzz with libFuzzer, each target for 20 seconds, or those and as -- says.

    For instance `nox -s fuzz -- image -max_total_time=3600`.
    """
    options = ["-Dfuzz=true", "-Db_lundef=false", "-Dbuildtype=debugoptimized"]
    session.install("meson>=1.3", "ninja")
    build = session.create_tmp() + "/build"
    (ROOT / build).mkdir(exist_ok=True)
    setup = ["meson", "setup", "--wipe", build, "-Dpython=disabled", "-Dtests=true", *options]
    session.run(*setup, env={"CC": "clang"})
    targets = [target for target in FUZZERS if target in session.posargs] or FUZZERS
    given = [argument for argument in session.posargs if argument not in FUZZERS]
    session.run("meson", "compile", "-C", build, *(f"fuzz_{target}" for target in targets))
    environment = {"ASAN_OPTIONS": "allocator_may_return_null=1"}
    for target in targets:
        found = session.create_tmp() + f"/{target}"
        (ROOT / found).mkdir(exist_ok=True)
        program = str(ROOT / build / "tests" / "fuzz" / f"fuzz_{target}")
        options = ["-max_len=1024", f"-artifact_prefix={found}/"]
        options += given or ["-max_total_time=20"]
        session.run(
            program, *options, found, f"tests/fuzz/corpus/{target}",
            external=True, env=environment,
        )  # fmt: skip


@nox.session(tags=CI)
def lint(session: nox.Session) -> None:
    """Check the style of Python and of C."""
    session.install("ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    folders = ("core", "bindings", "tests", "benchmarks")
    sources = [str(path) for name in folders for path in sorted(Path(name).rglob("*.[ch]"))]
    # The system's: every release of clang-format has its own opinions
    session.run("clang-format", "--dry-run", "--Werror", *sources, external=True)


@nox.session(tags=CI)
def typing(session: nox.Session) -> None:
    """Check the types of the package, and of code that uses it."""
    session.install("mypy", "basedpyright", "typing-extensions", "pytest")
    session.run("mypy")
    session.run("mypy", "--strict", "tests/typing")
    # Pyright, as a package that brings all that it needs
    here = ("--pythonpath", f"{session.bin}/python")  # and not that of a .venv beside it
    session.run("basedpyright", *here, "--level", "error", "tests/typing")


@nox.session(tags=CI)
def editable(session: nox.Session) -> None:
    """Install in place, which needs the build requirements in the environment itself."""
    session.install("ninja", *nox.project.load_toml("pyproject.toml")["build-system"]["requires"])
    build = f"--config-settings=build-dir={session.create_tmp()}/package"
    session.install("--no-build-isolation", build, "--editable", ".")
    where = "import pathlib, pointers; print(pathlib.Path(pointers.__file__).parents[1])"
    session.chdir(session.create_tmp())
    found = session.run("python", "-c", where, silent=True) or ""
    if Path(found.strip()) != ROOT:
        session.error(f"what is imported is not the checkout: {found}")


@nox.session
def crosscheck(session: nox.Session) -> None:
    """Compare the comparison of allocators with libraries that are preloaded."""
    session.install(".")
    session.run("python", "benchmarks/crosscheck.py", *session.posargs)
