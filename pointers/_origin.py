# SPDX-License-Identifier: MIT
"""Which package an import gives: the one that was imported first, and one that is built.

Tools take modules out of ``sys.modules``, or put back what was in there before.
But what C keeps is there once: a second package beside the first would take its
callbacks, count its keys anew, and know none of its classes.  So a second import
brings back the first package, with all of its modules.
"""

from __future__ import annotations

import os
import sys

from pointers._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType
else:
    ModuleType = type(sys)  # to import types takes longer than this module does

# Of `sys`, which belongs to one interpreter, and which such tools leave alone
_FIRST = "_pointers_package"


def settle(name: str) -> None:
    """Put the package that is to be used into `sys.modules`, if it is another than this.

    What is being imported then runs to its end, to no effect.
    """
    first = getattr(sys, _FIRST, None)
    if first is not None:
        sys.modules.update(_modules(first))
        return
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow
    # A file of the source tree, which is not installed
    if os.path.exists(f"{folder}/meson.build"):  # noqa: PTH110
        from pointers._checkout import import_installed

        import_installed(name, folder)


def remember(name: str) -> None:
    """Let this package be the one that every import gives from now on."""
    setattr(sys, _FIRST, sys.modules[name])


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    """Return a package and all modules that were ever imported from it, by their names."""
    found = {package.__name__: package}
    for value in list(vars(package).values()):
        if isinstance(value, ModuleType) and value.__name__.startswith(f"{package.__name__}."):
            found.update(_modules(value))
    return found
