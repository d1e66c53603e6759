// SPDX-License-Identifier: Apache-2.0
#include "contender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CAPACITY = 512 };

uint64_t contender_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

_Noreturn void contender_fail(const char *text) {
  fprintf(stderr, "%s\n", text);
  exit(2);
}

static uint64_t encode_many(const struct contender *contender, int message, uint64_t count) {
  uint8_t buffer[CAPACITY];
  size_t (*encode)(uint8_t *, size_t, const uint8_t **) = contender->encode[message];
  uint64_t sum = 0;
  for (uint64_t index = 0; index < count; index++) {
    const uint8_t *made;
    sum += encode(buffer, sizeof buffer, &made);
    contender_barrier();
  }
  return sum;
}

static uint64_t decode_many(const struct contender *contender, int message, uint64_t count) {
  struct contender_bytes wire = contender_wire(message);
  uint32_t (*decode)(const uint8_t *, size_t) = contender->decode[message];
  uint64_t sum = 0;
  for (uint64_t index = 0; index < count; index++) {
    sum += decode(wire.start, wire.count);
    contender_barrier();
  }
  return sum;
}

static uint64_t run(const struct contender *contender, int message, int decodes, uint64_t count) {
  return decodes ? decode_many(contender, message, count) : encode_many(contender, message, count);
}

// A decimal number up to 10^12, more than any run can finish.
static uint64_t number(const char *text) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != 0 || value > 1000000000000)
    contender_fail("counts are whole numbers from 0 to 1000000000000");
  return value;
}

uint64_t contender_setting(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  uint64_t value = text == NULL ? otherwise : number(text);
  if (value == 0) contender_fail("N and REPS are at least 1");
  return value;
}

static int check(const struct contender *contender) {
  for (int message = 0; message < 3; message++) {
    uint8_t buffer[CAPACITY];
    const uint8_t *made;
    memset(buffer, 0xa5, sizeof buffer);
    size_t count = contender->encode[message](buffer, sizeof buffer, &made);
    printf("%s %c encode ", contender->name, 'A' + message);
    for (size_t index = 0; index < count; index++) printf("%02x", made[index]);
    struct contender_bytes wire = contender_wire(message);
    uint32_t sum = contender->decode[message](wire.start, wire.count);
    printf("\n%s %c decode %u\n", contender->name, 'A' + message, sum);
  }
  return 0;
}

static int measure(const struct contender *contender) {
  uint64_t count = contender_setting("N", 200000);
  uint64_t repetitions = contender_setting("REPS", 7);
  for (int message = 0; message < 3; message++) {
    for (int decodes = 0; decodes < 2; decodes++) {
      uint64_t best = UINT64_MAX;
      for (uint64_t repetition = 0; repetition < repetitions; repetition++) {
        uint64_t start = contender_now();
        if (run(contender, message, decodes, count) == 0) return 1;
        uint64_t time = contender_now() - start;
        if (time < best) best = time;
      }
      printf("%s %c %s %.2f\n", contender->name, 'A' + message, decodes ? "decode" : "encode",
             (double)best / (double)count);
    }
  }
  return 0;
}

int contender_main(const struct contender *contender, int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "check") == 0) return check(contender);
  if (argc == 2 && strcmp(argv[1], "time") == 0) return measure(contender);
  if (argc == 5 && strcmp(argv[1], "run") == 0 && strlen(argv[2]) == 1 && argv[2][0] >= 'A' &&
      argv[2][0] <= 'C' && (strcmp(argv[3], "encode") == 0 || strcmp(argv[3], "decode") == 0)) {
    uint64_t count = number(argv[4]);
    uint64_t sum = run(contender, argv[2][0] - 'A', argv[3][0] == 'd', count);
    return sum == 0 && count > 0;
  }
  fprintf(stderr, "usage: %s check | time | run A|B|C encode|decode N\n", argv[0]);
  return 2;
}
