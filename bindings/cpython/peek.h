// SPDX-License-Identifier: MIT
/**
 * @file peek.h
 * Sizes of blocks, and numbers of slots, as they are at the moment.  Any of them may be
 * another one at the next moment: each access checks its own bounds.
 *
 * A result is negative where the block is gone, or where finding out would have to wait: the
 * slow path tells which.
 */
#ifndef POINTERS_CPYTHON_PEEK_H
#define POINTERS_CPYTHON_PEEK_H

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/**
 * Look at a block: where it is, and its sizes.
 *
 * @param[out] seen For its numbers alone: the block has been left.
 * @param[out] gone Set to true if the block is gone, else left as it is.
 * @return Whether `seen` is filled in.
 */
bool ptrs_py_peek(PtrsBlock block, PtrsEntry *seen, bool *gone);

/** Bytes of a block. */
Py_ssize_t ptrs_py_peek_size(PtrsBlock block);

/** Bytes from a pointer to the end of its slot or its block. */
Py_ssize_t ptrs_py_peek_left(PtrsPyPointer *pointer);

/** The same of a block of `size` bytes; negative where that has cut a slice. */
Py_ssize_t ptrs_py_left_in(const PtrsPyPointer *pointer, Py_ssize_t size);

/** Slots of the array that a pointer is in; negative also where slots have no bytes. */
Py_ssize_t ptrs_py_peek_count(PtrsPyPointer *pointer);

/** Take an int that is an index or a size; false for anything else. */
bool ptrs_py_as_index(PyObject *obj, Py_ssize_t *index);

#endif
#endif
