// SPDX-License-Identifier: MIT
// The text of pointers: that of the object that is stored, and the one that tells of the pointer.
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/value.h"

#ifndef PYPY_VERSION

#  include <inttypes.h>
#  include <stdio.h>

PyObject *
ptrs_py_pointer_str(PyObject *self)
{
  const PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  int64_t key                        = 0;
  // Of values alone, whose text runs no Python; a subclass may say what is here
  PyObject *const obj =
      ptrs_py_is_plain(self)
          ? ptrs_py_load_object(ptrs_py_block(pointer), ptrs_py_place(pointer)->offset, &key)
          : NULL;
  PyObject *const text = obj ? PyObject_Str(obj) : NULL;
  Py_XDECREF(obj);
  if (text) {
    return text;
  }
  // The slow path tells what is wrong, or finds it out anew
  PyErr_Clear();
  return ptrs_py_slow_1(PTRS_PY_STR, self);
}

// The text of a pointer where an object is stored; NULL with or without an exception
static PyObject *
describe(PtrsPyPointer *pointer)
{
  PyObject *const obj = ptrs_py_load(pointer, ptrs_py_place(pointer)->offset);
  PtrsEntry seen;
  bool gone = false;
  if (!obj) {
    return NULL;
  }
  Py_DECREF(obj);
  const char *const name = PyUnicode_AsUTF8(((PyHeapTypeObject *)Py_TYPE(pointer))->ht_name);
  if (!name || !ptrs_py_peek(ptrs_py_block(pointer), &seen, &gone)) {
    return NULL;
  }
  char text[160];
  const uintptr_t address = (uintptr_t)seen.mem + (size_t)ptrs_py_place(pointer)->offset;
  const int length = snprintf(text, sizeof(text), "<%s at 0x%" PRIxPTR ", %zd bytes, assigned%s>",
                              name, address, ptrs_py_left_in(pointer, (Py_ssize_t)seen.size),
                              ptrs_py_place(pointer)->readonly ? ", read-only" : "");
  // Programs can give the classes other names
  return length < (int)sizeof(text) ? PyUnicode_FromStringAndSize(text, length) : NULL;
}

PyObject *
ptrs_py_pointer_repr(PyObject *self)
{
  // As the properties tell, which subclasses may have changed
  PyObject *const text = ptrs_py_is_plain(self) ? describe((PtrsPyPointer *)self) : NULL;
  return text || PyErr_Occurred() ? text : ptrs_py_slow_1(PTRS_PY_REPR, self);
}

#endif
