#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Reports the machine's load at an interval: load.sh SECONDS COUNT CONFIG
# The agent keeps each line on disk until the platform has it; this script needs no error handling of its own. With a
# socket and the agent as a service, use `nbiot-agent --config FILE --send PAYLOAD` in place of the pipe.
set -eu
seconds=$1 count=$2 config=$3
agent=${AGENT:-nbiot-agent}

readings() {
  while [ "$count" -gt 0 ]; do
    read -r load _ < /proc/loadavg
    printf '{"load":%s}\n' "$load"
    count=$((count - 1))
    [ "$count" -eq 0 ] || sleep "$seconds"
  done
}

readings | "$agent" --config "$config"
