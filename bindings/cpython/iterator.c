// SPDX-License-Identifier: MIT
// The slots of an array in turn, as many as there were at the first; and of any other pointer,
// the one object that is stored.
#include "cpython/iterator.h"

#include "cpython/held.h"
#include "cpython/operations.h"
#include "cpython/peek.h"

#ifndef PYPY_VERSION

PyTypeObject *ptrs_py_slots_iterator_type;

typedef struct {
  PyObject_HEAD PyObject *array; // or the one object that is stored; NULL at the end
  Py_ssize_t index;
  Py_ssize_t count; // negative before the first
  bool is_one;      // there is no array, but one object
} SlotsIterator;

static PyObject *
new_iterator(PyObject *self, bool is_one)
{
  SlotsIterator *const iterator = PyObject_GC_New(SlotsIterator, ptrs_py_slots_iterator_type);
  if (iterator) {
    Py_INCREF(self);
    iterator->array  = self;
    iterator->index  = 0;
    iterator->count  = -1;
    iterator->is_one = is_one;
    PyObject_GC_Track(iterator);
  }
  return (PyObject *)iterator;
}

// An iterator over the one object that is stored, for `print(*ptr)`
static PyObject *
iterate_object(PyObject *self)
{
  PtrsPyPointer *const pointer = (PtrsPyPointer *)self;
  // As pointer.dereference(), which subclasses may have changed
  PyObject *const obj =
      ptrs_py_is_plain(self) ? ptrs_py_load(pointer, ptrs_py_place(pointer)->offset) : NULL;
  if (!obj) {
    return PyErr_Occurred() ? NULL : ptrs_py_slow_1(PTRS_PY_ITER, self);
  }
  PyObject *const iterator = new_iterator(obj, true);
  Py_DECREF(obj);
  return iterator;
}

PyObject *
ptrs_py_pointer_iter(PyObject *self)
{
  // By its class: a pointer that was made without a block is no array yet
  PyTypeObject *const array = (PyTypeObject *)ptrs_py_objects[PTRS_PY_ARRAY];
  return PyObject_TypeCheck(self, array) ? new_iterator(self, false) : iterate_object(self);
}

// Slots of an array, or -1 with an exception
static Py_ssize_t
count_slots(PyObject *array)
{
  Py_ssize_t count = ptrs_py_peek_count((PtrsPyPointer *)array);
  if (count < 0) {
    PyObject *const number = ptrs_py_slow_1(PTRS_PY_COUNT_SLOTS, array);
    count                  = number ? PyLong_AsSsize_t(number) : -1;
    Py_XDECREF(number);
  }
  return count;
}

// Counting runs Python, and so does allocating where that collects: code that
// runs meanwhile may take slots of the same iterator, or end it
static PyObject *
next_slot(SlotsIterator *iterator)
{
  PyObject *const array = iterator->array;
  if (!array) {
    return NULL;
  }
  if (iterator->is_one) {
    iterator->array = NULL;
    return array;
  }
  Py_INCREF(array);
  PyObject *result = NULL;
  bool counted     = iterator->count >= 0;
  if (!counted) {
    const Py_ssize_t count = count_slots(array);
    counted                = count >= 0;
    if (counted && iterator->count < 0) {
      iterator->count = count;
    }
  }
  if (counted && iterator->array && iterator->index < iterator->count) {
    const Py_ssize_t index = iterator->index++;
    result = ptrs_py_new_slot((PtrsPyPointer *)array, ptrs_py_objects[PTRS_PY_SLOT], index);
  }
  if (!result) {
    Py_CLEAR(iterator->array);
  }
  Py_DECREF(array);
  return result;
}

static PyObject *
iterator_next(PyObject *self)
{
  PyObject *result = NULL;
  // Without a global lock, others may be at the same iterator
#  ifdef Py_GIL_DISABLED
  Py_BEGIN_CRITICAL_SECTION(self);
#  endif
  result = next_slot((SlotsIterator *)self);
#  ifdef Py_GIL_DISABLED
  Py_END_CRITICAL_SECTION();
#  endif
  return result;
}

static int
iterator_traverse(PyObject *self, visitproc visit, void *arg)
{
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(((SlotsIterator *)self)->array);
  return 0;
}

static int
iterator_clear(PyObject *self)
{
  Py_CLEAR(((SlotsIterator *)self)->array);
  return 0;
}

static void
iterator_dealloc(PyObject *self)
{
  PyTypeObject *const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  (void)iterator_clear(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

static PyType_Slot iterator_slots[] = {
    {Py_tp_traverse, (void *)iterator_traverse}, {Py_tp_clear, (void *)iterator_clear},
    {Py_tp_dealloc, (void *)iterator_dealloc},   {Py_tp_iter, (void *)PyObject_SelfIter},
    {Py_tp_iternext, (void *)iterator_next},     {0, NULL},
};

PyType_Spec ptrs_py_slots_iterator_spec = {
    .name      = "pointers._fastpath.SlotsIterator",
    .basicsize = sizeof(SlotsIterator),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots     = iterator_slots,
};

#endif
