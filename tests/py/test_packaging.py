# SPDX-License-Identifier: MIT
"""An installation has the right metadata, the package, and nothing besides."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed() -> Distribution:
    return distribution("pointers-cffi")


@pytest.fixture
def files(installed: Distribution) -> list[PackagePath]:
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        pytest.skip("installed in place")
    return installed.files or []


def test_the_version_is_that_of_meson_build(installed: Distribution) -> None:
    build = (ROOT / "meson.build").read_text(encoding="utf-8")
    declared = re.search(r"^  version: '([^']+)',$", build, re.MULTILINE)
    assert declared is not None
    assert installed.version == declared.group(1)


def test_metadata_names_python_licence_and_extras(installed: Distribution) -> None:
    metadata = installed.metadata
    assert metadata["Name"] == "pointers-cffi"
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert not [name for name in metadata.get_all("Classifier") or [] if "License" in name]
    assert metadata.get_all("Provides-Extra") == ["test", "cli", "report", "bench"]


def test_cffi_is_the_only_dependency(installed: Distribution) -> None:
    needed = [line for line in installed.requires or [] if "extra ==" not in line]
    assert [re.sub(r"\W.*", "", line) for line in needed] == ["cffi"]
    assert "platform_python_implementation" in needed[0]


def test_only_package_program_and_plugin_are_installed(files: list[PackagePath]) -> None:
    programs = [path for path in files if path.parts[0] == ".."]
    assert [path.stem for path in programs] == ["pointers"]
    plugin = [path for path in files if path.stem.partition(".")[0] == "pointers_pytest"]
    assert plugin
    folders = {path.parts[0] for path in files if path not in [*programs, *plugin]}
    assert "pointers" in folders
    folders.remove("pointers")
    assert [folder.endswith(".dist-info") for folder in folders] == [True]


def test_types_and_licence_are_shipped(files: list[PackagePath]) -> None:
    names = {path.as_posix() for path in files}
    assert {"pointers/py.typed", "pointers/_core.pyi"} <= names
    assert [name for name in names if name.endswith("/licenses/LICENSE")]


def test_one_compiled_module_and_no_sources_of_it_are_installed(files: list[PackagePath]) -> None:
    assert len([path for path in files if path.suffix in {".so", ".pyd"}]) == 1
    sources = [path.name for path in files if path.suffix in {".a", ".h", ".c"}]
    # A user's own workload includes this header; only some systems can run workloads
    assert sources in ([], ["ptrs-workload.h"])


def test_the_tests_run_on_the_installed_package(files: list[PackagePath]) -> None:
    import pointers

    paths = {Path(str(path.locate())).resolve() for path in files}
    assert Path(pointers.__file__).resolve() in paths
