// SPDX-License-Identifier: MIT
/**
 * @file held.h
 * The objects that memory refers to, which the root of a block holds: a Python object
 * (pointers/_pointer/held.py) that exists once the first of them is stored.
 */
#ifndef POINTERS_CPYTHON_HELD_H
#define POINTERS_CPYTHON_HELD_H

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/** The held objects of a block, or NULL; borrowed, and there as long as the pointer. */
static inline PyObject *
ptrs_py_held(PtrsPyPointer *pointer)
{
  return __atomic_load_n(&ptrs_py_root(pointer)->held, __ATOMIC_ACQUIRE);
}

/** The same, made where there are none yet; a new reference. */
PyObject *ptrs_py_own_held(PtrsPyPointer *pointer);

/** Release what has lost its image to a write of the bytes [start, end); -1 with an exception. */
int ptrs_py_overwritten(PtrsPyPointer *pointer, Py_ssize_t start, Py_ssize_t end);

/** Release all held objects of a block that is gone; None, or NULL with an exception. */
PyObject *ptrs_py_release_held(PtrsPyPointer *pointer);

#endif
#endif
