// SPDX-License-Identifier: MIT
/**
 * @file held_type.h
 * The objects that the memory of one block refers to, as a Python object: the base of the class
 * in pointers/_pointer/held.py.
 */
#ifndef POINTERS_CPYTHON_HELD_TYPE_H
#define POINTERS_CPYTHON_HELD_TYPE_H

#include "cpython/held_table.h"

#ifndef PYPY_VERSION

typedef struct {
  PyObject_HEAD PtrsBlock block;
  PtrsPyHeldTable table;
} PtrsPyHeldObjects;

/** Objects that are released at a time. */
#  define PTRS_PY_HELD_BATCH 64

/** Around a step on a table.  Without a global lock, others may be at the same one. */
#  ifdef Py_GIL_DISABLED
#    define PTRS_PY_BEGIN_STEP(held) Py_BEGIN_CRITICAL_SECTION(held)
#    define PTRS_PY_END_STEP() Py_END_CRITICAL_SECTION()
#  else
#    define PTRS_PY_BEGIN_STEP(held)
#    define PTRS_PY_END_STEP()
#  endif

/** Its type; NULL until the module is loaded. */
extern PyTypeObject *ptrs_py_held_type;
extern PyType_Spec ptrs_py_held_spec;

/** The object with a key at an offset, or NULL without an exception. */
PyObject *ptrs_py_held_load(PtrsPyHeldObjects *self, Py_ssize_t offset, int64_t key);

/** Release what has lost its image to a write of [start, end); the caller refers to `self`. */
void ptrs_py_held_overwritten(PtrsPyHeldObjects *self, Py_ssize_t start, Py_ssize_t end);

/** Release everything. */
void ptrs_py_held_release(PtrsPyHeldObjects *self);

/**
 * Hold objects whose images are about to be written, one each `stride` bytes from `offset` on.
 *
 * @param keys One for each object; 0 where an object is not held.
 * @return False with an exception, and nothing is held.
 */
bool ptrs_py_hold(PyObject *held,
                  Py_ssize_t offset,
                  Py_ssize_t stride,
                  const int64_t *keys,
                  PyObject *const *objects,
                  Py_ssize_t count);

/** After that, tell that all images have been written, or that none has. */
void ptrs_py_tell_held(PyObject *held,
                       Py_ssize_t offset,
                       Py_ssize_t stride,
                       const int64_t *keys,
                       Py_ssize_t count,
                       bool written);

#endif
#endif
