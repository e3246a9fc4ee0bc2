// SPDX-License-Identifier: MIT
// The mem functions of C, on pointers.
#include "access/access.h"
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

#  include <string.h>

// A pointer and `size` bytes from it on, whose block is entered for a moment
typedef struct {
  const PtrsPyPointer *pointer;
  PtrsAccess access;
  PtrsEntry entry;
} Side;

// Whether an object is a pointer that is served here
static bool
is_served(PyObject *obj)
{
  return ptrs_py_is_plain(obj) || (PyObject *)Py_TYPE(obj) == ptrs_py_objects[PTRS_PY_SLICE];
}

// Whether an object is a pointer to which bytes may be copied here
static bool
is_target(PyObject *obj)
{
  return is_served(obj) && !ptrs_py_place((PtrsPyPointer *)obj)->readonly;
}

// Take a number of bytes; false also where a slot or a slice has fewer, or a shrink has cut the
// slice.  How many the block has is checked in the block.
static bool
as_size(PyObject *obj, PtrsPyPointer *pointer, Py_ssize_t *size)
{
  const PtrsPyPlace *const place = ptrs_py_place(pointer);
  return ptrs_py_as_index(obj, size) &&
         (place->kind == PTRS_PY_KIND_SLICE  ? *size <= ptrs_py_peek_left(pointer)
          : place->kind == PTRS_PY_KIND_SLOT ? *size <= place->bound
                                             : true);
}

static bool
enter(Side *side, size_t size, bool *would_block)
{
  if (ptrs_block_try_enter(ptrs_py_block(side->pointer), side->access, &side->entry, would_block) ||
      *would_block) {
    return false;
  }
  const size_t offset = (size_t)ptrs_py_place(side->pointer)->offset;
  // An argument may have run code that has cut a slice
  if (offset <= side->entry.size && size <= side->entry.size - offset &&
      ptrs_py_left_in(side->pointer, (Py_ssize_t)side->entry.size) >= 0) {
    return true;
  }
  ptrs_block_leave(&side->entry);
  return false;
}

static uint8_t *
bytes_of(const Side *side)
{
  return side->entry.mem + ptrs_py_place(side->pointer)->offset;
}

// Copy inside one block
static PtrsStatus
copy_inside(const PtrsPyPointer *dst, const PtrsPyPointer *src, size_t size, bool *would_block)
{
  Side both           = {.pointer = dst, .access = PTRS_ACCESS_EXCLUSIVE};
  const size_t offset = (size_t)ptrs_py_place(src)->offset;
  PtrsStatus status   = PTRS_STATUS_OUT_OF_BOUNDS;
  if (enter(&both, size, would_block)) {
    if (offset <= both.entry.size && size <= both.entry.size - offset) {
      memmove(bytes_of(&both), both.entry.mem + offset, size);
      status = PTRS_STATUS_SUCCESS;
    }
    ptrs_block_leave(&both.entry);
  }
  return status;
}

// As ptrs_block_copy(); any status where that has to tell which.  A thread that is inside of
// one block does not wait for the other.
static PtrsStatus
copy(const PtrsPyPointer *dst, const PtrsPyPointer *src, size_t size, bool *would_block)
{
  if (!would_block) {
    return ptrs_block_copy(ptrs_py_block(dst), (size_t)ptrs_py_place(dst)->offset,
                           ptrs_py_block(src), (size_t)ptrs_py_place(src)->offset, size);
  }
  if (ptrs_py_block(dst) == ptrs_py_block(src)) {
    return copy_inside(dst, src, size, would_block);
  }
  Side to           = {.pointer = dst, .access = PTRS_ACCESS_EXCLUSIVE};
  Side from         = {.pointer = src, .access = PTRS_ACCESS_SHARED};
  PtrsStatus status = PTRS_STATUS_OUT_OF_BOUNDS;
  if (enter(&to, size, would_block)) {
    if (enter(&from, size, would_block)) {
      memmove(bytes_of(&to), bytes_of(&from), size); // as in ptrs_block_copy()
      ptrs_block_leave(&from.entry);
      status = PTRS_STATUS_SUCCESS;
    }
    ptrs_block_leave(&to.entry);
  }
  return status;
}

// Whether the ranges that memcpy() would copy overlap
static bool
overlap(const PtrsPyPointer *a, const PtrsPyPointer *b, Py_ssize_t size)
{
  const Py_ssize_t distance = ptrs_py_place(a)->offset < ptrs_py_place(b)->offset
                                  ? ptrs_py_place(b)->offset - ptrs_py_place(a)->offset
                                  : ptrs_py_place(a)->offset - ptrs_py_place(b)->offset;
  return ptrs_py_block(a) == ptrs_py_block(b) && distance < size;
}

// Copy from another pointer; false where the slow path has to tell why not
static bool
copy_from(const PtrsPyPointer *dst, const PtrsPyPointer *src, Py_ssize_t size)
{
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
               copy(dst, src, (size_t)size, would_block));
  return !status;
}

static PtrsStatus
write_raw(const PtrsPyPointer *dst, const void *data, size_t size, bool *would_block)
{
  if (!would_block) {
    return ptrs_block_write(ptrs_py_block(dst), (size_t)ptrs_py_place(dst)->offset, size, data);
  }
  Side to = {.pointer = dst, .access = PTRS_ACCESS_EXCLUSIVE};
  if (!enter(&to, size, would_block)) {
    return PTRS_STATUS_OUT_OF_BOUNDS;
  }
  if (size) {
    memmove(bytes_of(&to), data, size); // the buffer may be a view of the block
  }
  ptrs_block_leave(&to.entry);
  return PTRS_STATUS_SUCCESS;
}

// Take the buffer of an object.  No memory and an interrupt end the operation, since the
// object's own code may have run: false with an exception.  After that of another kind, the
// slow path looks for buffers that are not contiguous, too.
static bool
take_buffer(PyObject *obj, Py_buffer *buffer)
{
  if (!PyObject_GetBuffer(obj, buffer, PyBUF_SIMPLE)) {
    return true;
  }
  if (PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_BufferError)) {
    PyErr_Clear();
  }
  return false;
}

// As copy_from(), from a buffer; false with or without an exception
static bool
copy_from_buffer(PtrsPyPointer *dst, PyObject *src, Py_ssize_t size)
{
  Py_buffer source;
  // As on the slow path, the pointer's own bytes come first
  if (ptrs_py_peek_left(dst) < size || !take_buffer(src, &source)) {
    return false;
  }
  PtrsStatus status = PTRS_STATUS_OUT_OF_BOUNDS;
  if (size <= source.len) {
    PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
                 write_raw(dst, source.buf, (size_t)size, would_block));
  }
  PyBuffer_Release(&source);
  return !status;
}

// The pointer that was written to
static PyObject *
written(PtrsPyPointer *dst, Py_ssize_t size)
{
  ptrs_py_overwritten(dst, ptrs_py_place(dst)->offset, ptrs_py_place(dst)->offset + size);
  Py_INCREF(dst);
  return (PyObject *)dst;
}

static PyObject *
copy_by(PtrsPyId id, bool overlapping, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  Py_ssize_t size = 0;
  if (n_args == 3 && !names && is_target(args[0])) {
    PtrsPyPointer *const dst = (PtrsPyPointer *)args[0];
    PtrsPyPointer *const src = (PtrsPyPointer *)args[1];
    bool copied              = false;
    if (!as_size(args[2], dst, &size)) {
      copied = false;
    } else if (!ptrs_py_is_pointer(args[1])) {
      copied = copy_from_buffer(dst, args[1], size);
    } else if (is_served(args[1]) && as_size(args[2], src, &size) &&
               (overlapping || !overlap(dst, src, size))) {
      copied = copy_from(dst, src, size);
    }
    if (copied || PyErr_Occurred()) {
      return copied ? written(dst, size) : NULL;
    }
  }
  return ptrs_py_slow(id, args, n_args, names);
}

PyObject *
ptrs_py_memcpy(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return copy_by(PTRS_PY_MEMCPY, false, args, n_args, names);
}

PyObject *
ptrs_py_memmove(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return copy_by(PTRS_PY_MEMMOVE, true, args, n_args, names);
}

static PtrsStatus
fill(const PtrsPyPointer *dst, int byte, size_t size, bool *would_block)
{
  if (!would_block) {
    return ptrs_block_fill(ptrs_py_block(dst), (size_t)ptrs_py_place(dst)->offset, size, byte);
  }
  Side to = {.pointer = dst, .access = PTRS_ACCESS_EXCLUSIVE};
  if (!enter(&to, size, would_block)) {
    return PTRS_STATUS_OUT_OF_BOUNDS;
  }
  memset(bytes_of(&to), byte, size);
  ptrs_block_leave(&to.entry);
  return PTRS_STATUS_SUCCESS;
}

PyObject *
ptrs_py_memset(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t byte = 0;
  Py_ssize_t size = 0;
  if (n_args == 3 && !names && is_target(args[0])) {
    PtrsPyPointer *const dst = (PtrsPyPointer *)args[0];
    if (ptrs_py_as_index(args[1], &byte) && byte <= UINT8_MAX && as_size(args[2], dst, &size)) {
      PtrsStatus status = PTRS_STATUS_SUCCESS;
      PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
                   fill(dst, (int)byte, (size_t)size, would_block));
      if (!status) {
        return written(dst, size);
      }
    }
  }
  return ptrs_py_slow(PTRS_PY_MEMSET, args, n_args, names);
}

// As memcmp(3), plus 2: 1 is less, 2 is equal, 3 is greater
static int
order_of(const void *a, const void *b, size_t size)
{
  const int order = size ? memcmp(a, b, size) : 0;
  return (order > 0) - (order < 0) + 2;
}

// The order of two ranges of blocks, as above; 0 where the slow path has to tell why not
static int
compare(const PtrsPyPointer *a, const PtrsPyPointer *b, size_t size, bool *would_block)
{
  int order = 0;
  if (!would_block) {
    const PtrsStatus status =
        ptrs_block_compare(ptrs_py_block(a), (size_t)ptrs_py_place(a)->offset, ptrs_py_block(b),
                           (size_t)ptrs_py_place(b)->offset, size, &order);
    return status ? 0 : order + 2;
  }
  Side left  = {.pointer = a, .access = PTRS_ACCESS_SHARED};
  Side right = {.pointer = b, .access = PTRS_ACCESS_SHARED};
  if (enter(&left, size, would_block)) {
    if (enter(&right, size, would_block)) {
      order = order_of(bytes_of(&left), bytes_of(&right), size);
      ptrs_block_leave(&right.entry);
    }
    ptrs_block_leave(&left.entry);
  }
  return order;
}

// The same with a buffer; 0 with or without an exception
static int
compare_buffer(PtrsPyPointer *a, PyObject *b, Py_ssize_t size)
{
  Side left        = {.pointer = a, .access = PTRS_ACCESS_SHARED};
  int order        = 0;
  bool would_block = false;
  Py_buffer other;
  if ((size_t)size > PTRS_ACCESS_AT_ONCE || ptrs_py_peek_left(a) < size ||
      !take_buffer(b, &other)) {
    return 0;
  }
  if (size <= other.len && enter(&left, (size_t)size, &would_block)) {
    order = order_of(bytes_of(&left), other.buf, (size_t)size);
    ptrs_block_leave(&left.entry);
  }
  PyBuffer_Release(&other);
  return order;
}

PyObject *
ptrs_py_memcmp(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t size = 0;
  if (n_args == 3 && !names && is_served(args[0])) {
    PtrsPyPointer *const a = (PtrsPyPointer *)args[0];
    PtrsPyPointer *const b = (PtrsPyPointer *)args[1];
    int order              = 0;
    if (!as_size(args[2], a, &size)) {
      order = 0;
    } else if (!ptrs_py_is_pointer(args[1])) {
      order = compare_buffer(a, args[1], size);
    } else if (is_served(args[1]) && as_size(args[2], b, &size)) {
      PTRS_PY_WAIT(order, (size_t)size <= PTRS_ACCESS_AT_ONCE,
                   compare(a, b, (size_t)size, would_block));
    }
    if (order || PyErr_Occurred()) {
      return order ? PyLong_FromLong(order - 2) : NULL;
    }
  }
  return ptrs_py_slow(PTRS_PY_MEMCMP, args, n_args, names);
}

#endif
