// Preloaded into a program, counts its heap allocations and the most bytes that were allocated at one
// time, and prints both to standard error when the program ends.
#ifndef BENCHMARKS_ALLOCATION_COUNTER_H
#define BENCHMARKS_ALLOCATION_COUNTER_H
#endif
