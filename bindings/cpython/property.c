// SPDX-License-Identifier: MIT
// Properties of pointers that tell about their blocks.
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"

#ifndef PYPY_VERSION

PyObject *
ptrs_py_get_size(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const Py_ssize_t left        = ptrs_py_peek_left(pointer);
  if (left < 0) {
    return ptrs_py_slow_1(pointer->kind == PTRS_PY_KIND_SLOT    ? PTRS_PY_SLOT_SIZE
                          : pointer->kind == PTRS_PY_KIND_SLICE ? PTRS_PY_SLICE_SIZE
                                                                : PTRS_PY_SIZE,
                          self);
  }
  return PyLong_FromSsize_t(left);
}

PyObject *
ptrs_py_get_capacity(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const size_t offset                = (size_t)pointer->offset;
  PtrsEntry seen;
  bool gone = false;
  if (!ptrs_py_peek(pointer->block, &seen, &gone)) {
    return ptrs_py_slow_1(PTRS_PY_CAPACITY, self);
  }
  return PyLong_FromSize_t(seen.capacity > offset ? seen.capacity - offset : 0);
}

PyObject *
ptrs_py_get_address(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  PtrsEntry seen;
  bool gone = false;
  if (!ptrs_py_peek(pointer->block, &seen, &gone)) {
    return ptrs_py_slow_1(PTRS_PY_ADDRESS, self);
  }
  // As a number: a block that has shrunk may end before the offset
  return PyLong_FromSize_t((uintptr_t)seen.mem + (size_t)pointer->offset);
}

PyObject *
ptrs_py_get_offset(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromSsize_t(((PtrsPyPointer *)self)->offset);
}

PyObject *
ptrs_py_get_freed(PyObject *self, void *unused)
{
  (void)unused;
  PtrsEntry seen;
  bool gone       = false;
  const bool live = ptrs_py_peek(((PtrsPyPointer *)self)->block, &seen, &gone);
  return live || gone ? PyBool_FromLong(gone) : ptrs_py_slow_1(PTRS_PY_FREED, self);
}

PyObject *
ptrs_py_get_parameter(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const Py_ssize_t left        = pointer->readonly ? -1 : ptrs_py_peek_left(pointer);
  PyObject *const size         = left < 0 ? NULL : PyLong_FromSsize_t(left);
  PyObject *const over =
      size ? PyDict_GetItemWithError(ptrs_py_objects[PTRS_PY_ARRAYS_OVER], size) : NULL;
  PyObject *array = NULL;
  if (over) {
    Py_INCREF(over);
    PyObject *const args[] = {self};
    array                  = PyObject_Vectorcall(over, args, 1, NULL);
    Py_DECREF(over);
  }
  Py_XDECREF(size);
  if (array || (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_ValueError))) {
    return array;
  }
  // Also where the block has become smaller since
  PyErr_Clear();
  return ptrs_py_slow_1(PTRS_PY_PARAMETER, self);
}

#endif
