// SPDX-License-Identifier: MIT
// What pointers tell about themselves and their blocks.
#include "cpython/held.h"
#include "cpython/export.h"
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
    return ptrs_py_slow_1(ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLOT    ? PTRS_PY_SLOT_SIZE
                          : ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLICE ? PTRS_PY_SLICE_SIZE
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
  const size_t offset                = (size_t)ptrs_py_place(pointer)->offset;
  PtrsEntry seen;
  bool gone = false;
  if (!ptrs_py_peek(ptrs_py_block(pointer), &seen, &gone)) {
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
  if (!ptrs_py_peek(ptrs_py_block(pointer), &seen, &gone)) {
    return ptrs_py_slow_1(PTRS_PY_ADDRESS, self);
  }
  // As a number: a block that has shrunk may end before the offset
  return PyLong_FromSize_t((uintptr_t)seen.mem + (size_t)ptrs_py_place(pointer)->offset);
}

PyObject *
ptrs_py_get_alignment(PyObject *self, void *unused)
{
  (void)unused;
  PtrsEntry entry;
  bool would_block      = false;
  const PtrsBlock block = ptrs_py_block((PtrsPyPointer *)self);
  if (ptrs_block_try_enter(block, PTRS_ACCESS_SHARED, &entry, &would_block) || would_block) {
    return ptrs_py_slow_1(PTRS_PY_ALIGNMENT, self);
  }
  const size_t align = ptrs_entry_align(&entry);
  ptrs_block_leave(&entry);
  return PyLong_FromSize_t(align);
}

PyObject *
ptrs_py_get_offset(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromSsize_t(ptrs_py_place((PtrsPyPointer *)self)->offset);
}

PyObject *
ptrs_py_get_freed(PyObject *self, void *unused)
{
  (void)unused;
  PtrsEntry seen;
  bool gone       = false;
  const bool live = ptrs_py_peek(ptrs_py_block((PtrsPyPointer *)self), &seen, &gone);
  return live || gone ? PyBool_FromLong(gone) : ptrs_py_slow_1(PTRS_PY_FREED, self);
}

PyObject *
ptrs_py_get_assigned(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  // As pointer.dereference(), which subclasses may have changed
  PyObject *const obj =
      ptrs_py_is_plain(self) ? ptrs_py_load(pointer, ptrs_py_place(pointer)->offset) : NULL;
  if (!obj) {
    return PyErr_Occurred() ? NULL : ptrs_py_slow_1(PTRS_PY_ASSIGNED, self);
  }
  Py_DECREF(obj);
  Py_RETURN_TRUE;
}

PyObject *
ptrs_py_get_slot_size(PyObject *self, void *unused)
{
  (void)unused;
  return PyLong_FromSsize_t(ptrs_py_place((PtrsPyPointer *)self)->bound);
}

PyObject *
ptrs_py_get_index(PyObject *self, void *unused)
{
  (void)unused;
  const PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  return PyLong_FromSsize_t(
      ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLOT ? ptrs_py_place(pointer)->index : 0);
}

static PyObject *
count_or(PtrsPyId slow_path, PyObject *self)
{
  const Py_ssize_t count = ptrs_py_peek_count((PtrsPyPointer *)self);
  return count < 0 ? ptrs_py_slow_1(slow_path, self) : PyLong_FromSsize_t(count);
}

PyObject *
ptrs_py_get_count(PyObject *self, void *unused)
{
  (void)unused;
  return count_or(PTRS_PY_COUNT, self);
}

PyObject *
ptrs_py_array_length(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return n_args || names ? ptrs_py_slow_method(PTRS_PY_LENGTH, self, args, n_args, names)
                         : count_or(PTRS_PY_LENGTH, self);
}

PyObject *
ptrs_py_pointer_int(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  // As pointer.address, which subclasses may have changed
  return n_args || names || !ptrs_py_is_plain(self)
             ? ptrs_py_slow_method(PTRS_PY_INT, self, args, n_args, names)
             : ptrs_py_get_address(self, NULL);
}

// An array over the memory of a pointer, which keeps the pin: made by a type's from_address(), with
// a field that the type does not show.  NULL with or without an exception.
static PyObject *
new_array_over(PtrsPyPointer *pointer, PyObject *maker, Py_ssize_t left)
{
  if (!PyTuple_CheckExact(maker) || PyTuple_GET_SIZE(maker) != 2) {
    return NULL;
  }
  PyObject *const field   = PyTuple_GET_ITEM(maker, 1);
  const descrsetfunc keep = Py_TYPE(field)->tp_descr_set;
  uint8_t *mem            = NULL;
  Py_ssize_t size         = 0;
  PyObject *const pin     = keep ? ptrs_py_new_pin(pointer, &mem, &size) : NULL;
  PyObject *const where   = pin && size == left ? PyLong_FromVoidPtr(mem) : NULL;
  PyObject *array         = where ? PyObject_CallOneArg(PyTuple_GET_ITEM(maker, 0), where) : NULL;
  if (array && keep(field, array, pin)) {
    Py_CLEAR(array);
  }
  Py_XDECREF(where);
  Py_XDECREF(pin);
  return array;
}

// What makes arrays of so many bytes, a new reference; NULL with or without an exception.  With a
// global lock, the last one is at hand: a program passes pointers of one size again and again.
static PyObject *
find_maker(Py_ssize_t left)
{
#  ifndef Py_GIL_DISABLED
  static Py_ssize_t last_left = -1;
  static PyObject *last;
  if (left == last_left) {
    Py_INCREF(last);
    return last;
  }
#  endif
  PyObject *const size = left < 0 ? NULL : PyLong_FromSsize_t(left);
  PyObject *const maker =
      size ? PyDict_GetItemWithError(ptrs_py_objects[PTRS_PY_ARRAYS_OVER], size) : NULL;
  Py_XINCREF(maker);
  Py_XDECREF(size);
#  ifndef Py_GIL_DISABLED
  if (maker) {
    PyObject *const before = last;
    Py_INCREF(maker);
    last      = maker;
    last_left = left;
    Py_XDECREF(before);
  }
#  endif
  return maker;
}

PyObject *
ptrs_py_get_parameter(PyObject *self, void *unused)
{
  (void)unused;
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const Py_ssize_t left        = ptrs_py_place(pointer)->readonly ? -1 : ptrs_py_peek_left(pointer);
  PyObject *const maker        = left < 0 ? NULL : find_maker(left);
  PyObject *const array        = maker ? new_array_over(pointer, maker, left) : NULL;
  Py_XDECREF(maker);
  // Also where the block has become smaller since
  return array || PyErr_Occurred() ? array : ptrs_py_slow_1(PTRS_PY_PARAMETER, self);
}

#endif
