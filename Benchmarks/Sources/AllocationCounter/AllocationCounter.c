// SPDX-License-Identifier: Apache-2.0
#include "AllocationCounter.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

// glibc's own names of the functions that this library replaces.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static atomic_ullong allocations;
// The bytes currently allocated, in glibc's sizes, and their maximum.
static atomic_llong held, peak;

static void *count(void *memory) {
  atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  long long size = (long long)malloc_usable_size(memory);
  long long now = atomic_fetch_add_explicit(&held, size, memory_order_relaxed) + size;
  long long most = atomic_load_explicit(&peak, memory_order_relaxed);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) continue;
  return memory;
}

static void uncount(size_t size) {
  atomic_fetch_sub_explicit(&held, (long long)size, memory_order_relaxed);
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }

void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }

void *realloc(void *old, size_t size) {
  size_t before = malloc_usable_size(old);
  void *memory = __libc_realloc(old, size);
  // On failure the old memory is unchanged; a size of 0 frees it.
  if (memory != NULL || size == 0) uncount(before);
  return count(memory);
}

void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
  void *memory = memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

void free(void *memory) {
  uncount(malloc_usable_size(memory));
  __libc_free(memory);
}

__attribute__((destructor)) static void report(void) {
  char text[96];
  int length = snprintf(text, sizeof text, "allocations %llu\npeak %lld\n",
                        atomic_load(&allocations), atomic_load(&peak));
  if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) _exit(1);
}
