// SPDX-License-Identifier: MIT
// Many objects at once, in and out of the slots of an array.
#include "fast.h"

#ifndef PYPY_VERSION

// Take the ints of a list; false if one is no int of 64 bits
static bool
take_integers(PyObject *list, int64_t *integers, Py_ssize_t count)
{
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject *const obj = PyList_GET_ITEM(list, i);
    int overflow        = 0;
    if (Py_TYPE(obj) != &PyLong_Type) {
      return false;
    }
    integers[i] = PyLong_AsLongLongAndOverflow(obj, &overflow);
    if (overflow) {
      return false;
    }
  }
  return true;
}

// Store ints; a negated status, or 0
static int
store_integers(PtrsPlace *place, Py_ssize_t start, PyObject *list, int64_t *integers)
{
  const Py_ssize_t count = PyList_GET_SIZE(list);
  const size_t stride    = (size_t)place->room;
  if (!take_integers(list, integers, count)) {
    return -PTRS_STATUS_NOT_SUPPORTED;
  }
  int status = 0;
  bool busy  = (size_t)count > PTRS_AT_ONCE / stride;
  if (!busy) {
    status =
        ptrs_store_integers(place->block, (size_t)start, stride, integers, (size_t)count, &busy);
  }
  if (busy) {
    Py_BEGIN_ALLOW_THREADS;
    status =
        ptrs_store_integers(place->block, (size_t)start, stride, integers, (size_t)count, NULL);
    Py_END_ALLOW_THREADS;
  }
  return status;
}

// Store values of any type; as above.  `kept` holds the values' objects.
static int
store_values(PtrsPlace *place, Py_ssize_t start, PyObject *kept, PtrsValue *values)
{
  const Py_ssize_t count = PyTuple_GET_SIZE(kept);
  const size_t stride    = (size_t)place->room;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!ptrs_value_of(PyTuple_GET_ITEM(kept, i), &values[i])) {
      return -PTRS_STATUS_NOT_SUPPORTED;
    }
  }
  int status = 0;
  bool busy  = (size_t)count > PTRS_AT_ONCE / stride;
  if (!busy) {
    status = ptrs_store_values(place->block, (size_t)start, stride, values, (size_t)count, &busy);
  }
  if (busy) {
    Py_BEGIN_ALLOW_THREADS;
    status = ptrs_store_values(place->block, (size_t)start, stride, values, (size_t)count, NULL);
    Py_END_ALLOW_THREADS;
  }
  return status;
}

// Store a list of values; a negated status, or 0
static int
store_list(PtrsPlace *place, Py_ssize_t start, PyObject *list)
{
  const Py_ssize_t count  = PyList_GET_SIZE(list);
  int64_t *const integers = PyMem_New(int64_t, (size_t)count);
  if (!integers) {
    return -PTRS_STATUS_NO_MEM;
  }
  int status = store_integers(place, start, list, integers);
  PyMem_Free(integers);
  if (status != -PTRS_STATUS_NOT_SUPPORTED) {
    return status;
  }
  // What other threads do with the list must not end the objects
  PyObject *const kept    = PyList_AsTuple(list);
  PtrsValue *const values = kept ? PyMem_New(PtrsValue, (size_t)PyTuple_GET_SIZE(kept)) : NULL;
  status                  = values ? store_values(place, start, kept, values) : -PTRS_STATUS_NO_MEM;
  PyMem_Free(values);
  Py_XDECREF(kept);
  PyErr_Clear();
  return status;
}

PyObject *
ptrs_place_store_slots(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  Py_ssize_t first       = 0;
  PyObject *const list   = n_args == 2 && !names ? args[1] : NULL;
  if (list && ptrs_as_index(args[0], &first) && Py_TYPE(list) == &PyList_Type && place->room > 0 &&
      PyList_GET_SIZE(list) > 0 && first <= PY_SSIZE_T_MAX / place->room) {
    const Py_ssize_t start = first * place->room;
    const Py_ssize_t count = PyList_GET_SIZE(list);
    if (!store_list(place, start, list)) {
      if (ptrs_overwritten(place, start, start + count * place->room) < 0) {
        return NULL;
      }
      Py_RETURN_NONE;
    }
  }
  return ptrs_fall_back_method(PTRS_PY_STORE_SLOTS, self, args, n_args, names);
}

static PyObject *
list_of_integers(const int64_t *integers, Py_ssize_t count)
{
  PyObject *const list = PyList_New(count);
  for (Py_ssize_t i = 0; list && i < count; ++i) {
    PyObject *const number = PyLong_FromLongLong(integers[i]);
    if (!number) {
      Py_DECREF(list);
      return NULL;
    }
    PyList_SET_ITEM(list, i, number);
  }
  return list;
}

// NULL with or without an exception
static PyObject *
load_integers(PtrsPlace *place, Py_ssize_t count)
{
  const size_t stride     = (size_t)place->room;
  int64_t *const integers = PyMem_New(int64_t, (size_t)count);
  if (!integers) {
    return PyErr_NoMemory();
  }
  int found = 0;
  bool busy = (size_t)count > PTRS_AT_ONCE / stride;
  if (!busy) {
    found = ptrs_load_integers(place->block, 0, stride, integers, (size_t)count, &busy);
  }
  if (busy) {
    Py_BEGIN_ALLOW_THREADS;
    found = ptrs_load_integers(place->block, 0, stride, integers, (size_t)count, NULL);
    Py_END_ALLOW_THREADS;
  }
  PyObject *const list = found == 1 ? list_of_integers(integers, count) : NULL;
  PyMem_Free(integers);
  return list;
}

// One by one; NULL with or without an exception
static PyObject *
load_objects(PtrsPlace *place, Py_ssize_t count)
{
  PyObject *const list = PyList_New(count);
  for (Py_ssize_t i = 0; list && i < count; ++i) {
    PyObject *const obj = ptrs_load_object(place->block, i * place->room);
    if (!obj) {
      Py_DECREF(list);
      return NULL;
    }
    PyList_SET_ITEM(list, i, obj);
  }
  return list;
}

PyObject *
ptrs_place_tolist(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  const Py_ssize_t count = ptrs_peek_count(place);
  PyObject *list         = NULL;
  if (count > 0 && !n_args && !names) {
    list = load_integers(place, count);
    if (!list && !PyErr_Occurred()) {
      list = load_objects(place, count);
    }
  }
  return list || PyErr_Occurred()
             ? list
             : ptrs_fall_back_method(PTRS_PY_TOLIST, self, args, n_args, names);
}

#endif
