// SPDX-License-Identifier: MIT
// What a pair of an allocation and its release costs in one thread and in two.
#ifndef TOGETHER_H
#define TOGETHER_H

#include <stdbool.h>

// Print the table: pairs of malloc and free and of each allocator, plain and checked.  Starts
// threads, so that steps are atomic from then on; false without memory for the allocators.
bool together_print(void);

// How many times as long a checked pair takes in two threads as in one, and how many times
// as long malloc and free do
void together_ratios(double *checked, double *plain);

#endif
