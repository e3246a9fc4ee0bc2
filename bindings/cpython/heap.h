// SPDX-License-Identifier: MIT
/**
 * @file heap.h
 * What frees the block of a pointer that is gone.
 */
#ifndef POINTERS_CPYTHON_HEAP_H
#define POINTERS_CPYTHON_HEAP_H

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/** Whether the block that was allocated last is of an arena. */
extern bool ptrs_py_made_in_region;

/** Free the block that a pointer owns, with a ResourceWarning: the finalizer of pointers. */
void ptrs_py_finalize(PyObject *self);

/**
 * The same where nothing may see the pointer any more: its class has a `__del__` that does not
 * call that of its base.
 */
void ptrs_py_finalize_late(PtrsPyPointer *pointer);

/**
 * Free the block of a pointer that nothing refers to, where a warning would be ignored: this
 * runs no Python.
 *
 * @return False if that is for the finalizer.
 */
bool ptrs_py_free_unheard(PtrsPyPointer *pointer);

#endif
#endif
