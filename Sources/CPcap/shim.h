// SPDX-License-Identifier: Apache-2.0
// libpcap's offline reader as imported into Swift; PacketCapture is its only user.
#ifndef NBIOT_CPCAP_SHIM_H
#define NBIOT_CPCAP_SHIM_H

#include <pcap/pcap.h>

#endif
