// SPDX-License-Identifier: MIT
// New blocks: malloc and calloc, as functions and as methods of allocators.
#include "access/access.h"
#include "cpython/default.h"
#include "cpython/heap.h"
#include "cpython/operations.h"
#include "cpython/peek.h"
#include "cpython/pointer.h"
#include "cpython/slow.h"
#include "cpython/trace.h"
#include "cpython/wait.h"

#ifndef PYPY_VERSION

// What is asked for; the numbers are good, but for the alignment, which the core checks
typedef struct {
  Py_ssize_t align;
  PyObject *allocator; // borrowed; NULL if it is not named
} Options;

// The names of arguments, which are the interpreter's own objects wherever code was compiled
static PyObject *align_name;
static PyObject *allocator_name;

static bool
know_names(void)
{
  if (!align_name) {
    align_name = PyUnicode_InternFromString("align");
  }
  if (!allocator_name) {
    allocator_name = PyUnicode_InternFromString("allocator");
  }
  if (!align_name || !allocator_name) {
    PyErr_Clear();
    return false;
  }
  return true;
}

// Take the arguments that have names; false for what is rare or wrong
static bool
take_options(PyObject *const *values, PyObject *names, Options *options)
{
  options->align     = (Py_ssize_t)PTRS_ALIGN_DEFAULT;
  options->allocator = NULL;
  if (!names) {
    return true;
  }
  if (!know_names()) {
    return false;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
    PyObject *const name = PyTuple_GET_ITEM(names, i);
    if (name == allocator_name) {
      options->allocator = values[i];
    } else if (name != align_name ||
               (values[i] != Py_None &&
                (!ptrs_py_as_index(values[i], &options->align) || !options->align))) {
      return false;
    }
  }
  return true;
}

static PtrsBlock
new_block(PtrsAllocator *allocator, Py_ssize_t size, Py_ssize_t align)
{
  PtrsBlock block   = 0;
  PtrsStatus status = PTRS_STATUS_SUCCESS;
  PTRS_PY_WAIT(status, (size_t)size <= PTRS_ACCESS_AT_ONCE,
               ptrs_block_try_zalloc(allocator, (size_t)size, (size_t)align, would_block, &block));
  return status ? -(PtrsBlock)status : block;
}

// Written where it changes alone: threads without a global lock share it
static void
note_region(const PtrsAllocator *allocator)
{
  const bool in_region = allocator->block_flags & PTRS_BLOCK_IN_REGION;
  if (__atomic_load_n(&ptrs_py_made_in_region, __ATOMIC_RELAXED) != in_region) {
    __atomic_store_n(&ptrs_py_made_in_region, in_region, __ATOMIC_RELAXED);
  }
}

// What a new block is for
typedef struct {
  Py_ssize_t size;
  Py_ssize_t align;
  Py_ssize_t slot_size; // negative: no array
  Py_ssize_t count;
} Request;

// A pointer that owns a new block; NULL with or without an exception
static PyObject *
new_owner(PtrsAllocator *allocator, const Request *request)
{
  const PtrsBlock block = new_block(allocator, request->size, request->align);
  if (block == -(PtrsBlock)PTRS_STATUS_NO_MEM) {
    // Not by the Python function, which calls through cffi: in a thread that has not
    // done so before, cffi itself needs memory, and without any glibc ends the process
    PtrsRefusal refusal = {0, 0, 0};
    (void)ptrs_allocator_refusal(&refusal);
    return ptrs_py_raise(PyObject_CallFunction(
        ptrs_py_objects[PTRS_PY_NO_MEMORY], "nnnn", request->size, (Py_ssize_t)refusal.limit,
        (Py_ssize_t)refusal.lives, (Py_ssize_t)refusal.asked));
  }
  if (block <= 0) {
    return NULL;
  }
  PtrsPyPointer *const pointer =
      request->slot_size < 0 ? ptrs_py_new_pointer(ptrs_py_objects[PTRS_PY_ALLOCATED], block, true)
                             : ptrs_py_new_array(ptrs_py_objects[PTRS_PY_ARRAY], block,
                                                 request->slot_size, request->count);
  if (pointer && ptrs_py_trace_allocated(block, (size_t)request->size)) {
    note_region(allocator);
    return (PyObject *)pointer;
  }
  if (pointer) {
    (void)ptrs_py_disown(pointer);
  }
  (void)ptrs_block_free(block);
  ptrs_py_trace_undone(block);
  Py_XDECREF(pointer);
  return NULL;
}

// As new_owner(), from the allocator that is given or the default
static PyObject *
new_owner_from(PyObject *given, const Request *request)
{
  PtrsPySource source;
  if (!ptrs_py_source(given, &source)) {
    return NULL;
  }
  PyObject *const pointer = new_owner(source.allocator, request);
  if (source.keeps) {
    Py_DECREF(source.keeps);
  }
  return pointer;
}

// Make a pointer of the arguments without names; NULL with or without an exception
typedef PyObject *(*Make)(PyObject *given,
                          PyObject *const *args,
                          Py_ssize_t n_args,
                          Py_ssize_t align);

static PyObject *
make_block(PyObject *given, PyObject *const *args, Py_ssize_t n_args, Py_ssize_t align)
{
  Request request = {.align = align, .slot_size = -1};
  return n_args == 1 && ptrs_py_as_index(args[0], &request.size) ? new_owner_from(given, &request)
                                                                 : NULL;
}

static PyObject *
make_array(PyObject *given, PyObject *const *args, Py_ssize_t n_args, Py_ssize_t align)
{
  Py_ssize_t count = 0;
  Py_ssize_t size  = 0;
  if (n_args != 2 || !ptrs_py_as_index(args[0], &count) || !ptrs_py_as_index(args[1], &size) ||
      (size && count > PY_SSIZE_T_MAX / size)) {
    return NULL;
  }
  const Request request = {.size = count * size, .align = align, .slot_size = size, .count = count};
  return new_owner_from(given, &request);
}

// A function, which takes the allocator as an option
static inline PyObject *
call(Make make, PtrsPyId slow, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  Options options;
  PyObject *const made = take_options(args + n_args, names, &options)
                             ? make(options.allocator, args, n_args, options.align)
                             : NULL;
  return made || PyErr_Occurred() ? made
                                  : ptrs_py_trace_made(ptrs_py_slow(slow, args, n_args, names));
}

// A method of an allocator, which has one option alone
static inline PyObject *
call_method(Make make,
            PtrsPyId slow,
            PyObject *self,
            PyObject *const *args,
            Py_ssize_t n_args,
            PyObject *names)
{
  Options options;
  PyObject *const made = take_options(args + n_args, names, &options) && !options.allocator
                             ? make(self, args, n_args, options.align)
                             : NULL;
  return made || PyErr_Occurred()
             ? made
             : ptrs_py_trace_made(ptrs_py_slow_method(slow, self, args, n_args, names));
}

PyObject *
ptrs_py_malloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return call(make_block, PTRS_PY_MALLOC, args, n_args, names);
}

PyObject *
ptrs_py_calloc(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  (void)module;
  return call(make_array, PTRS_PY_CALLOC, args, n_args, names);
}

PyObject *
ptrs_py_allocator_malloc(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return call_method(make_block, PTRS_PY_MALLOC_METHOD, self, args, n_args, names);
}

PyObject *
ptrs_py_allocator_calloc(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
  return call_method(make_array, PTRS_PY_CALLOC_METHOD, self, args, n_args, names);
}

#endif
