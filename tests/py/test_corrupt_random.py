# SPDX-License-Identifier: MIT
"""Images with random bytes changed: a load raises or returns a whole object, and never crashes.

``POINTERS_MUTATIONS`` sets how many random mutations each type gets.
"""

from __future__ import annotations

import os
import random

import _image_model as model
import pytest
from _corrupt import EVERY, ROOM, VALUES, check, is_value, mutate, outcome

from pointers import malloc

MUTATIONS = int(os.environ.get("POINTERS_MUTATIONS", "20000"))


@pytest.mark.parametrize("name", VALUES)
def test_random_mutations(name: str) -> None:
    source = random.Random(f"{name} {MUTATIONS}")
    images = [model.image(value) for value in VALUES[name]]
    found = {True: 0, False: 0}
    with malloc(ROOM) as p, malloc(2 * ROOM) as scratch:
        assert p.capacity >= ROOM
        rest = bytes(p.capacity - ROOM)
        for _ in range(MUTATIONS):
            data = mutate(source, source.choice(images))
            p.write(data)
            found[is_value(check(p, data + rest, scratch))] += 1
            assert p.read() == data, "loading wrote to the memory"
    assert found[True] > MUTATIONS // 200, "hardly any mutation was an image"
    assert found[False] > MUTATIONS // 200, "hardly any mutation was corrupt"


def test_random_mutations_of_keys() -> None:
    source = random.Random(f"reference {MUTATIONS}")
    n_kept = 0
    obj = ["unharmed"]
    with malloc(ROOM) as p, malloc(2 * ROOM) as scratch:
        rest = bytes(p.capacity - ROOM)
        for _ in range(MUTATIONS // 2):
            p <<= obj
            image = p.read(16)
            data = mutate(source, image)
            p.write(data)
            if data[:16] == image:
                assert ~p is obj
                n_kept += 1
            else:
                check(p, data + rest, scratch)
                # The key was overwritten, so that writing it back does not bring the object back
                p.write(image)
                assert outcome(p) is model.CorruptError
    assert 0 < n_kept < MUTATIONS // 4
    assert obj == ["unharmed"]


@pytest.mark.parametrize("name", VALUES)
def test_heads_of_images_with_tails_of_others(name: str) -> None:
    """Cut at every fourth byte, in case one image's length matches another's data."""
    images = [model.image(value) for value in VALUES[name]][:6]
    with malloc(ROOM) as p, malloc(2 * ROOM) as scratch:
        rest = bytes(p.capacity - ROOM)
        for head in images:
            for tail in EVERY[::3]:
                for at in range(0, min(len(head), len(tail)), 4):
                    data = (head[:at] + tail[at:] + bytes(ROOM))[:ROOM]
                    p.write(data)
                    check(p, data + rest, scratch)


@pytest.mark.parametrize("name", VALUES)
def test_each_single_byte_changed(name: str) -> None:
    with malloc(ROOM) as p, malloc(2 * ROOM) as scratch:
        rest = bytes(p.capacity - ROOM)
        for value in VALUES[name]:
            image = model.image(value)
            n_refused = 0
            for at in range(min(len(image), 64)):
                for byte in {0, 1, 2, 8, 0x7F, 0x80, 0xFF, image[at] ^ 1, image[at] ^ 0x20}:
                    if byte == image[at]:
                        continue
                    data = image[:at] + bytes([byte]) + image[at + 1 :]
                    data += bytes(ROOM - len(data))
                    p.write(data)
                    n_refused += not is_value(check(p, data + rest, scratch))
            assert n_refused >= 16, "even the header could be changed"


@pytest.mark.parametrize("name", VALUES)
def test_images_cut_at_each_byte(name: str) -> None:
    with malloc(2 * ROOM) as scratch:
        for value in VALUES[name]:
            image = model.image(value)
            for size in range(len(image)):
                with malloc(size) as p:
                    p.write(image[:size])
                    check(p, image[:size] + bytes(p.capacity - size), scratch)
                # At the end of a block, with nothing behind the cut but the rest of the capacity
                with malloc(ROOM) as p:
                    alias = p + (ROOM - size)
                    alias.write(image[:size])
                    check(alias, image[:size] + bytes(p.capacity - ROOM), scratch)
