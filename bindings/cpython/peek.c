// SPDX-License-Identifier: MIT
#include "cpython/peek.h"

#ifndef PYPY_VERSION

bool
ptrs_py_peek(PtrsBlock block, PtrsEntry *seen, bool *gone)
{
  bool would_block        = false;
  const PtrsStatus status = ptrs_block_try_enter(block, PTRS_ACCESS_SHARED, seen, &would_block);
  if (status || would_block) {
    *gone = *gone || status;
    return false;
  }
  ptrs_block_leave(seen);
  return true;
}

Py_ssize_t
ptrs_py_peek_size(PtrsBlock block)
{
  PtrsEntry seen;
  bool gone = false;
  return ptrs_py_peek(block, &seen, &gone) ? (Py_ssize_t)seen.size : -1;
}

Py_ssize_t
ptrs_py_left_in(const PtrsPyPointer *pointer, Py_ssize_t size)
{
  const Py_ssize_t left =
      size > ptrs_py_place(pointer)->offset ? size - ptrs_py_place(pointer)->offset : 0;
  if (ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLICE) {
    return ptrs_py_place(pointer)->offset > size || ptrs_py_place(pointer)->bound > left
               ? -1
               : ptrs_py_place(pointer)->bound;
  }
  return ptrs_py_place(pointer)->kind == PTRS_PY_KIND_SLOT && ptrs_py_place(pointer)->bound < left
             ? ptrs_py_place(pointer)->bound
             : left;
}

Py_ssize_t
ptrs_py_peek_left(PtrsPyPointer *pointer)
{
  const Py_ssize_t size = ptrs_py_peek_size(ptrs_py_block(pointer));
  return size < 0 ? -1 : ptrs_py_left_in(pointer, size);
}

Py_ssize_t
ptrs_py_peek_count(PtrsPyPointer *pointer)
{
  const Py_ssize_t size = ptrs_py_peek_size(ptrs_py_block(pointer));
  return size < 0 || !ptrs_py_place(pointer)->bound ? -1 : size / ptrs_py_place(pointer)->bound;
}

bool
ptrs_py_as_index(PyObject *obj, Py_ssize_t *index)
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

#endif
