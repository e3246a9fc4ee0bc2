// SPDX-License-Identifier: MIT
/**
 * @file wait.h
 * How a thread that holds the interpreter waits for a block: not at all.  It tries; where it
 * would have to wait, or to copy much, it lets other threads run meanwhile.
 */
#ifndef POINTERS_CPYTHON_WAIT_H
#define POINTERS_CPYTHON_WAIT_H

#include <Python.h>

#include <stdbool.h>

#ifndef PYPY_VERSION

/**
 * Set `result` to the value of `call`, an expression with the argument `would_block`.
 *
 * The first time that is a pointer to a flag: the call sets the flag, and does nothing else,
 * where it would have to wait.  Then, or where `at_once` is false, the interpreter is let go,
 * and the call is made with NULL, which waits.
 */
#  define PTRS_PY_WAIT(result, at_once, call)                                                      \
    do {                                                                                           \
      bool ptrs_py_waits = !(at_once);                                                             \
      if (!ptrs_py_waits) {                                                                        \
        bool *const would_block = &ptrs_py_waits;                                                  \
        (void)would_block;                                                                         \
        (result) = (call);                                                                         \
      }                                                                                            \
      if (ptrs_py_waits) {                                                                         \
        bool *const would_block = NULL;                                                            \
        (void)would_block;                                                                         \
        Py_BEGIN_ALLOW_THREADS;                                                                    \
        (result) = (call);                                                                         \
        Py_END_ALLOW_THREADS;                                                                      \
      }                                                                                            \
    } while (0)

#endif
#endif
