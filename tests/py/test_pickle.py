# SPDX-License-Identifier: MIT
"""Blocks in pickles: out of band, in other processes, and on a cluster of `dask.distributed`."""

import importlib.util
import pickle
from typing import Any

import pytest

from pointers import Arena, free, malloc


def test_a_block_and_its_copy_out_of_band() -> None:
    ptr = malloc(1 << 20, align=64)
    ptr.write(b"samples")
    buffers: list[pickle.PickleBuffer] = []
    value = [pickle.PickleBuffer(ptr.view()), pickle.PickleBuffer((ptr + 3).view(writable=False))]
    image = pickle.dumps(value, 5, buffer_callback=buffers.append)
    assert len(image) < 100
    assert [buffer.raw().readonly for buffer in buffers] == [False, True]
    del value
    with pytest.raises(BufferError):
        free(ptr)
    # At the other end the bytes are in a block of an allocator of its own
    with Arena() as arena:
        blocks = [arena.malloc(buffer.raw().nbytes) for buffer in buffers]
        for block, buffer in zip(blocks, buffers):
            block.write(buffer.raw())
            buffer.release()
        free(ptr)
        (one, other) = pickle.loads(image, buffers=[block.view() for block in blocks])
        one[0] = ord("S")
        assert blocks[0].read(7) == b"Samples"
        assert bytes(other[:4]) == b"ples"
        with pytest.raises(BufferError):
            arena.close()
        del one, other


def test_in_band_the_bytes_are_copied() -> None:
    with malloc(8) as ptr:
        ptr.write(b"12345678")
        buffer = pickle.PickleBuffer(ptr.view())
        image = pickle.dumps(buffer, 5)
        with pytest.raises(pickle.PicklingError, match="protocol"):
            pickle.dumps(buffer, 4)
        buffer.release()
    assert pickle.loads(image) == b"12345678"


CLUSTER = """
    import pickle
    from distributed import Client, LocalCluster
    from pointers import malloc

    class Block:
        def __init__(self, ptr, in_band=False):
            self.ptr, self.in_band = ptr, in_band

        def __reduce_ex__(self, protocol):
            if protocol < 5:  # between client and scheduler
                return block_of, (self.ptr.read(),)
            return block_of, (pickle.PickleBuffer(self.ptr.view()),)

    def block_of(data):
        ptr = malloc(len(data))
        ptr.write(data)
        return Block(ptr, isinstance(data, bytes))

    def reverse(block):
        assert not block.in_band
        data = block.ptr.read()[::-1]
        return block_of(bytearray(data))

    if __name__ == "__main__":
        data = bytes(range(256)) * 4096
        with malloc(len(data)) as ptr:
            ptr.write(data)
            with LocalCluster(
                n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster, Client(cluster) as client:
                sent = client.scatter(Block(ptr), direct=True)
                future = client.submit(reverse, sent)
                for direct in (True, False):
                    answer = client.gather(future, direct=direct)
                    with answer.ptr as copy:
                        assert copy.read() == data[::-1]
        print("done")
"""


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="there is no dask.distributed"
)
def test_a_cluster_of_processes(run_python: Any) -> None:
    done = run_python(CLUSTER)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
