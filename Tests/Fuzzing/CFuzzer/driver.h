// SPDX-License-Identifier: Apache-2.0
// libFuzzer's driver, for a program with a main function of its own.
#ifndef NBIOT_CFUZZER_DRIVER_H
#define NBIOT_CFUZZER_DRIVER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *bytes, size_t count));

#endif
