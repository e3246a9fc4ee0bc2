# SPDX-License-Identifier: MIT
"""What the rules of the machine draw."""

from __future__ import annotations

import _image_model as images
from _machine_adopted import WAYS
from _machine_casts import CTYPES
from hypothesis import strategies as st

picks = st.integers(0, 999)
flags = st.booleans()
sizes = st.one_of(st.integers(0, 120), st.sampled_from((16, 24, 28, 32, 48, 64, 600)))
steps = st.one_of(st.integers(-3, 20), st.sampled_from((8, 16, 24, 40)))
counts = st.one_of(st.integers(0, 16), st.integers(0, 100))
aligns = st.sampled_from((16, 16, 16, 1, 2, 8, 32, 64, 4096))
datas = st.binary(max_size=40)
NEW = object()
OLD = object()
references = st.sampled_from((NEW, NEW, OLD))
kinds = st.sampled_from("BBbcHiqd")
sources = st.sampled_from(("system", "system", "system", "arena", "arena", "pool", "guard"))
# Values at the limits of each type's forms, in a table, since these are drawn in less time
_INTS = (0, 1, -1, 255, 2**30 - 1, -(2**30), 2**60, 2**62, -(2**63), 2**63, 2**64, -(10**30))
_OTHERS = (None, True, False, 1.5, -0.0, float("nan"), complex(1, -2), b"", b"b", b"x" * 40)
_TEXTS = ("", "a", "b" * 7, "c" * 30, "\xe9", "\u0394", "\ud800", "\U0001f600", "\uffff" * 8)
texts = st.sampled_from(("", "a", "x" * 1000))
small = st.sampled_from((*_INTS, *_OTHERS, *_TEXTS))
values = st.one_of(small, references)
all_values = st.one_of(small, references, images.values)
raw = st.one_of(datas, small.map(images.image))

ways = st.sampled_from(WAYS)
ctypes_kinds = st.sampled_from(tuple(CTYPES))
seldoms = st.integers(0, 3)
