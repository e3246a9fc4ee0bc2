// SPDX-License-Identifier: MIT
// From one pointer to others: arithmetic, subscripts, and the slots of an array
// in turn.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

Py_ssize_t
ptrs_peek_size(PtrsBlock block)
{
  PtrsEntry entry;
  bool busy = false;
  if (ptrs_block_try_enter(block, PTRS_ACCESS_SHARED, &entry, &busy) || busy) {
    return -1;
  }
  const Py_ssize_t size = (Py_ssize_t)entry.size;
  ptrs_block_leave(&entry);
  return size;
}

static Py_ssize_t
room_in(const PtrsPlace *place, Py_ssize_t size)
{
  const Py_ssize_t left = size > place->offset ? size - place->offset : 0;
  return place->kind == PTRS_PLACE_SLOT && place->room < left ? place->room : left;
}

Py_ssize_t
ptrs_peek_room(PtrsPlace *place)
{
  const Py_ssize_t size = ptrs_peek_size(place->block);
  return size < 0 ? -1 : room_in(place, size);
}

Py_ssize_t
ptrs_pinned_room(PtrsPlace *place)
{
  PtrsBlockInfo info;
  return ptrs_block_info(place->block, &info) ? 0 : room_in(place, (Py_ssize_t)info.size);
}

Py_ssize_t
ptrs_peek_count(PtrsPlace *place)
{
  const Py_ssize_t size = ptrs_peek_size(place->block);
  return size < 0 || !place->room ? -1 : size / place->room;
}

bool
ptrs_as_index(PyObject *obj, Py_ssize_t *index)
{
  if (Py_TYPE(obj) != &PyLong_Type) {
    return false;
  }
  int overflow          = 0;
  const long long value = PyLong_AsLongLongAndOverflow(obj, &overflow);
  if (overflow || value < 0 || value > PY_SSIZE_T_MAX) {
    return false;
  }
  *index = (Py_ssize_t)value;
  return true;
}

static bool
has_slots(const PtrsPlace *place)
{
  return place->kind != PTRS_PLACE_BYTES;
}

// Which of the two Python functions does the rest.  One that was made without a
// block is no array yet, but of its class.
static PtrsPython
rest_of(const PtrsPlace *place, PtrsPython bytes, PtrsPython slots)
{
  PyObject *const type = (PyObject *)Py_TYPE(place);
  return has_slots(place) || type == ptrs_python[PTRS_PY_ARRAY] || type == ptrs_python[PTRS_PY_SLOT]
             ? slots
             : bytes;
}

// The offset that is `n` bytes from a pointer; false if that is not in its block
static bool
step_offset(PtrsPlace *place, Py_ssize_t n, Py_ssize_t *offset)
{
  const Py_ssize_t size = ptrs_peek_size(place->block);
  // No pointer is behind its block, except after that has shrunk
  if (size < 0 || n > PY_SSIZE_T_MAX - place->offset || place->offset + n < 0 ||
      place->offset + n > size) {
    return false;
  }
  *offset = place->offset + n;
  return true;
}

// What is `n` steps from a pointer; NULL with or without an exception
static PyObject *
step(PtrsPlace *place, Py_ssize_t n)
{
  Py_ssize_t offset = 0;
  if (!has_slots(place)) {
    return step_offset(place, n, &offset) ? ptrs_new_alias(place, Py_TYPE(place), offset) : NULL;
  }
  const Py_ssize_t from  = place->kind == PTRS_PLACE_SLOT ? place->index : 0;
  const Py_ssize_t count = ptrs_peek_count(place);
  // One slot past the end may be pointed at
  if (count < 0 || n > PY_SSIZE_T_MAX - from || from + n < 0 || from + n > count) {
    return NULL;
  }
  return ptrs_new_step(place, ptrs_python[PTRS_PY_SLOT], from + n);
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
ptrs_place_add(PyObject *a, PyObject *b)
{
  if (!ptrs_is_place(a)) {
    PyObject *const other = a;
    a                     = b;
    b                     = other;
  }
  PtrsPlace *const place = (PtrsPlace *)a;
  Py_ssize_t steps       = 0;
  PyObject *const result = as_steps(b, &steps) ? step(place, steps) : NULL;
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_fall_back_2(rest_of(place, PTRS_PY_BYTES_ADD, PTRS_PY_SLOTS_ADD), a, b);
}

PyObject *
ptrs_place_subtract(PyObject *a, PyObject *b)
{
  if (!ptrs_is_place(a)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  PtrsPlace *const place = (PtrsPlace *)a;
  Py_ssize_t steps       = 0;
  PyObject *const result = as_steps(b, &steps) ? step(place, -steps) : NULL;
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_fall_back_2(rest_of(place, PTRS_PY_BYTES_SUBTRACT, PTRS_PY_SLOTS_SUBTRACT), a, b);
}

PyObject *
ptrs_place_get(PyObject *self, PyObject *key)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  PyObject *result       = NULL;
  Py_ssize_t n           = 0;
  if (!has_slots(place)) {
    // As pointer + n, which subclasses may have changed
    result = as_steps(key, &n) && ptrs_is_plain(self) ? step(place, n) : NULL;
  } else if (ptrs_as_index(key, &n) && n < ptrs_peek_count(place)) {
    result = ptrs_new_slot(place, ptrs_python[PTRS_PY_SLOT], n);
  }
  if (result || PyErr_Occurred()) {
    return result;
  }
  return ptrs_fall_back_2(rest_of(place, PTRS_PY_BYTES_GET, PTRS_PY_SLOTS_GET), self, key);
}

// Where `pointer[key]` is; false for what is rare or wrong
static bool
find_target(PtrsPlace *place, PyObject *key, Py_ssize_t *offset, Py_ssize_t *room)
{
  Py_ssize_t n = 0;
  if (!ptrs_is_plain((PyObject *)place)) {
    return false;
  }
  if (!has_slots(place)) {
    *room = PY_SSIZE_T_MAX;
    return as_steps(key, &n) && step_offset(place, n, offset);
  }
  if (!ptrs_as_index(key, &n) || n >= ptrs_peek_count(place)) {
    return false;
  }
  *offset = n * place->room;
  *room   = place->room;
  return true;
}

int
ptrs_place_set(PyObject *self, PyObject *key, PyObject *value)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  if (!value) {
    PyErr_SetString(PyExc_AttributeError, "__delitem__");
    return -1;
  }
  Py_ssize_t offset = 0;
  Py_ssize_t room   = 0;
  if (find_target(place, key, &offset, &room)) {
    if (ptrs_is_place(value)) {
      const PtrsPlace *const source = (PtrsPlace *)value;
      // What `pointer[n] <<= obj` does last: the object is there already
      if (ptrs_is_plain(value) && source->block == place->block && source->offset == offset) {
        return 0;
      }
    } else {
      const int64_t size = ptrs_store_object(place->block, offset, room, value);
      if (size >= 0) {
        return ptrs_overwritten(place, offset, offset + (Py_ssize_t)size);
      }
    }
  }
  PyObject *const result =
      ptrs_fall_back_3(rest_of(place, PTRS_PY_BYTES_SET, PTRS_PY_SLOTS_SET), self, key, value);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

// The slots of an array in turn, as many as there were at the first

typedef struct {
  PyObject_HEAD PyObject *array; // NULL at the end
  Py_ssize_t index;
  Py_ssize_t count; // negative before the first
} SlotsIterator;

PyObject *
ptrs_place_iter(PyObject *self)
{
  SlotsIterator *const iterator = PyObject_GC_New(SlotsIterator, ptrs_slots_iterator_type);
  if (iterator) {
    Py_INCREF(self);
    iterator->array = self;
    iterator->index = 0;
    iterator->count = -1;
    PyObject_GC_Track(iterator);
  }
  return (PyObject *)iterator;
}

// Slots of an array, or -1 with an exception
static Py_ssize_t
count_slots(PyObject *array)
{
  Py_ssize_t count = ptrs_peek_count((PtrsPlace *)array);
  if (count < 0) {
    PyObject *const number = ptrs_fall_back_1(PTRS_PY_SLOTS_COUNT, array);
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
    result                 = ptrs_new_slot((PtrsPlace *)array, ptrs_python[PTRS_PY_SLOT], index);
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

PyType_Spec ptrs_slots_iterator_spec = {
    .name      = "pointers._fastpath.SlotsIterator",
    .basicsize = sizeof(SlotsIterator),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots     = iterator_slots,
};

#endif
