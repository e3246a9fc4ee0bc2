// SPDX-License-Identifier: MIT
#include "cpython/slow.h"

#ifndef PYPY_VERSION

PyObject *ptrs_py_objects[PTRS_PY_N_IDS];

PyObject *
ptrs_py_slow_1(PtrsPyId which, PyObject *a)
{
  PyObject *const args[] = {a};
  return ptrs_py_slow(which, args, 1, NULL);
}

PyObject *
ptrs_py_slow_2(PtrsPyId which, PyObject *a, PyObject *b)
{
  PyObject *const args[] = {a, b};
  return ptrs_py_slow(which, args, 2, NULL);
}

PyObject *
ptrs_py_slow_3(PtrsPyId which, PyObject *a, PyObject *b, PyObject *c)
{
  PyObject *const args[] = {a, b, c};
  return ptrs_py_slow(which, args, 3, NULL);
}

PyObject *
ptrs_py_slow_method(
    PtrsPyId which, PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyObject *all[8]       = {self};
  const Py_ssize_t n_all = n_args + (names ? PyTuple_GET_SIZE(names) : 0);
  if (n_all >= (Py_ssize_t)Py_ARRAY_LENGTH(all)) {
    PyErr_Format(PyExc_TypeError, "takes at most %d arguments, not %zd",
                 (int)Py_ARRAY_LENGTH(all) - 1, n_all);
    return NULL;
  }
  for (Py_ssize_t i = 0; i < n_all; ++i) {
    all[i + 1] = args[i];
  }
  return ptrs_py_slow(which, all, n_args + 1, names);
}

PyObject *
ptrs_py_raise(PyObject *error)
{
  if (error) {
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
  }
  return NULL;
}

#endif
