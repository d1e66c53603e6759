// Preloaded into a program, counts its heap allocations and prints the number to standard error when
// the program ends.
#ifndef BENCHMARKS_ALLOCATION_COUNTER_H
#define BENCHMARKS_ALLOCATION_COUNTER_H
#endif
