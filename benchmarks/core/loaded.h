// SPDX-License-Identifier: MIT
// A workload that is in a library of its own: see ptrs-workload.h.
#ifndef LOADED_H
#define LOADED_H

#include "workload.h"

// Make a workload of the function in a library.  False: the reason is in `message`.
bool loaded_open(
    Workload *workload, const char *name, const char *path, char *message, size_t message_size);

#endif
