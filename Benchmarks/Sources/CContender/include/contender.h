// SPDX-License-Identifier: Apache-2.0
// Shared by all contenders of the race: the three messages, the command line, the clock.
#ifndef BENCHMARKS_CONTENDER_H
#define BENCHMARKS_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

struct contender_bytes {
  const uint8_t *start;
  size_t count;
};

struct contender_option {
  uint16_t number;
  struct contender_bytes value;
};

// The application's values of message B, a report.
struct contender_report {
  uint16_t message_id;
  struct contender_bytes token;
  struct contender_bytes path[5];
  uint16_t content_format;
  uint16_t accept;
  struct contender_bytes platform_token;
  struct contender_bytes platform_sequence;
  struct contender_bytes payload;
};

// The application's values of message C, a piggybacked answer.
struct contender_answer {
  uint16_t message_id;
  struct contender_bytes token;
  struct contender_bytes etag;
  uint32_t observe;
  uint16_t content_format;
  uint32_t max_age;
  uint32_t block2;
  struct contender_bytes payload;
};

// In a separate translation unit, so that no compiler can see the values where they are encoded.
extern const uint16_t contender_empty_message_id;
extern const struct contender_report contender_report;
extern const struct contender_answer contender_answer;

// The functions of a contender. An encoder writes the message to `buffer`, or returns a pointer to it in `*message`,
// and returns its length. A decoder returns the sum defined in docs/architecture.md. 0 means failure.
struct contender {
  const char *name;
  size_t (*encode[3])(uint8_t *buffer, size_t capacity, const uint8_t **message);
  uint32_t (*decode[3])(const uint8_t *bytes, size_t count);
};

// `check`, `run A|B|C encode|decode N` and `time`; returns the exit status.
int contender_main(const struct contender *contender, int argc, char **argv);

// The wire form of message 0 (A), 1 (B) or 2 (C).
struct contender_bytes contender_wire(int message);

// Nanoseconds on the monotonic clock.
uint64_t contender_now(void);

// A number from the environment: `N`, the operations per measurement, or `REPS`, the number of measurements.
uint64_t contender_setting(const char *name, uint64_t otherwise);

// Prints a line to standard error and ends the program with status 2.
_Noreturn void contender_fail(const char *text);

// Makes the compiler assume that all memory may have changed; emits no instruction.
static inline void contender_barrier(void) { __asm__ volatile("" ::: "memory"); }

#endif
