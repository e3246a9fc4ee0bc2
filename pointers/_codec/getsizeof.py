# SPDX-License-Identifier: MIT
"""An answer to ``sys.getsizeof`` on PyPy, for values that are stored as bytes.

PyPy's own always raises TypeError, since its objects have no fixed size.  But
``malloc(sys.getsizeof(obj))`` is how one asks for memory that holds an object,
and here that has an answer: the size of the object's image.
"""

from __future__ import annotations

import sys

from pointers._codec.layout import sizeof
from pointers._codec.store import STORES
from pointers._typing import Any


def install() -> None:
    """Let ``sys.getsizeof`` answer for the types whose images are values.

    Does nothing where the interpreter answers by itself.  What the original
    answers or raises for other types, and with a default, stays as it is.
    """
    original = sys.getsizeof
    try:
        original(0)
    except TypeError:
        pass
    else:
        return

    def getsizeof(obj: Any, *default: Any, **keywords: Any) -> int:
        kind = type(obj)
        if not default and not keywords and type(kind) is type and kind in STORES:
            return sizeof(obj)
        return original(obj, *default, **keywords)

    getsizeof.__doc__ = original.__doc__
    getsizeof.__wrapped__ = original  # type: ignore[attr-defined]
    sys.getsizeof = getsizeof
