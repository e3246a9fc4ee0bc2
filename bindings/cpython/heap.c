// SPDX-License-Identifier: MIT
// Blocks of the heap: malloc, free, and pointers that are dropped.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

#  include "ptrs/system.h"

// Whether the default allocator of this context is the C library's
static bool
default_is_system(void)
{
  PyObject *found = NULL;
  if (PyContextVar_Get(ptrs_python[PTRS_PY_ALLOCATOR_VAR], NULL, &found) < 0) {
    PyErr_Clear();
    return false;
  }
  const bool is_system = found == ptrs_python[PTRS_PY_SYSTEM];
  Py_XDECREF(found);
  return is_system;
}

static PtrsBlock
new_block(Py_ssize_t size)
{
  PtrsAllocator *const allocator = ptrs_system_allocator();
  PtrsBlock block                = 0;
  if ((size_t)size <= PTRS_ACCESS_AT_ONCE) {
    return ptrs_access_new_block(allocator, (size_t)size, PTRS_ALIGN_DEFAULT);
  }
  Py_BEGIN_ALLOW_THREADS;
  block = ptrs_access_new_block(allocator, (size_t)size, PTRS_ALIGN_DEFAULT);
  Py_END_ALLOW_THREADS;
  return block;
}

// A pointer that owns a new block; NULL with or without an exception
static PtrsPlace *
new_owner(PyObject *type, Py_ssize_t size)
{
  const PtrsBlock block = new_block(size);
  if (block == -(PtrsBlock)PTRS_STATUS_NO_MEM) {
    // Not by the Python function, which calls through cffi: in a thread that has not
    // done so before, cffi itself needs memory, and without any glibc ends the process
    return (PtrsPlace *)ptrs_raise(
        PyObject_CallFunction(ptrs_python[PTRS_PY_NO_MEMORY], "n", size));
  }
  if (block <= 0) {
    return NULL;
  }
  PtrsPlace *const place = ptrs_new_place(type, block);
  if (place) {
    place->owned = 1;
  } else {
    (void)ptrs_block_free(block);
  }
  return place;
}

PyObject *
ptrs_fast_malloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t size = 0;
  if (n_args == 1 && !names && ptrs_as_index(args[0], &size) && default_is_system()) {
    PtrsPlace *const place = new_owner(ptrs_python[PTRS_PY_ALLOCATED], size);
    if (place || PyErr_Occurred()) {
      return (PyObject *)place;
    }
  }
  return ptrs_fall_back(PTRS_PY_MALLOC, args, n_args, names);
}

PyObject *
ptrs_fast_calloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  Py_ssize_t count = 0;
  Py_ssize_t size  = 0;
  if (n_args == 2 && !names && ptrs_as_index(args[0], &count) && ptrs_as_index(args[1], &size) &&
      (!size || count <= PY_SSIZE_T_MAX / size) && default_is_system()) {
    PtrsPlace *const place = new_owner(ptrs_python[PTRS_PY_ARRAY], count * size);
    if (place) {
      place->room  = size;
      place->index = count;
      place->kind  = PTRS_PLACE_ARRAY;
    }
    if (place || PyErr_Occurred()) {
      return (PyObject *)place;
    }
  }
  return ptrs_fall_back(PTRS_PY_CALLOC, args, n_args, names);
}

// Whether a block could be freed through this pointer, and was
static bool
free_block(PtrsPlace *place)
{
  bool busy = false;
  if (place->offset || (place->kind == PTRS_PLACE_SLOT && place->index) ||
      ptrs_block_try_free(place->block, PTRS_ACCESS_AT_ONCE, &busy) || busy) {
    return false;
  }
  __atomic_store_n(&ptrs_home(place)->owned, 0, __ATOMIC_RELAXED);
  return true;
}

// Let go of what a block held that is gone
static PyObject *
release_references(PtrsPlace *place)
{
  PyObject *const references = ptrs_references(place);
  if (references) {
    return PyObject_CallMethod(references, "release", NULL);
  }
  Py_RETURN_NONE;
}

PyObject *
ptrs_place_free(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  if (!n_args && !names && free_block(place)) {
    return release_references(place);
  }
  return ptrs_fall_back_method(PTRS_PY_FREE_METHOD, self, args, n_args, names);
}

PyObject *
ptrs_fast_free(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  if (n_args == 1 && !names && ptrs_is_plain(args[0]) && free_block((PtrsPlace *)args[0])) {
    return release_references((PtrsPlace *)args[0]);
  }
  return ptrs_fall_back(PTRS_PY_FREE, args, n_args, names);
}

// Warn of a pointer that was dropped with its block, which is gone now
static void
warn_dropped(PyTypeObject *type, int64_t size, PyObject *source)
{
  PyObject *const kind   = (PyObject *)type;
  PyObject *const number = PyLong_FromLongLong(size);
  PyObject *const result =
      number ? ptrs_fall_back_3(PTRS_PY_WARN_DROPPED, kind, number, source) : NULL;
  if (!result) {
    PyErr_WriteUnraisable(kind);
  }
  Py_XDECREF(result);
  Py_XDECREF(number);
}

bool
ptrs_place_free_unheard(PtrsPlace *place)
{
  // At its very end, an interpreter lets objects go when there is no Python any more
  // (what is in gc.garbage, up to 3.9)
  if (!Py_IsInitialized()) {
    (void)ptrs_access_drop_leaked(place->block);
    place->owned = 0;
    return true;
  }
  bool busy = false;
  // An exception that is under way is for the finalizer to put aside
  if (PyErr_Occurred() || !ptrs_warnings_are_ignored() ||
      ptrs_block_try_free(place->block, PTRS_ACCESS_AT_ONCE, &busy) || busy) {
    return false;
  }
  place->owned = 0;
  return true;
}

// Free the block of a pointer that owns it, with a warning that names its source
static void
finalize(PtrsPlace *place, PyObject *source)
{
  // An exception that is under way survives
  PtrsError error;
  ptrs_error_take(&error);
  int64_t size = 0;
  Py_BEGIN_ALLOW_THREADS;
  size = ptrs_access_drop_leaked(place->block);
  Py_END_ALLOW_THREADS;
  if (size >= 0 && !ptrs_warnings_are_ignored()) {
    warn_dropped(Py_TYPE(place), size, source);
  }
  ptrs_error_put_back(&error);
}

void
ptrs_place_finalize(PyObject *self)
{
  PtrsPlace *const place = (PtrsPlace *)self;
  if (Py_IsInitialized() && __atomic_exchange_n(&place->owned, 0, __ATOMIC_RELAXED)) {
    finalize(place, self);
  }
}

void
ptrs_place_finalize_late(PtrsPlace *place)
{
  if (!ptrs_place_free_unheard(place)) {
    place->owned = 0;
    finalize(place, Py_None);
  }
}

#endif
