// SPDX-License-Identifier: MIT
// Many objects at once, in and out of the slots of an array.
#include "access/access.h"
#include "cpython/held.h"
#include "cpython/held_type.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/value.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

// Without a global lock, others may be at the same list
#  ifdef Py_GIL_DISABLED
#    define BEGIN_LIST(list) Py_BEGIN_CRITICAL_SECTION(list)
#    define END_LIST() Py_END_CRITICAL_SECTION()
#  else
#    define BEGIN_LIST(list)
#    define END_LIST()
#  endif

// Take the ints of a list; false if one is no int of 64 bits, or there are not so many
static bool
take_integers(PyObject *list, int64_t *integers, Py_ssize_t count)
{
  if (PyList_GET_SIZE(list) != count) {
    return false;
  }
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
store_integers(
    PtrsPyPointer *pointer, Py_ssize_t start, PyObject *list, int64_t *integers, Py_ssize_t count)
{
  const size_t stride = (size_t)ptrs_py_place(pointer)->bound;
  bool taken          = false;
  BEGIN_LIST(list);
  taken = take_integers(list, integers, count);
  END_LIST();
  if (!taken) {
    return -PTRS_STATUS_NOT_SUPPORTED;
  }
  int status = 0;
  PTRS_PY_WAIT(status, (size_t)count <= PTRS_ACCESS_AT_ONCE / stride,
               ptrs_access_store_integers(ptrs_py_block(pointer), (size_t)start, stride, integers,
                                          (size_t)count, would_block));
  return status;
}

// Take the objects of a list; false if there are not so many
static bool
take_objects(PyObject *list, PyObject **objects, Py_ssize_t count)
{
  const bool taken = PyList_GET_SIZE(list) == count;
  for (Py_ssize_t i = 0; taken && i < count; ++i) {
    objects[i] = PyList_GET_ITEM(list, i);
    Py_INCREF(objects[i]);
  }
  return taken;
}

// Write values; a negated status, or 0
static int
write_values(PtrsPyPointer *pointer, Py_ssize_t start, PtrsCodecValue *values, Py_ssize_t count)
{
  const size_t stride = (size_t)ptrs_py_place(pointer)->bound;
  int status          = 0;
  PTRS_PY_WAIT(status, (size_t)count <= PTRS_ACCESS_AT_ONCE / stride,
               ptrs_access_store_values(ptrs_py_block(pointer), (size_t)start, stride, values,
                                        (size_t)count, would_block));
  return status;
}

// Whether values have space in the slots of an array
static bool
fit(PtrsPyPointer *pointer, Py_ssize_t start, const PtrsCodecValue *values, Py_ssize_t count)
{
  PtrsCodecShape shape;
  const Py_ssize_t size = ptrs_py_peek_size(ptrs_py_block(pointer));
  bool good             = size >= start && (size - start) / ptrs_py_place(pointer)->bound >= count;
  for (Py_ssize_t i = 0; good && i < count; ++i) {
    good = !ptrs_codec_measure(&values[i], &shape) &&
           shape.size <= (size_t)ptrs_py_place(pointer)->bound;
  }
  return good;
}

// The same for values some of which are held objects, whose keys are made here; may raise
static int
write_held(PtrsPyPointer *pointer,
           Py_ssize_t start,
           PyObject *const *objects,
           PtrsCodecValue *values,
           Py_ssize_t count)
{
  if (!fit(pointer, start, values, count)) {
    return -PTRS_STATUS_NOT_SUPPORTED; // the slow path tells why not
  }
  PyObject *const held = ptrs_py_own_held(pointer);
  int64_t *const keys  = held ? PyMem_New(int64_t, (size_t)count) : NULL;
  int status           = -PTRS_STATUS_NO_MEM;
  for (Py_ssize_t i = 0; keys && i < count; ++i) {
    const bool is_held = values[i].kind == PTRS_CODEC_REFERENCE;
    keys[i]            = is_held ? ptrs_access_new_key() : 0;
    values[i].integer  = is_held ? keys[i] : values[i].integer;
  }
  if (keys && ptrs_py_hold(held, start, ptrs_py_place(pointer)->bound, keys, objects, count)) {
    status = write_values(pointer, start, values, count);
    ptrs_py_tell_held(held, start, ptrs_py_place(pointer)->bound, keys, count, !status);
  }
  PyMem_Free(keys);
  Py_XDECREF(held);
  return status;
}

// Store objects of any type; as above
static int
store_objects(PtrsPyPointer *pointer,
              Py_ssize_t start,
              PyObject *const *objects,
              PtrsCodecValue *values,
              Py_ssize_t count)
{
  bool holds = false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (!ptrs_py_value_of(objects[i], &values[i])) {
      if (ptrs_py_is_held(objects[i]) != 1) {
        return -PTRS_STATUS_NOT_SUPPORTED;
      }
      values[i].kind = PTRS_CODEC_REFERENCE;
      holds          = true;
    }
  }
  return holds ? write_held(pointer, start, objects, values, count)
               : write_values(pointer, start, values, count);
}

// Store a list of values of any type; as above
static int
store_values(PtrsPyPointer *pointer, Py_ssize_t start, PyObject *list, Py_ssize_t count)
{
  // Whatever happens to the list, its objects stay.  Not by a tuple: making one may collect,
  // and that change the list, which up to 3.11 the interpreter does not mind.
  PyObject **const objects     = PyMem_New(PyObject *, (size_t)count);
  PtrsCodecValue *const values = PyMem_New(PtrsCodecValue, (size_t)count);
  bool taken                   = false;
  int status                   = -PTRS_STATUS_NO_MEM;
  if (objects && values) {
    BEGIN_LIST(list);
    taken = take_objects(list, objects, count);
    END_LIST();
    status =
        taken ? store_objects(pointer, start, objects, values, count) : -PTRS_STATUS_NOT_SUPPORTED;
  }
  for (Py_ssize_t i = 0; taken && i < count; ++i) {
    Py_DECREF(objects[i]);
  }
  PyMem_Free(values);
  PyMem_Free(objects);
  return status;
}

// Store a list of `count` values; as above
static int
store_list(PtrsPyPointer *pointer, Py_ssize_t start, PyObject *list, Py_ssize_t count)
{
  int64_t *const integers = PyMem_New(int64_t, (size_t)count);
  if (!integers) {
    return -PTRS_STATUS_NO_MEM;
  }
  const int status = store_integers(pointer, start, list, integers, count);
  PyMem_Free(integers);
  return status == -PTRS_STATUS_NOT_SUPPORTED ? store_values(pointer, start, list, count) : status;
}

PyObject *
ptrs_py_pointer_store_slots(PyObject *self,
                            PyObject *const *args,
                            Py_ssize_t n_args,
                            PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  Py_ssize_t first             = 0;
  PyObject *const list         = n_args == 2 && !names ? args[1] : NULL;
  if (list && !ptrs_py_place(pointer)->readonly && ptrs_py_as_index(args[0], &first) &&
      Py_TYPE(list) == &PyList_Type && ptrs_py_place(pointer)->bound > 0 &&
      PyList_GET_SIZE(list) > 0 && first <= PY_SSIZE_T_MAX / ptrs_py_place(pointer)->bound) {
    const Py_ssize_t start = first * ptrs_py_place(pointer)->bound;
    const Py_ssize_t count = PyList_GET_SIZE(list);
    if (!store_list(pointer, start, list, count)) {
      ptrs_py_overwritten(pointer, start, start + count * ptrs_py_place(pointer)->bound);
      Py_RETURN_NONE;
    }
    if (PyErr_Occurred()) {
      return NULL;
    }
  }
  return ptrs_py_slow_method(PTRS_PY_STORE_SLOTS, self, args, n_args, names);
}

// A list without items.  As long as they are missing, the collector does not know it:
// gc.get_objects() would hand it to whatever runs meanwhile, which is another thread
// where the interpreter is let go, or a finalizer where an exception is made.
static PyObject *
new_list(Py_ssize_t count)
{
  PyObject *const list = PyList_New(count);
  if (list) {
    PyObject_GC_UnTrack(list);
  }
  return list;
}

static PyObject *
list_of_integers(const int64_t *integers, Py_ssize_t count)
{
  PyObject *const list = new_list(count);
  for (Py_ssize_t i = 0; list && i < count; ++i) {
    PyObject *const number = PyLong_FromLongLong(integers[i]);
    if (!number) {
      Py_DECREF(list);
      return NULL;
    }
    PyList_SET_ITEM(list, i, number);
  }
  if (list) {
    PyObject_GC_Track(list);
  }
  return list;
}

// NULL with or without an exception
static PyObject *
load_integers(PtrsPyPointer *pointer, Py_ssize_t count)
{
  const size_t stride     = (size_t)ptrs_py_place(pointer)->bound;
  int64_t *const integers = PyMem_New(int64_t, (size_t)count);
  if (!integers) {
    return PyErr_NoMemory();
  }
  int found = 0;
  PTRS_PY_WAIT(found, (size_t)count <= PTRS_ACCESS_AT_ONCE / stride,
               ptrs_access_load_integers(ptrs_py_block(pointer), 0, stride, integers, (size_t)count,
                                         would_block));
  PyObject *const list = found == 1 ? list_of_integers(integers, count) : NULL;
  PyMem_Free(integers);
  return list;
}

// One by one; NULL with or without an exception
static PyObject *
load_objects(PtrsPyPointer *pointer, Py_ssize_t count)
{
  PyObject *const list = new_list(count);
  for (Py_ssize_t i = 0; list && i < count; ++i) {
    PyObject *const obj = ptrs_py_load(pointer, i * ptrs_py_place(pointer)->bound);
    if (!obj) {
      Py_DECREF(list);
      return NULL;
    }
    PyList_SET_ITEM(list, i, obj);
  }
  if (list) {
    PyObject_GC_Track(list);
  }
  return list;
}

PyObject *
ptrs_py_pointer_tolist(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  const Py_ssize_t count       = ptrs_py_peek_count(pointer);
  PyObject *list               = NULL;
  if (count > 0 && !n_args && !names) {
    list = load_integers(pointer, count);
    if (!list && !PyErr_Occurred()) {
      list = load_objects(pointer, count);
    }
  }
  return list || PyErr_Occurred() ? list
                                  : ptrs_py_slow_method(PTRS_PY_TOLIST, self, args, n_args, names);
}

#endif
