// SPDX-License-Identifier: MIT
#include "cpython/document.h"

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

#  include <string.h>

#  define SIGNATURE_END "--\n\n"

// A copy of a text, which is never freed; takes the reference to it, or NULL with an exception
static char *
keep(PyObject *text)
{
  Py_ssize_t size        = 0;
  const char *const utf8 = text ? PyUnicode_AsUTF8AndSize(text, &size) : NULL;
  char *const kept       = utf8 ? (char *)PyMem_Malloc((size_t)size + 1) : NULL;
  if (kept) {
    memcpy(kept, utf8, (size_t)size + 1);
  } else if (utf8) {
    PyErr_NoMemory();
  }
  Py_XDECREF(text);
  return kept;
}

char *
ptrs_py_doc(PyObject *function)
{
  return keep(PyObject_GetAttrString(function, "__doc__"));
}

char *
ptrs_py_signed_doc(const char *name, const char *signature, PyObject *function)
{
  PyObject *const text = PyObject_GetAttrString(function, "__doc__");
  PyObject *const doc =
      text ? PyUnicode_FromFormat("%s%s\n" SIGNATURE_END "%S", name, signature, text) : NULL;
  Py_XDECREF(text);
  return keep(doc);
}

// Python's own text up to the end of the signature, then `text`; is never freed
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
copy_with(PyTypeObject *kind, const PyWrapperDescrObject *descriptor, const char *text)
{
  // By all of this but the text, the interpreter tells that an operator is C's
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
ptrs_py_documented(PyTypeObject *kind, const char *name, PyObject *function)
{
  PyObject *const doc    = PyObject_GetAttrString(function, "__doc__");
  const char *const text = doc ? PyUnicode_AsUTF8(doc) : NULL;
  PyObject *const found =
      text ? PyObject_GetAttrString((PyObject *)ptrs_py_pointer_type, name) : NULL;
  PyObject *made = NULL;
  if (found && !Py_IS_TYPE(found, &PyWrapperDescr_Type)) {
    PyErr_Format(PyExc_TypeError, "%s is no operator of %s", name, ptrs_py_pointer_type->tp_name);
  } else if (found) {
    made = copy_with(kind, (PyWrapperDescrObject *)found, text);
  }
  Py_XDECREF(found);
  Py_XDECREF(doc);
  return made;
}

#endif
