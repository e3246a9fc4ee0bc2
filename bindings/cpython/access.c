// SPDX-License-Identifier: MIT
// Storing and loading through one pointer: objects, and raw bytes.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

#  include <string.h>

int
ptrs_overwritten(PtrsPlace *place, Py_ssize_t start, Py_ssize_t end)
{
  PyObject *const references = ptrs_references(place);
  if (!references) {
    return 0;
  }
  PyObject *const result =
      PyObject_CallMethod(references, "overwritten", "Lnn", (long long)place->block, start, end);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

// Store by value; NULL without an exception for anything else
static PyObject *
store(PtrsPlace *place, PyObject *obj)
{
  const int64_t size = ptrs_store_object(place->block, place->offset, place->room, obj);
  if (size < 0 || ptrs_overwritten(place, place->offset, place->offset + (Py_ssize_t)size) < 0) {
    return NULL;
  }
  Py_INCREF(place);
  return (PyObject *)place;
}

PyObject *
ptrs_place_ilshift(PyObject *self, PyObject *obj)
{
  PyObject *const result = store((PtrsPlace *)self, obj);
  return result || PyErr_Occurred() ? result : ptrs_fall_back_2(PTRS_PY_MOVE, self, obj);
}

PyObject *
ptrs_place_invert(PyObject *self)
{
  const PtrsPlace *const place = (PtrsPlace *)self;
  PyObject *const obj          = ptrs_load_object(place->block, place->offset);
  return obj || PyErr_Occurred() ? obj : ptrs_fall_back_1(PTRS_PY_DEREFERENCE, self);
}

PyObject *
ptrs_place_dereference(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return n_args || names ? ptrs_fall_back_method(PTRS_PY_DEREFERENCE, self, args, n_args, names)
                         : ptrs_place_invert(self);
}

// Copy bytes out of a block, or into it
static PtrsStatus
copy_raw(const PtrsPlace *place, PtrsAccess access, void *data, size_t size)
{
  const size_t offset = (size_t)place->offset;
  PtrsStatus status   = PTRS_STATUS_SUCCESS;
  bool busy           = size > PTRS_ACCESS_AT_ONCE;
  PtrsEntry entry;
  if (!busy) {
    status = ptrs_block_try_enter(place->block, access, &entry, &busy);
  }
  if (busy) {
    Py_BEGIN_ALLOW_THREADS;
    status = access == PTRS_ACCESS_SHARED ? ptrs_block_read(place->block, offset, size, data)
                                          : ptrs_block_write(place->block, offset, size, data);
    Py_END_ALLOW_THREADS;
    return status;
  }
  if (status) {
    return status;
  }
  if (offset > entry.size || size > entry.size - offset) {
    status = PTRS_STATUS_OUT_OF_BOUNDS;
  } else if (size && access == PTRS_ACCESS_SHARED) {
    memcpy(data, entry.mem + offset, size);
  } else if (size) {
    memmove(entry.mem + offset, data, size); // as ptrs_block_write() does
  }
  ptrs_block_leave(&entry);
  return status;
}

PyObject *
ptrs_place_move(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  if (n_args == 1 && !names) {
    return ptrs_place_ilshift(self, args[0]);
  }
  return ptrs_fall_back_method(PTRS_PY_MOVE, self, args, n_args, names);
}

PyObject *
ptrs_place_read(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  const Py_ssize_t room  = ptrs_peek_room(place);
  Py_ssize_t size        = room;
  if (!names && room >= 0 &&
      (n_args == 0 || (n_args == 1 && ptrs_as_index(args[0], &size) && size <= room))) {
    PyObject *const data = PyBytes_FromStringAndSize(NULL, size);
    if (!data) {
      return NULL;
    }
    if (!copy_raw(place, PTRS_ACCESS_SHARED, PyBytes_AS_STRING(data), (size_t)size)) {
      return data;
    }
    Py_DECREF(data);
  }
  return ptrs_fall_back_method(PTRS_PY_READ, self, args, n_args, names);
}

PyObject *
ptrs_place_write(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  Py_buffer source;
  if (n_args != 1 || names || ptrs_is_place(args[0])) {
    return ptrs_fall_back_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  if (PyObject_GetBuffer(args[0], &source, PyBUF_SIMPLE)) {
    // There may be a buffer of another kind.  An interrupt, or no memory, ends the write:
    // the object's own code may have run.
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_BufferError)) {
      return NULL;
    }
    PyErr_Clear();
    return ptrs_fall_back_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  const Py_ssize_t size = source.len;
  const bool fits       = size <= ptrs_peek_room(place);
  const bool written    = fits && !copy_raw(place, PTRS_ACCESS_EXCLUSIVE, source.buf, (size_t)size);
  PyBuffer_Release(&source);
  if (!written) {
    return ptrs_fall_back_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  if (ptrs_overwritten(place, place->offset, place->offset + size) < 0) {
    return NULL;
  }
  Py_RETURN_NONE;
}

#endif
