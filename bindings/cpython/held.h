// SPDX-License-Identifier: MIT
/**
 * @file held.h
 * The objects that memory refers to, which the root of a block holds: an object that exists
 * once the first of them is stored.  Its rule is that of pointers/_pointer/held.py, whose class
 * it is the base of.
 *
 * What is released may run anything.  That is last in each operation, when nothing is under way
 * and no block is entered.
 */
#ifndef POINTERS_CPYTHON_HELD_H
#define POINTERS_CPYTHON_HELD_H

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/** The held objects of a block, made where there are none yet. */
PyObject *ptrs_py_own_held(PtrsPyPointer *pointer);

/** Whether an object is stored by reference; -1 with an exception.  May run Python. */
int ptrs_py_is_held(PyObject *obj);

/**
 * Store an object by value or by reference, but not what another pointer points at.
 *
 * @param bound Bytes that the store may take from `offset` on.
 * @return 1; 0 if it could not be stored; -1 with an exception.
 */
int ptrs_py_store(PtrsPyPointer *pointer, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj);

/** Load what is at an offset of a pointer's block, by value or not; NULL with or without an
    exception. */
PyObject *ptrs_py_load(PtrsPyPointer *pointer, Py_ssize_t offset);

/** Release what has lost its image to a write of the bytes [start, end). */
void ptrs_py_overwritten(PtrsPyPointer *pointer, Py_ssize_t start, Py_ssize_t end);

/** Release all held objects of a block that is gone; None. */
PyObject *ptrs_py_release_held(PtrsPyPointer *pointer);

#endif
#endif
