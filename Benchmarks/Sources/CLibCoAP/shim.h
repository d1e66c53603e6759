// SPDX-License-Identifier: Apache-2.0
// libcoap 4.3.1, as packaged by Debian.
#ifndef BENCHMARKS_CLIBCOAP_SHIM_H
#define BENCHMARKS_CLIBCOAP_SHIM_H

#include <coap3/coap.h>

#endif
