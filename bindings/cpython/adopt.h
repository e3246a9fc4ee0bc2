// SPDX-License-Identifier: MIT
/**
 * @file adopt.h
 * Pointers to memory that something else has allocated.
 *
 * Such memory is freed by a C function or not at all, or else an object of Python sees to its end
 * (pointers/_interop/endings.py).  What the block keeps alive is a field of the pointer that owns
 * it, which the collector sees; it goes to the block if that outlives the pointer.
 */
#ifndef POINTERS_CPYTHON_ADOPT_H
#define POINTERS_CPYTHON_ADOPT_H

#include "cpython/pointer.h"

#ifndef PYPY_VERSION

/** The field as Python sees it, in the place of the descriptor by which Python could set it. */
extern PyGetSetDef ptrs_py_ending_field;

/** Take what the block of a pointer keeps, with the reference; NULL if there is nothing. */
static inline PyObject *
ptrs_py_take_kept(PtrsPyPointer *pointer)
{
  PyObject **const kept = &((PtrsPyAdopted *)pointer)->kept;
  return ptrs_py_place(pointer)->ending ? __atomic_exchange_n(kept, NULL, __ATOMIC_ACQ_REL) : NULL;
}

/** The same where that is the pointer's own, and of no object of Python that ends the block. */
static inline PyObject *
ptrs_py_take_own(PtrsPyPointer *pointer)
{
  return ptrs_py_place(pointer)->ending == PTRS_PY_ENDING_PYTHON ? NULL
                                                                 : ptrs_py_take_kept(pointer);
}

/**
 * Leave what a block keeps to the block, whose pointer is gone: it is let go with the last pin,
 * or at once where the block has ended.  No exception may be under way.
 */
void ptrs_py_leave_kept(PtrsPyPointer *pointer);

/** new_adopted(kind, block, ending): a pointer whose block is ended by an object of Python. */
PyObject *ptrs_py_new_adopted(PyObject *module, PyObject *args);

/**
 * know_free(function, address, is_fixed): remember that an object is a C function at an address
 * which frees memory.
 *
 * @param is_fixed Its address and arguments cannot be changed, as those of a function of ctypes.
 */
PyObject *ptrs_py_know_free(PyObject *module, PyObject *args);

#endif
#endif
