// SPDX-License-Identifier: MIT
#include "cpython/allocator.h"

#include "access/access.h"

#ifndef PYPY_VERSION

typedef struct {
  PyObject_HEAD PtrsAllocator *allocator; // of which the object is a user; NULL until it is bound
} PyAllocator;

PyTypeObject *ptrs_py_allocator_type;

static void
allocator_dealloc(PyObject *self)
{
  PyTypeObject *const type       = Py_TYPE(self);
  PtrsAllocator *const allocator = ((PyAllocator *)self)->allocator;
  if (allocator) {
    // To give all its memory back may take long
    Py_BEGIN_ALLOW_THREADS;
    ptrs_allocator_release(allocator);
    Py_END_ALLOW_THREADS;
  }
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot allocator_slots[] = {
    {Py_tp_doc, (void *)"What the compiled functions know of an allocator."},
    {Py_tp_dealloc, (void *)allocator_dealloc},
    {0, NULL},
};

PyType_Spec ptrs_py_allocator_spec = {
    .name      = "pointers._fastpath.AllocatorBase",
    .basicsize = sizeof(PyAllocator),
    .flags     = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots     = allocator_slots,
};

PyObject *
ptrs_py_bind(PyObject *module, PyObject *args)
{
  (void)module;
  PyObject *self = NULL;
  long long key  = 0;
  if (!PyArg_ParseTuple(args, "O!L", ptrs_py_allocator_type, &self, &key)) {
    return NULL;
  }
  PyAllocator *const object = (PyAllocator *)self;
  // Once, since other threads use what they have found without a lock
  if (object->allocator) {
    Py_RETURN_FALSE;
  }
  object->allocator = ptrs_access_take_offered(key);
  return PyBool_FromLong(object->allocator != NULL);
}

PtrsAllocator *
ptrs_py_known_allocator(PyObject *obj)
{
  return PyObject_TypeCheck(obj, ptrs_py_allocator_type) ? ((PyAllocator *)obj)->allocator : NULL;
}

#endif
