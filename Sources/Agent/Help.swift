// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent --config FILE [--once] [--format json|cbor] [--check], or --help
         nbiot-agent --config FILE --send [TOPIC] PAYLOAD

  Reports lines of standard input to the Alibaba Cloud IoT platform by CoAP over
  NB-IoT. A line is PAYLOAD or TOPIC<TAB>PAYLOAD; " priority=0..7 ttl=SECONDS" may
  stand before the tab. Each line is on disk when `accepted ID` is printed, and is
  kept until `delivered ID` or `rejected ID`, over restarts too.

    --config FILE   key = value lines: nbiot-agent.conf documents each key
    --once          take all lines, send until one must wait, end
    --format cbor   make CBOR of JSON lines
    --check         say whether the configuration is good
    --send          hand a line to the agent that runs, by its `socket`, and print its
                    answer: exit status 0 when it is on disk, 1 when it is refused, 4
                    when no agent answers in 10 s, which may still take it. PAYLOAD
                    is text: @FILE, - and --WORD are refused
    --version       print the version

  Signals: SIGTERM ends, what is not delivered stays; SIGHUP reads the configuration
  anew; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some rejected, refused, given
  up, expired or dropped, 2 usage or configuration, 3 authentication or handshake
  refused, 4 some not delivered and kept, 5 standard output cannot be written, 6
  state directory or disk.

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent 0.9.0\n"
