// SPDX-License-Identifier: MIT
// The module `pointers._numpy`: arrays of NumPy on our allocators.
//
// It is in the same shared object as the module that cffi makes, by an init function of its own,
// and is loaded when it is first asked for, with the fast path or without it.
//
// NumPy's headers are not needed: what is used of them is here, and has been the same since
// NumPy 1.22.  NumPy takes the functions for the data of arrays from a capsule that is the value
// of a context variable, and keeps the capsule with each array.  So a handler, and by it the
// allocator, lives for as long as its arrays.
#include <Python.h>

#ifndef PYPY_VERSION

#  include <stdint.h>
#  include <stdio.h>

#  include "access/access.h"
#  include "ptrs/lender.h"

#  define CAPSULE_NAME "mem_handler"
#  define HANDLER_VERSION 1

// Places in the table of NumPy's functions
enum { ABI_VERSION = 0, API_VERSION = 211, SET_HANDLER = 304, GET_HANDLER = 305 };

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
  Source *const source = (Source *)PyCapsule_GetPointer(capsule, CAPSULE_NAME);
  if (source) {
    // To give all memory of an allocator back may take long
    Py_BEGIN_ALLOW_THREADS;
    ptrs_lender_end(&source->lender);
    Py_END_ALLOW_THREADS;
    PyMem_RawFree(source);
  }
}

// A capsule of a handler for the allocator that is offered under a key
static PyObject *
new_handler(int64_t key)
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
    capsule          = PyCapsule_New(source, CAPSULE_NAME, end_handler);
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

static void **
table_of(PyObject *capsule)
{
  return (void **)PyCapsule_GetPointer(capsule, NULL);
}

// Make a handler the current one, and return what was it before
static PyObject *
set_handler(void **table, PyObject *handler)
{
  return ((PyObject * (*)(PyObject *)) table[SET_HANDLER])(handler);
}

static PyObject *
get_handler(void **table)
{
  return ((PyObject * (*)(void)) table[GET_HANDLER])();
}

// set(table, handler): make a handler the current one
static PyObject *
set_current(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *capsule = NULL;
  PyObject *handler = NULL;
  if (!PyArg_ParseTuple(args, "OO", &capsule, &handler)) {
    return NULL;
  }
  if (!PyCapsule_IsValid(handler, CAPSULE_NAME)) {
    return PyErr_Format(PyExc_TypeError, "a handler is needed, not %.100s",
                        Py_TYPE(handler)->tp_name);
  }
  void **const table     = table_of(capsule);
  PyObject *const before = table ? set_handler(table, handler) : NULL;
  if (!before) {
    return NULL;
  }
  Py_DECREF(before);
  Py_RETURN_NONE;
}

// current(table): the handler that is the current one
static PyObject *
current(PyObject *module, PyObject *capsule)
{
  (void)module;
  void **const table = table_of(capsule);
  return table ? get_handler(table) : NULL;
}

// versions(table): those of its layout and of its contents
static PyObject *
versions(PyObject *module, PyObject *capsule)
{
  (void)module;
  void **const table = table_of(capsule);
  if (!table) {
    return NULL;
  }
  unsigned (*const abi)(void) = (unsigned (*)(void))table[ABI_VERSION];
  unsigned (*const api)(void) = (unsigned (*)(void))table[API_VERSION];
  return Py_BuildValue("II", abi(), api());
}

// Set a context variable to (block, handler, handler before, entry before)
static int
push(PyObject *variable, PyObject *block, PyObject *handler, PyObject *before)
{
  PyObject *last = NULL;
  if (PyContextVar_Get(variable, Py_None, &last)) {
    return -1;
  }
  PyObject *const entry = PyTuple_Pack(4, block, handler, before, last);
  PyObject *const token = entry ? PyContextVar_Set(variable, entry) : NULL;
  Py_DECREF(last);
  Py_XDECREF(entry);
  Py_XDECREF(token);
  return token ? 0 : -1;
}

// enter(table, variable, block, key): make the offered allocator NumPy's, and remember in the
// variable what was it before.  No interrupt can come in between.
static PyObject *
enter(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *capsule  = NULL;
  PyObject *variable = NULL;
  PyObject *block    = NULL;
  long long key      = 0;
  if (!PyArg_ParseTuple(args, "OO!OL", &capsule, &PyContextVar_Type, &variable, &block, &key)) {
    return NULL;
  }
  void **const table = table_of(capsule);
  PyObject *handler  = table ? new_handler(key) : NULL;
  PyObject *before   = handler ? set_handler(table, handler) : NULL;
  int status         = before ? push(variable, block, handler, before) : -1;
  if (before && status) {
    PyObject *kinds[3];
    PyErr_Fetch(&kinds[0], &kinds[1], &kinds[2]);
    Py_XDECREF(set_handler(table, before));
    PyErr_Restore(kinds[0], kinds[1], kinds[2]);
  }
  Py_XDECREF(handler);
  Py_XDECREF(before);
  if (status) {
    return NULL;
  }
  Py_RETURN_NONE;
}

// Undo the last entry of a context, if it is of this block and its handler is the current one:
// 1 if that was done, 0 if not
static int
pop(void **table, PyObject *variable, PyObject *last, PyObject *block)
{
  if (!PyTuple_CheckExact(last) || PyTuple_GET_SIZE(last) != 4 ||
      PyTuple_GET_ITEM(last, 0) != block) {
    return 0;
  }
  PyObject *const now = get_handler(table);
  if (!now) {
    return -1;
  }
  Py_DECREF(now); // the entry has it, if it is the same
  if (now != PyTuple_GET_ITEM(last, 1)) {
    return 0;
  }
  PyObject *const ended = set_handler(table, PyTuple_GET_ITEM(last, 2));
  if (!ended) {
    return -1;
  }
  Py_DECREF(ended);
  PyObject *const token = PyContextVar_Set(variable, PyTuple_GET_ITEM(last, 3));
  Py_XDECREF(token);
  return token ? 1 : -1;
}

// leave(table, variable, block): undo enter(), and tell whether it was the last one
static PyObject *
leave(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *capsule  = NULL;
  PyObject *variable = NULL;
  PyObject *block    = NULL;
  if (!PyArg_ParseTuple(args, "OO!O", &capsule, &PyContextVar_Type, &variable, &block)) {
    return NULL;
  }
  void **const table = table_of(capsule);
  PyObject *last     = NULL;
  if (!table || PyContextVar_Get(variable, Py_None, &last)) {
    return NULL;
  }
  const int done = pop(table, variable, last, block);
  Py_DECREF(last);
  return done < 0 ? NULL : PyBool_FromLong(done);
}

static PyMethodDef functions[] = {
    {"versions", versions, METH_O, NULL},     {"current", current, METH_O, NULL},
    {"set", set_current, METH_VARARGS, NULL}, {"enter", enter, METH_VARARGS, NULL},
    {"leave", leave, METH_VARARGS, NULL},     {NULL, NULL, 0, NULL},
};

static int
exec_module(PyObject *module)
{
  (void)module;
  // NumPy and its handlers are of one interpreter
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "only the main interpreter has NumPy's arrays");
    return -1;
  }
  return 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)exec_module},
#  if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#  endif
#  if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#  endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    .m_base    = PyModuleDef_HEAD_INIT,
    .m_name    = "pointers._numpy",
    .m_doc     = "NumPy's arrays on allocators.",
    .m_methods = functions,
    .m_slots   = module_slots,
};

PyMODINIT_FUNC
PyInit__numpy(void)
{
  return PyModuleDef_Init(&module_def);
}

#endif
