// SPDX-License-Identifier: MIT
// From one pointer to others: arithmetic, subscripts and comparison.
#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/value.h"

#ifndef PYPY_VERSION

static bool
has_slots(const PtrsPyPointer *pointer)
{
  return ptrs_py_place(pointer)->kind == PTRS_PY_KIND_ARRAY ||
         ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLOT;
}

// The number of a slot; an array is at its first
static Py_ssize_t
index_of(const PtrsPyPointer *pointer)
{
  return ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLOT ? ptrs_py_place(pointer)->index : 0;
}

// Which of the two Python functions does the rest.  One that was made without a
// block is no array yet, but of its class.
static PtrsPyId
rest_of(const PtrsPyPointer *pointer, PtrsPyId bytes, PtrsPyId slots)
{
  PyObject *const type = (PyObject *)Py_TYPE(pointer);
  return has_slots(pointer) || type == ptrs_py_objects[PTRS_PY_ARRAY] ||
                 type == ptrs_py_objects[PTRS_PY_SLOT]
             ? slots
             : bytes;
}

// The offset that is `n` bytes from a pointer; false if that is not in its block
static bool
step_offset(PtrsPyPointer *pointer, Py_ssize_t n, Py_ssize_t *offset)
{
  Py_ssize_t first = 0;
  Py_ssize_t size  = ptrs_py_peek_size(ptrs_py_block(pointer));
  if (ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLICE) {
    first = ptrs_py_place(pointer)->index;
    size  = size < 0 || ptrs_py_left_in(pointer, size) < 0
                ? -1
                : ptrs_py_place(pointer)->offset + ptrs_py_place(pointer)->bound;
  }
  // No pointer is behind its block, except after that has shrunk
  if (size < 0 || n > PY_SSIZE_T_MAX - ptrs_py_place(pointer)->offset ||
      ptrs_py_place(pointer)->offset + n < first || ptrs_py_place(pointer)->offset + n > size) {
    return false;
  }
  *offset = ptrs_py_place(pointer)->offset + n;
  return true;
}

// What is `n` steps from a pointer; NULL with or without an exception
static PyObject *
step(PtrsPyPointer *pointer, Py_ssize_t n)
{
  Py_ssize_t offset = 0;
  if (!has_slots(pointer)) {
    if (!step_offset(pointer, n, &offset)) {
      return NULL;
    }
    return ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLICE
               ? ptrs_py_new_slice(pointer, Py_TYPE(pointer), offset, ptrs_py_place(pointer)->index,
                                   ptrs_py_place(pointer)->bound - n)
               : ptrs_py_new_alias(pointer, Py_TYPE(pointer), offset);
  }
  const Py_ssize_t from  = index_of(pointer);
  const Py_ssize_t count = ptrs_py_peek_count(pointer);
  // One slot past the end may be pointed at
  if (count < 0 || n > PY_SSIZE_T_MAX - from || from + n < 0 || from + n > count) {
    return NULL;
  }
  return ptrs_py_new_step(pointer, ptrs_py_objects[PTRS_PY_SLOT], from + n);
}

// A number of steps, which may be negative
static bool
as_steps(PyObject *obj, Py_ssize_t *steps)
{
  if (Py_TYPE(obj) != &PyLong_Type) {
    return false;
  }
  int overflow          = 0;
  const long long value = PyLong_AsLongLongAndOverflow(obj, &overflow);
  // The least number has no opposite
  if (overflow || value > PY_SSIZE_T_MAX || value < -PY_SSIZE_T_MAX) {
    return false;
  }
  *steps = (Py_ssize_t)value;
  return true;
}

PyObject *
ptrs_py_pointer_add(PyObject *a, PyObject *b)
{
  if (!ptrs_py_is_pointer(a)) {
    PyObject *const other = a;
    a                     = b;
    b                     = other;
  }
  PtrsPyPointer *const pointer = (PtrsPyPointer *)a;
  Py_ssize_t steps             = 0;
  PyObject *const result       = as_steps(b, &steps) ? step(pointer, steps) : NULL;
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_py_slow_2(rest_of(pointer, PTRS_PY_BYTES_ADD, PTRS_PY_SLOTS_ADD), a, b);
}

// How far a pointer is behind another one: in slots where both have slots.  NULL with or without
// an exception.
static PyObject *
distance(const PtrsPyPointer *pointer, const PtrsPyPointer *other)
{
  if (ptrs_py_block(pointer) != ptrs_py_block(other) || !ptrs_py_is_plain((PyObject *)pointer) ||
      !ptrs_py_is_plain((PyObject *)other)) {
    return NULL;
  }
  if (!has_slots(pointer) || !has_slots(other)) {
    return PyLong_FromSsize_t(ptrs_py_place(pointer)->offset - ptrs_py_place(other)->offset);
  }
  return PyLong_FromSsize_t(index_of(pointer) - index_of(other));
}

PyObject *
ptrs_py_pointer_subtract(PyObject *a, PyObject *b)
{
  if (!ptrs_py_is_pointer(a)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  PtrsPyPointer *const pointer = (PtrsPyPointer *)a;
  Py_ssize_t steps             = 0;
  PyObject *const result       = ptrs_py_is_pointer(b) ? distance(pointer, (PtrsPyPointer *)b)
                                 : as_steps(b, &steps) ? step(pointer, -steps)
                                                       : NULL;
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_py_slow_2(rest_of(pointer, PTRS_PY_BYTES_SUBTRACT, PTRS_PY_SLOTS_SUBTRACT), a, b);
}

// A bound of slots, or the one that None stands for; false for what is rare or wrong
static bool
as_bound(PyObject *obj, Py_ssize_t none, Py_ssize_t *bound)
{
  *bound = none;
  return obj == Py_None || ptrs_py_as_index(obj, bound);
}

// A list of the slots of an array in a slice; NULL with or without an exception
static PyObject *
slots_in(PtrsPyPointer *pointer, PySliceObject *slice)
{
  const Py_ssize_t count = ptrs_py_peek_count(pointer);
  Py_ssize_t start       = 0;
  Py_ssize_t stop        = 0;
  if (slice->step != Py_None || !as_bound(slice->start, 0, &start) ||
      !as_bound(slice->stop, count, &stop) || start > stop || stop > count) {
    return NULL;
  }
  PyObject *const slots = PyList_New(stop - start);
  if (slots) {
    PyObject_GC_UnTrack(slots); // a collection that comes in between must not show it half made
  }
  for (Py_ssize_t i = 0; slots && i < stop - start; ++i) {
    PyObject *const slot = ptrs_py_new_slot(pointer, ptrs_py_objects[PTRS_PY_SLOT], start + i);
    if (!slot) {
      Py_DECREF(slots);
      return NULL;
    }
    PyList_SET_ITEM(slots, i, slot);
  }
  if (slots) {
    PyObject_GC_Track(slots);
  }
  return slots;
}

PyObject *
ptrs_py_pointer_get(PyObject *self, PyObject *key)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  PyObject *result             = NULL;
  Py_ssize_t n                 = 0;
  if (!has_slots(pointer)) {
    // As pointer + n, which subclasses may have changed
    result = as_steps(key, &n) && ptrs_py_is_plain(self) ? step(pointer, n) : NULL;
  } else if (ptrs_py_as_index(key, &n) && n < ptrs_py_peek_count(pointer)) {
    result = ptrs_py_new_slot(pointer, ptrs_py_objects[PTRS_PY_SLOT], n);
  } else if (PySlice_Check(key)) {
    result = slots_in(pointer, (PySliceObject *)key);
  }
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_py_slow_2(rest_of(pointer, PTRS_PY_BYTES_GET, PTRS_PY_SLOTS_GET), self, key);
}

PyObject *
ptrs_py_pointer_slice(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  Py_ssize_t start             = 0;
  Py_ssize_t size              = 0;
  if (n_args == 2 && !names && ptrs_py_as_index(args[0], &start) &&
      ptrs_py_as_index(args[1], &size)) {
    const Py_ssize_t left = ptrs_py_peek_left(pointer);
    if (left >= 0 && start <= left && size <= left - start) {
      PyTypeObject *const type = (PyTypeObject *)ptrs_py_objects[PTRS_PY_SLICE];
      const Py_ssize_t offset  = ptrs_py_place(pointer)->offset + start;
      return ptrs_py_new_slice(pointer, type, offset, offset, size);
    }
  }
  return ptrs_py_slow_method(PTRS_PY_SLICE_OF, self, args, n_args, names);
}

PyObject *
ptrs_py_pointer_readonly(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  return n_args || names || ptrs_py_peek_left(pointer) < 0
             ? ptrs_py_slow_method(PTRS_PY_READONLY, self, args, n_args, names)
             : ptrs_py_new_readonly(pointer);
}

// Where `pointer[key]` is; false for what is rare or wrong
static bool
find_target(PtrsPyPointer *pointer, PyObject *key, Py_ssize_t *offset, Py_ssize_t *bound)
{
  Py_ssize_t n = 0;
  if (ptrs_py_place(pointer)->readonly || !ptrs_py_is_plain((PyObject *)pointer)) {
    return false;
  }
  if (!has_slots(pointer)) {
    *bound = PY_SSIZE_T_MAX;
    return as_steps(key, &n) && step_offset(pointer, n, offset);
  }
  if (!ptrs_py_as_index(key, &n) || n >= ptrs_py_peek_count(pointer)) {
    return false;
  }
  *offset = n * ptrs_py_place(pointer)->bound;
  *bound  = ptrs_py_place(pointer)->bound;
  return true;
}

int
ptrs_py_pointer_set(PyObject *self, PyObject *key, PyObject *value)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  if (!value) {
    PyErr_SetString(PyExc_AttributeError, "__delitem__");
    return -1;
  }
  Py_ssize_t offset = 0;
  Py_ssize_t bound  = 0;
  if (find_target(pointer, key, &offset, &bound)) {
    if (ptrs_py_is_pointer(value)) {
      const PtrsPyPointer *const source = (PtrsPyPointer *)value;
      // What `pointer[n] <<= obj` does last: the object is there already
      if (ptrs_py_is_plain(value) && ptrs_py_block(source) == ptrs_py_block(pointer) &&
          ptrs_py_place(source)->offset == offset) {
        return 0;
      }
    } else {
      const int stored = ptrs_py_store(pointer, offset, bound, value);
      if (stored) {
        return stored < 0 ? -1 : 0;
      }
    }
  }
  PyObject *const result =
      ptrs_py_slow_3(rest_of(pointer, PTRS_PY_BYTES_SET, PTRS_PY_SLOTS_SET), self, key, value);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

#endif
