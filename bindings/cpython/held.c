// SPDX-License-Identifier: MIT
#include "cpython/held.h"

#include "cpython/held_type.h"
#include "cpython/peek.h"
#include "cpython/value.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

// The held objects of a pointer's block, or NULL; borrowed
static PtrsPyHeldObjects *
held_of(PtrsPyPointer *pointer)
{
  return (PtrsPyHeldObjects *)ptrs_py_held_of(ptrs_py_root(pointer));
}

PyObject *
ptrs_py_own_held(PtrsPyPointer *pointer)
{
  PtrsPyPointer *const root = ptrs_py_root(pointer);
  PyObject *kept            = (PyObject *)held_of(root);
  if (!kept) {
    PyObject *const made = PyObject_CallFunction(ptrs_py_objects[PTRS_PY_HELD_OF], "L",
                                                 (long long)ptrs_py_block(root));
    if (made && !PyObject_TypeCheck(made, ptrs_py_held_type)) {
      PyErr_Format(PyExc_TypeError, "held objects are needed, not %.100s", Py_TYPE(made)->tp_name);
      Py_DECREF(made);
      return NULL;
    }
    if (!made) {
      return NULL;
    }
    // A finalizer in that call, or another thread, may have done the same: then theirs are used
    if (__atomic_compare_exchange_n(&root->link, &kept, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
      kept = made;
      // From now on it may be part of a cycle
      if (!PyObject_GC_IsTracked((PyObject *)root)) {
        PyObject_GC_Track(root);
      }
    } else {
      Py_DECREF(made);
    }
  }
  Py_INCREF(kept);
  return kept;
}

void
ptrs_py_overwritten(PtrsPyPointer *pointer, Py_ssize_t start, Py_ssize_t end)
{
  PtrsPyHeldObjects *const held = held_of(pointer);
  if (held && held->table.count) {
    Py_INCREF(held);
    ptrs_py_held_overwritten(held, start, end);
    Py_DECREF(held);
  }
}

PyObject *
ptrs_py_release_held(PtrsPyPointer *pointer)
{
  PtrsPyHeldObjects *const held = held_of(pointer);
  if (held) {
    Py_INCREF(held);
    ptrs_py_held_release(held);
    Py_DECREF(held);
  }
  Py_RETURN_NONE;
}

int
ptrs_py_is_held(PyObject *obj)
{
  PyObject *const pointer_class = ptrs_py_objects[PTRS_PY_POINTER];
  if (Py_TYPE(obj) == &PyLong_Type || Py_TYPE(obj) == &PyUnicode_Type || !pointer_class) {
    return 0; // by value, in a rare form
  }
  if (PyList_CheckExact(obj) || PyDict_CheckExact(obj) || PyTuple_CheckExact(obj)) {
    return 1; // what is stored most; any other may have a property that tells its class
  }
  const int is_pointer = PyObject_IsInstance(obj, pointer_class);
  return is_pointer < 0 ? -1 : !is_pointer;
}

// Store an object by reference in one step, which is nearly always possible: whether it did.
// What was overwritten is found in the same step.
static bool
store_at_once(PtrsPyHeldObjects *held,
              Py_ssize_t offset,
              Py_ssize_t bound,
              PyObject *obj,
              PyObject **lost,
              size_t *n_lost)
{
  const Py_ssize_t size = (Py_ssize_t)PTRS_CODEC_HEADER;
  bool would_block      = false;
  bool stored           = false;
  PtrsEntry entry;
  if (!ptrs_py_held_reserve(&held->table, 1) ||
      ptrs_block_try_enter(held->block, PTRS_ACCESS_EXCLUSIVE, &entry, &would_block) ||
      would_block) {
    return false;
  }
  if (ptrs_access_entry_fits_reference(&entry, (size_t)offset, (size_t)bound)) {
    const int64_t key       = ptrs_access_new_key();
    PtrsPyHeldSearch search = {
        .block = held->block, .start = offset, .end = offset + size, .inside = &entry};
    ptrs_access_entry_store_reference(&entry, (size_t)offset, key);
    Py_INCREF(obj);
    ptrs_py_held_add(&held->table, key, offset, obj);
    ptrs_py_held_find(&held->table, offset, key)->is_told = true;
    // With the new one in it: a table that becomes empty gives its memory back
    *n_lost = ptrs_py_held_search(&held->table, &search, lost, PTRS_PY_HELD_BATCH, &would_block);
    stored  = true;
  }
  ptrs_block_leave(&entry);
  return stored;
}

// Whether a reference would not fit, as far as that is known
static bool
is_too_large(PtrsPyPointer *pointer, Py_ssize_t offset, Py_ssize_t bound)
{
  PtrsEntry seen;
  bool gone = false;
  return ptrs_py_peek(ptrs_py_block(pointer), &seen, &gone)
             ? !ptrs_access_entry_fits_reference(&seen, (size_t)offset, (size_t)bound)
             : gone;
}

// As ptrs_py_store(), by reference
static int
store_held(PtrsPyPointer *pointer, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj)
{
  PyObject *const held = ptrs_py_own_held(pointer);
  if (!held) {
    return -1;
  }
  PyObject *lost[PTRS_PY_HELD_BATCH];
  size_t n_lost = 0;
  bool stored   = false;
  PTRS_PY_BEGIN_STEP(held);
  stored = store_at_once((PtrsPyHeldObjects *)held, offset, bound, obj, lost, &n_lost);
  PTRS_PY_END_STEP();
  if (stored) {
    for (size_t i = 0; i < n_lost; ++i) {
      Py_DECREF(lost[i]);
    }
    if (n_lost == PTRS_PY_HELD_BATCH) {
      ptrs_py_held_overwritten((PtrsPyHeldObjects *)held, offset,
                               offset + (Py_ssize_t)PTRS_CODEC_HEADER);
    }
    Py_DECREF(held);
    return 1;
  }
  if (is_too_large(pointer, offset, bound)) {
    Py_DECREF(held);
    return 0;
  }
  const int64_t key          = ptrs_access_new_key();
  const PtrsCodecValue value = {.kind = PTRS_CODEC_REFERENCE, .integer = key};
  if (!ptrs_py_hold(held, offset, 0, &key, &obj, 1)) {
    Py_DECREF(held);
    return -1;
  }
  int64_t size = 0;
  PTRS_PY_WAIT(size, true,
               ptrs_access_store_value(ptrs_py_block(pointer), (size_t)offset, (size_t)bound,
                                       &value, would_block));
  ptrs_py_tell_held(held, offset, 0, &key, 1, size >= 0);
  if (size >= 0) {
    ptrs_py_held_overwritten((PtrsPyHeldObjects *)held, offset, offset + (Py_ssize_t)size);
  }
  Py_DECREF(held);
  return size >= 0;
}

int
ptrs_py_store(PtrsPyPointer *pointer, Py_ssize_t offset, Py_ssize_t bound, PyObject *obj)
{
  const int64_t size = ptrs_py_store_object(ptrs_py_block(pointer), offset, bound, obj);
  if (size >= 0) {
    ptrs_py_overwritten(pointer, offset, offset + (Py_ssize_t)size);
    return 1;
  }
  const int is_held = size == -PTRS_STATUS_NOT_SUPPORTED ? ptrs_py_is_held(obj) : 0;
  return is_held > 0 ? store_held(pointer, offset, bound, obj) : is_held;
}

PyObject *
ptrs_py_load(PtrsPyPointer *pointer, Py_ssize_t offset)
{
  int64_t key         = 0;
  PyObject *const obj = ptrs_py_load_object(ptrs_py_block(pointer), offset, &key);
  if (obj || !key) {
    return obj;
  }
  PtrsPyHeldObjects *const held = held_of(pointer);
  return held ? ptrs_py_held_load(held, offset, key) : NULL;
}

#endif
