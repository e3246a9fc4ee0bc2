// SPDX-License-Identifier: MIT
// Storing and loading through one pointer: objects, and raw bytes.
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/value.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

#  include <string.h>

// Store an object, but not what another pointer points at; NULL with or without an exception
static PyObject *
store(PtrsPyPointer *pointer, PyObject *obj)
{
  if (ptrs_py_store(pointer, ptrs_py_place(pointer)->offset, ptrs_py_place(pointer)->bound, obj) !=
      1) {
    return NULL;
  }
  Py_INCREF(pointer);
  return (PyObject *)pointer;
}

static bool
is_slice(const PtrsPyPointer *pointer)
{
  return ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLICE;
}

PyObject *
ptrs_py_pointer_ilshift(PyObject *self, PyObject *obj)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const bool is_cut            = is_slice(pointer) && ptrs_py_peek_left(pointer) < 0;
  PyObject *const result = ptrs_py_place(pointer)->readonly || is_cut ? NULL : store(pointer, obj);
  return result || PyErr_Occurred()
             ? result
             : ptrs_py_slow_2(is_slice(pointer) ? PTRS_PY_SLICE_MOVE : PTRS_PY_MOVE, self, obj);
}

// As store(), also beyond the end of a slot.  What would leave the block, or a slice, is for the
// slow path, which warns first.
static PyObject *
store_unsafe(PtrsPyPointer *pointer, PyObject *obj)
{
  const PtrsPyPlace *const place = ptrs_py_place(pointer);
  const bool is_cut              = is_slice(pointer) && ptrs_py_peek_left(pointer) < 0;
  const Py_ssize_t bound         = is_slice(pointer) ? place->bound : PY_SSIZE_T_MAX;
  if (place->readonly || is_cut || ptrs_py_store(pointer, place->offset, bound, obj) != 1) {
    return NULL;
  }
  Py_INCREF(pointer);
  return (PyObject *)pointer;
}

PyObject *
ptrs_py_pointer_ixor(PyObject *self, PyObject *obj)
{
  PyObject *const result = store_unsafe((PtrsPyPointer *)self, obj);
  return result || PyErr_Occurred() ? result : ptrs_py_slow_2(PTRS_PY_IXOR, self, obj);
}

// Whether the image of an object that is stored by value has at most `bound` bytes
static bool
is_within(PyObject *obj, Py_ssize_t bound)
{
  PtrsCodecValue value;
  PtrsCodecShape shape;
  return ptrs_py_value_of(obj, &value) && !ptrs_codec_measure(&value, &shape) &&
         shape.size <= (size_t)bound;
}

// Load what is stored where a slice points, unless it reaches beyond; NULL with or without an
// exception
static PyObject *
load_within(PtrsPyPointer *slice)
{
  int64_t key = 0;
  PyObject *const obj =
      ptrs_py_peek_left(slice) < 0
          ? NULL
          : ptrs_py_load_object(ptrs_py_block(slice), ptrs_py_place(slice)->offset, &key);
  if (obj && !is_within(obj, ptrs_py_place(slice)->bound)) {
    Py_DECREF(obj);
    return NULL;
  }
  return obj;
}

PyObject *
ptrs_py_pointer_invert(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (is_slice(pointer)) {
    PyObject *const obj = load_within(pointer);
    return obj || PyErr_Occurred() ? obj : ptrs_py_slow_1(PTRS_PY_SLICE_DEREFERENCE, self);
  }
  PyObject *const obj = ptrs_py_load(pointer, ptrs_py_place(pointer)->offset);
  return obj || PyErr_Occurred() ? obj : ptrs_py_slow_1(PTRS_PY_DEREFERENCE, self);
}

PyObject *
ptrs_py_pointer_dereference(PyObject *self,
                            PyObject *const *args,
                            Py_ssize_t n_args,
                            PyObject *names)
{
  const PtrsPyId id =
      is_slice((PtrsPyPointer *)self) ? PTRS_PY_SLICE_DEREFERENCE : PTRS_PY_DEREFERENCE;
  return n_args || names ? ptrs_py_slow_method(id, self, args, n_args, names)
                         : ptrs_py_pointer_invert(self);
}

// Copy bytes out of a block, or into it; waits only without `would_block`
static PtrsStatus
copy_raw(
    const PtrsPyPointer *pointer, PtrsAccess access, void *data, size_t size, bool *would_block)
{
  const size_t offset = (size_t)ptrs_py_place(pointer)->offset;
  if (!would_block) {
    return access == PTRS_ACCESS_SHARED
               ? ptrs_block_read(ptrs_py_block(pointer), offset, size, data)
               : ptrs_block_write(ptrs_py_block(pointer), offset, size, data);
  }
  PtrsEntry entry;
  PtrsStatus status = ptrs_block_try_enter(ptrs_py_block(pointer), access, &entry, would_block);
  if (status || *would_block) {
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

static bool
was_copied(const PtrsPyPointer *pointer, PtrsAccess access, void *data, Py_ssize_t size)
{
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
               copy_raw(pointer, access, data, (size_t)size, would_block));
  return !status;
}

PyObject *
ptrs_py_pointer_move(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  if (n_args == 1 && !names) {
    return ptrs_py_pointer_ilshift(self, args[0]);
  }
  // The one argument with a name is `unsafe`, or an error
  if (n_args == 1 && PyTuple_GET_SIZE(names) == 1 && args[1] == Py_True &&
      !PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "unsafe")) {
    PyObject *const result = store_unsafe((PtrsPyPointer *)self, args[0]);
    if (result || PyErr_Occurred()) {
      return result;
    }
  }
  const PtrsPyId id = is_slice((PtrsPyPointer *)self) ? PTRS_PY_SLICE_MOVE : PTRS_PY_MOVE;
  return ptrs_py_slow_method(id, self, args, n_args, names);
}

PyObject *
ptrs_py_pointer_read(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const Py_ssize_t left        = ptrs_py_peek_left(pointer);
  Py_ssize_t size              = left;
  if (!names && left >= 0 &&
      (n_args == 0 || (n_args == 1 && ptrs_py_as_index(args[0], &size) && size <= left))) {
    PyObject *const data = PyBytes_FromStringAndSize(NULL, size);
    if (!data) {
      return NULL;
    }
    if (was_copied(pointer, PTRS_ACCESS_SHARED, PyBytes_AS_STRING(data), size)) {
      return data;
    }
    Py_DECREF(data);
  }
  return ptrs_py_slow_method(PTRS_PY_READ, self, args, n_args, names);
}

PyObject *
ptrs_py_pointer_bytes(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  // As pointer.read(), which subclasses may have changed
  return n_args || names || !ptrs_py_is_plain(self)
             ? ptrs_py_slow_method(PTRS_PY_BYTES, self, args, n_args, names)
             : ptrs_py_pointer_read(self, NULL, 0, NULL);
}

PyObject *
ptrs_py_pointer_write(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  Py_buffer source;
  if (n_args != 1 || names || ptrs_py_place(pointer)->readonly || ptrs_py_is_pointer(args[0])) {
    return ptrs_py_slow_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  if (PyObject_GetBuffer(args[0], &source, PyBUF_SIMPLE)) {
    // There may be a buffer of another kind.  An interrupt, or no memory, ends the write:
    // the object's own code may have run.
    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_BufferError)) {
      return NULL;
    }
    PyErr_Clear();
    return ptrs_py_slow_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  const Py_ssize_t size = source.len;
  const bool fits       = size <= ptrs_py_peek_left(pointer);
  const bool written    = fits && was_copied(pointer, PTRS_ACCESS_EXCLUSIVE, source.buf, size);
  PyBuffer_Release(&source);
  if (!written) {
    return ptrs_py_slow_method(PTRS_PY_WRITE, self, args, n_args, names);
  }
  ptrs_py_overwritten(pointer, ptrs_py_place(pointer)->offset,
                      ptrs_py_place(pointer)->offset + size);
  Py_RETURN_NONE;
}

// Bytes of text that are copied before it is known where that ends; longer ones take the slow path
#  define MOST_TEXT 256

PyObject *
ptrs_py_pointer_string(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  // As pointer.read(), which subclasses may have changed
  const Py_ssize_t left =
      n_args || names || !ptrs_py_is_plain(self) ? -1 : ptrs_py_peek_left(pointer);
  const Py_ssize_t size = left < MOST_TEXT ? left : MOST_TEXT;
  char text[MOST_TEXT];
  if (size > 0 && was_copied(pointer, PTRS_ACCESS_SHARED, text, size)) {
    const char *const end = memchr(text, 0, (size_t)size);
    if (end) {
      return PyUnicode_DecodeUTF8(text, end - text, "strict");
    }
  }
  return ptrs_py_slow_method(PTRS_PY_STRING, self, args, n_args, names);
}

PyObject *
ptrs_py_pointer_write_string(PyObject *self,
                             PyObject *const *args,
                             Py_ssize_t n_args,
                             PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  // As pointer.write(), which subclasses may have changed.  ASCII alone has its bytes at hand.
  if (n_args == 1 && !names && ptrs_py_is_plain(self) && !ptrs_py_place(pointer)->readonly &&
      PyUnicode_CheckExact(args[0]) && PyUnicode_IS_COMPACT_ASCII(args[0])) {
    const Py_ssize_t length = PyUnicode_GET_LENGTH(args[0]);
    void *const text        = PyUnicode_DATA(args[0]);
    if (length < ptrs_py_peek_left(pointer) && !memchr(text, 0, (size_t)length) &&
        was_copied(pointer, PTRS_ACCESS_EXCLUSIVE, text, length + 1)) {
      ptrs_py_overwritten(pointer, ptrs_py_place(pointer)->offset,
                          ptrs_py_place(pointer)->offset + length + 1);
      Py_RETURN_NONE;
    }
  }
  return ptrs_py_slow_method(PTRS_PY_WRITE_STRING, self, args, n_args, names);
}

#endif
