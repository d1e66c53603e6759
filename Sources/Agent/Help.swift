// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent --config FILE [--once] [--format json|cbor] [--check]
         nbiot-agent --config FILE --send [TOPIC] PAYLOAD
         nbiot-agent --help | --version

  Reports lines of standard input to the Alibaba Cloud IoT platform by CoAP
  over NB-IoT. A line is PAYLOAD or TOPIC<TAB>PAYLOAD; "priority=0..7
  ttl=SECONDS" may stand before the tab. Each line is on disk when
  `accepted ID` is printed, and stays there until `delivered ID` or
  `rejected ID`, across restarts.

    --config FILE  key = value lines; nbiot-agent.conf documents each key
    --once         read all lines, send until one has to wait, exit
    --format cbor  convert JSON lines to CBOR
    --check        say whether the configuration is valid
    --send         pass a line to the running agent through its `socket`
                   and print the answer; exit status 0 on disk, 1 refused,
                   4 no agent answered in 10 s (it may still accept it).
                   PAYLOAD is text; @FILE, - and --WORD are refused
    --version      print the version

  SIGTERM ends it, and undelivered reports stay; SIGHUP reads the
  configuration again; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some rejected,
  refused, given up, expired or dropped, 2 usage or configuration,
  3 authentication or handshake refused, 4 some not delivered and kept,
  5 standard output cannot be written, 6 state directory or disk.

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent 0.9.0\n"
