// SPDX-License-Identifier: MIT
// Other sizes for blocks.
#include "access/access.h"
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/trace.h"

#ifndef PYPY_VERSION

static int
resize(PtrsPyPointer *pointer, size_t size)
{
  int status = 0;
  // Any change of size may have to wait, or to copy the block
  Py_BEGIN_ALLOW_THREADS;
  status = ptrs_py_place(pointer)->kind == PTRS_PY_KIND_ARRAY
               ? ptrs_access_resize_slots(ptrs_py_block(pointer), size)
               : ptrs_access_resize(ptrs_py_block(pointer), size);
  Py_END_ALLOW_THREADS;
  return status;
}

// The pointer, whose block has another size now; NULL with or without an exception.  A refusal
// is final: the slow path would try once more.
static PyObject *
resized(PyObject *self, PyObject *number)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  PyObject *const type         = (PyObject *)Py_TYPE(self);
  const bool is_array          = type == ptrs_py_objects[PTRS_PY_ARRAY];
  Py_ssize_t size              = 0;
  if ((type != ptrs_py_objects[PTRS_PY_ALLOCATED] && !is_array) || ptrs_py_place(pointer)->offset ||
      ptrs_py_place(pointer)->readonly || !ptrs_py_as_index(number, &size) ||
      (is_array && (!ptrs_py_place(pointer)->bound || size % ptrs_py_place(pointer)->bound))) {
    return NULL;
  }
  const int status = resize(pointer, (size_t)size);
  if (status) {
    return ptrs_py_raise(PyObject_CallMethod(self, "_resize_error", "in", status, size));
  }
  ptrs_py_trace_resized(ptrs_py_block(pointer));
  // Objects that were held in a part that is gone
  ptrs_py_overwritten(pointer, size, PY_SSIZE_T_MAX);
  Py_INCREF(self);
  return self;
}

// What the slow path returns, the pointer or NULL
static PyObject *
resized_slowly(PyObject *result)
{
  if (result && ptrs_py_is_pointer(result)) {
    ptrs_py_trace_resized(ptrs_py_block((PtrsPyPointer *)result));
  }
  return result;
}

PyObject *
ptrs_py_pointer_realloc(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PyObject *const result = n_args == 1 && !names ? resized(self, args[0]) : NULL;
  return result || PyErr_Occurred() ? result
                                    : resized_slowly(ptrs_py_slow_method(
                                          PTRS_PY_REALLOC_METHOD, self, args, n_args, names));
}

PyObject *
ptrs_py_realloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  PyObject *const result = n_args == 2 && !names ? resized(args[0], args[1]) : NULL;
  return result || PyErr_Occurred()
             ? result
             : resized_slowly(ptrs_py_slow(PTRS_PY_REALLOC, args, n_args, names));
}

#endif
