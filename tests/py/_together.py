# SPDX-License-Identifier: MIT
"""Functions that threads run at the same time; also for the programs that tests start."""

import threading
from typing import Any, Callable


def together(*functions: "Callable[[], Any]") -> "list[Any]":
    """Run functions in threads that start at the same time; return results or exceptions."""
    barrier = threading.Barrier(len(functions), timeout=300)
    results: list[Any] = [None] * len(functions)

    def run(index: int, function: "Callable[[], Any]") -> None:
        barrier.wait()
        try:
            results[index] = function()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return results
