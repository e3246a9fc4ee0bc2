// SPDX-License-Identifier: MIT
// Documentation of operators.  Python describes them all in the same few words;
// a method of that name with words of its own would make them slow, since the
// interpreter would look it up at each use.  So the descriptors are Python's own,
// with another text.
#include "cpython/fast.h"

#ifndef PYPY_VERSION

#  include <string.h>

#  define SIGNATURE_END "--\n\n"

// What Python says up to the end of the signature, then `text`; stays for ever
static char *
join(const char *internal, const char *text)
{
  const char *const end = internal ? strstr(internal, SIGNATURE_END) : NULL;
  const size_t start    = end ? (size_t)(end - internal) + strlen(SIGNATURE_END) : 0;
  const size_t size     = strlen(text) + 1;
  char *const joined    = (char *)PyMem_Malloc(start + size);
  if (joined) {
    memcpy(joined, internal, start);
    memcpy(joined + start, text, size);
  }
  return joined;
}

static PyObject *
make(PyTypeObject *kind, const PyWrapperDescrObject *descriptor, const char *text)
{
  // What the interpreter compares to tell that the operator is C's: all but the text
  struct wrapperbase *const base = PyMem_Malloc(sizeof(*base));
  char *const joined             = join(descriptor->d_base->doc, text);
  if (!base || !joined) {
    PyMem_Free(base);
    PyMem_Free(joined);
    return PyErr_NoMemory();
  }
  *base     = *descriptor->d_base;
  base->doc = joined;
  return PyDescr_NewWrapper(kind, base, descriptor->d_wrapped);
}

PyObject *
ptrs_document(PyObject *module, PyObject *args)
{
  (void)module;
  PyTypeObject *kind = NULL;
  const char *name   = NULL;
  const char *text   = NULL;
  if (!PyArg_ParseTuple(args, "O!ss", &PyType_Type, &kind, &name, &text)) {
    return NULL;
  }
  PyObject *const found = PyObject_GetAttrString((PyObject *)ptrs_place_type, name);
  PyObject *made        = NULL;
  if (found && !Py_IS_TYPE(found, &PyWrapperDescr_Type)) {
    PyErr_Format(PyExc_TypeError, "%s is no operator", name);
  } else if (found) {
    made = make(kind, (PyWrapperDescrObject *)found, text);
  }
  Py_XDECREF(found);
  return made;
}

// Whether the operators of a class are those of the C type, without a detour
PyObject *
ptrs_is_direct(PyObject *module, PyObject *obj)
{
  (void)module;
  if (!PyType_Check(obj)) {
    PyErr_SetString(PyExc_TypeError, "a class is needed");
    return NULL;
  }
  PyTypeObject *const kind              = (PyTypeObject *)obj;
  const PyNumberMethods *const numbers  = kind->tp_as_number;
  const PyMappingMethods *const mapping = kind->tp_as_mapping;
  return PyBool_FromLong(
      numbers && mapping && numbers->nb_inplace_lshift == ptrs_place_ilshift &&
      numbers->nb_invert == ptrs_place_invert && numbers->nb_add == ptrs_place_add &&
      numbers->nb_subtract == ptrs_place_subtract && mapping->mp_subscript == ptrs_place_get &&
      mapping->mp_ass_subscript == ptrs_place_set && kind->tp_finalize == ptrs_place_finalize &&
      kind->tp_hash == ptrs_place_type->tp_hash &&
      kind->tp_richcompare == ptrs_place_type->tp_richcompare);
}

#endif
