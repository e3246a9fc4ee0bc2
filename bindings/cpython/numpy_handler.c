// SPDX-License-Identifier: MIT
// Handlers of NumPy that take memory from our allocators.
#include "cpython/numpy.h"

#ifndef PYPY_VERSION

#  include <stdint.h>
#  include <stdio.h>

#  include "access/access.h"
#  include "ptrs/lender.h"

#  define HANDLER_VERSION 1

// NumPy's PyDataMem_Handler
typedef struct {
  char name[127];
  uint8_t version;
  void *ctx;
  void *(*malloc)(void *ctx, size_t size);
  void *(*calloc)(void *ctx, size_t count, size_t size);
  void *(*realloc)(void *ctx, void *mem, size_t size);
  void (*free)(void *ctx, void *mem, size_t size);
} Handler;

typedef struct {
  Handler handler;
  PtrsLender lender;
} Source;

// These may be called without the interpreter's lock, and so know nothing of Python

static void *
lend(void *ctx, size_t size)
{
  return ptrs_lender_alloc((const PtrsLender *)ctx, size);
}

static void *
lend_zeroed(void *ctx, size_t count, size_t size)
{
  return size && count > SIZE_MAX / size
             ? NULL
             : ptrs_lender_zalloc((const PtrsLender *)ctx, count * size);
}

static void *
resize(void *ctx, void *mem, size_t size)
{
  return ptrs_lender_realloc((const PtrsLender *)ctx, mem, size);
}

// The size is not to be relied upon: where a dimension is 0, NumPy does not say what it asked for
static void
take_back(void *ctx, void *mem, size_t size)
{
  (void)size;
  ptrs_lender_free((const PtrsLender *)ctx, mem);
}

static void
end_handler(PyObject *capsule)
{
  Source *const source = (Source *)PyCapsule_GetPointer(capsule, PTRS_PY_NUMPY_CAPSULE);
  if (source) {
    // To give all memory of an allocator back may take long
    Py_BEGIN_ALLOW_THREADS;
    ptrs_lender_end(&source->lender);
    Py_END_ALLOW_THREADS;
    PyMem_RawFree(source);
  }
}

// A capsule of a handler for the allocator that is offered under a key
PyObject *
ptrs_py_numpy_handler(int64_t key)
{
  PtrsAllocator *const allocator = ptrs_access_take_offered(key);
  Source *const source           = (Source *)PyMem_RawCalloc(1, sizeof(Source));
  PyObject *capsule              = NULL;
  if (allocator && source) {
    ptrs_lender_init(&source->lender, allocator);
    Handler *const handler = &source->handler;
    (void)snprintf(handler->name, sizeof(handler->name), "pointers %s",
                   ptrs_allocator_name(allocator));
    handler->version = HANDLER_VERSION;
    handler->ctx     = &source->lender;
    handler->malloc  = lend;
    handler->calloc  = lend_zeroed;
    handler->realloc = resize;
    handler->free    = take_back;
    capsule          = PyCapsule_New(source, PTRS_PY_NUMPY_CAPSULE, end_handler);
    if (!capsule) {
      ptrs_lender_end(&source->lender);
    }
  } else {
    PyErr_NoMemory();
  }
  if (allocator) {
    ptrs_allocator_release(allocator); // the lender has become a user
  }
  if (!capsule) {
    PyMem_RawFree(source);
  }
  return capsule;
}

#endif
