// SPDX-License-Identifier: MIT
/**
 * @file error.h
 * An exception that is under way, put aside while other Python code runs.
 */
#ifndef POINTERS_CPYTHON_ERROR_H
#define POINTERS_CPYTHON_ERROR_H

#include <Python.h>

#ifndef PYPY_VERSION

typedef struct {
  PyObject *parts[3];
} PtrsPyError;

/** Put the exception aside that is under way, if one is. */
static inline void
ptrs_py_error_take(PtrsPyError *error)
{
#  if PY_VERSION_HEX >= 0x030C0000
  error->parts[0] = PyErr_GetRaisedException();
#  else
  PyErr_Fetch(&error->parts[0], &error->parts[1], &error->parts[2]);
#  endif
}

/** Raise again what ptrs_py_error_take() has put aside. */
static inline void
ptrs_py_error_put_back(PtrsPyError *error)
{
#  if PY_VERSION_HEX >= 0x030C0000
  PyErr_SetRaisedException(error->parts[0]);
#  else
  PyErr_Restore(error->parts[0], error->parts[1], error->parts[2]);
#  endif
}

#endif
#endif
