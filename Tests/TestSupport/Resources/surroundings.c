// SPDX-License-Identifier: Apache-2.0
// Loaded before libc (LD_PRELOAD): gives a program names and a calendar of the test's own.
//
//   TEST_NAMES   the addresses of names, as in "two=127.0.0.2,127.0.0.1 one=127.0.0.1"; a name without any is
//                never answered
//   TEST_CLOCK   a file with the seconds by which the wall clock is wrong; it may change at any time
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int getaddrinfo(
    const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
  int (*original)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      dlsym(RTLD_NEXT, "getaddrinfo");
  const char *names = getenv("TEST_NAMES");
  char text[512], *entry, *rest;
  if (!names || !node || (hints && hints->ai_flags & AI_NUMERICHOST))
    return original(node, service, hints, list);
  snprintf(text, sizeof text, "%s", names);
  for (entry = strtok_r(text, " ", &rest); entry; entry = strtok_r(NULL, " ", &rest)) {
    char *addresses = strchr(entry, '='), *address, *others;
    struct addrinfo **end = list;
    int code = EAI_NONAME;
    *addresses++ = 0;
    if (strcmp(entry, node) != 0) continue;
    while (!*addresses) pause();
    for (address = strtok_r(addresses, ",", &others); address; address = strtok_r(NULL, ",", &others)) {
      code = original(address, service, hints, end);
      if (code != 0) return code;
      while (*end) end = &(*end)->ai_next;
    }
    return code;
  }
  return original(node, service, hints, list);
}

static long error_of_clock(void) {
  const char *path = getenv("TEST_CLOCK");
  FILE *file = path ? fopen(path, "re") : NULL;
  long seconds = 0;
  if (!file) return 0;
  if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  fclose(file);
  return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int (*original)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
  int result = original(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += error_of_clock();
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec time;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &time);
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  if (now) *now = time.tv_sec;
  return time.tv_sec;
}
