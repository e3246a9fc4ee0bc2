// SPDX-License-Identifier: MIT
#include "cpython/held.h"

#ifndef PYPY_VERSION

PyObject *
ptrs_py_own_held(PtrsPyPointer *pointer)
{
  PtrsPyPointer *const root = ptrs_py_root(pointer);
  PyObject *kept            = ptrs_py_held(root);
  if (!kept) {
    PyObject *const made =
        PyObject_CallFunction(ptrs_py_objects[PTRS_PY_HELD_OF], "L", (long long)root->block);
    if (!made) {
      return NULL;
    }
    // A finalizer in that call, or another thread, may have done the same: then theirs are used
    if (__atomic_compare_exchange_n(&root->held, &kept, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      kept = made;
    } else {
      Py_DECREF(made);
    }
  }
  Py_INCREF(kept);
  return kept;
}

int
ptrs_py_overwritten(PtrsPyPointer *pointer, Py_ssize_t start, Py_ssize_t end)
{
  PyObject *const held = ptrs_py_held(pointer);
  if (!held) {
    return 0;
  }
  PyObject *const result =
      PyObject_CallMethod(held, "overwritten", "Lnn", (long long)pointer->block, start, end);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

PyObject *
ptrs_py_release_held(PtrsPyPointer *pointer)
{
  PyObject *const held = ptrs_py_held(pointer);
  if (held) {
    return PyObject_CallMethod(held, "release", NULL);
  }
  Py_RETURN_NONE;
}

#endif
