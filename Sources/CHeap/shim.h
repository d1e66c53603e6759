// SPDX-License-Identifier: Apache-2.0
// How much of the heap is in use; Swift's module of the C library leaves malloc.h out.
#ifndef NBIOT_CHEAP_SHIM_H
#define NBIOT_CHEAP_SHIM_H

#include <malloc.h>
#include <stddef.h>

// The bytes in use in all arenas and in mappings of their own, malloc's headers included; 0 where the C library cannot
// say it (mallinfo2 is in glibc 2.33 and later).
static inline size_t nbiot_heap_in_use(void) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

#endif
