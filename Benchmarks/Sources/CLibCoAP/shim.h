// libcoap 4.3.1 as Debian ships it.
#ifndef BENCHMARKS_CLIBCOAP_SHIM_H
#define BENCHMARKS_CLIBCOAP_SHIM_H

#include <coap3/coap.h>

#endif
