# SPDX-License-Identifier: MIT
"""Imports in a checkout, whose folder ``pointers`` comes before the installed package.

The folder has no compiled module, so the installed package is imported instead:
all of it, and nothing of the folder but this.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType

# Folders and files that are compiled
_SOURCES = ("benchmarks/core", "bindings", "core/include", "core/src")


def import_installed(name: str, folder: str) -> None:
    """Import the installed package in the place of the one in `folder`, unless that is built.

    :raises ImportError: none is installed.
    """
    if _is_built(sys.modules[name]):
        return
    found = _find_installed(name, Path(folder))
    if found is None:
        raise ImportError(
            f"pointers is not built for {sys.executable}, and this is its source tree: run "
            "'python3 dev.py demo', and then .venv/bin/python, which works here as well as "
            "anywhere, or install it with 'pip install .' into an environment of your own"
        )
    spec, core = found
    changed = _first_change(Path(folder), Path(str(spec.origin)).parent, core)
    if changed is not None:
        warnings.warn(
            f"{changed} has changed since {spec.origin} was installed, which is imported: install "
            "it again with 'python3 dev.py demo' or 'pip install .'",
            RuntimeWarning,
            stacklevel=4,
        )
    for module in [module for module in sys.modules if module.startswith(f"{name}.")]:
        del sys.modules[module]
    package = module_from_spec(spec)
    sys.modules[name] = package
    assert spec.loader is not None
    spec.loader.exec_module(package)


def _is_built(package: ModuleType) -> bool:
    """Whether some importer finds the compiled module, as that of an editable install does."""
    finders = [getattr(finder, "find_spec", None) for finder in sys.meta_path]
    core = f"{package.__name__}._core"
    return any(find(core, package.__path__) for find in finders if find is not None)


def _find_installed(name: str, folder: Path) -> tuple[ModuleSpec, Path] | None:
    """Return the first other package of this name that is built, and its compiled module."""
    for entry in sys.path:
        if os.path.realpath(entry) == os.path.realpath(folder.parent):
            continue
        spec = PathFinder.find_spec(name, [entry])
        if spec is not None and spec.submodule_search_locations:
            core = PathFinder.find_spec(f"{name}._core", spec.submodule_search_locations)
            if core is not None:
                return spec, Path(str(core.origin))
    return None


def _first_change(source: Path, installed: Path, core: Path) -> Path | None:
    """Return a file of the checkout that has changed since the package was installed."""
    for path in sorted(source.rglob("*.py")):
        other = installed / path.relative_to(source)
        if not other.exists() or path.read_bytes() != other.read_bytes():
            return path
    built = core.stat().st_mtime
    for name in _SOURCES:
        for path in sorted((source.parent / name).rglob("*.[ch]")):
            if path.stat().st_mtime > built:
                return path
    return None
