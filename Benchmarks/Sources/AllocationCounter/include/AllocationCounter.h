// SPDX-License-Identifier: Apache-2.0
// Preloaded into a program, counts its heap allocations and its peak of allocated bytes, and prints both to standard
// error at exit.
#ifndef BENCHMARKS_ALLOCATION_COUNTER_H
#define BENCHMARKS_ALLOCATION_COUNTER_H
#endif
