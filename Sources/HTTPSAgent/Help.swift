// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent-https --config FILE [--once] [--check]
         nbiot-agent-https --config FILE --send [TOPIC] PAYLOAD
         nbiot-agent-https --help | --version

  Reports lines of standard input to the Alibaba Cloud IoT platform by HTTPS,
  for networks that let nothing else out and for payloads up to 131072 bytes.
  Over HTTPS the platform sends nothing to a device. A line is PAYLOAD or
  TOPIC<TAB>PAYLOAD; "priority=0..7 ttl=SECONDS" may stand before the tab.
  Each line is on disk when `accepted ID` is printed, and stays there until
  `delivered ID` or `rejected ID`, across restarts.

    --config FILE  key = value lines; nbiot-agent-https.conf documents each
    --once         read all lines, send until one has to wait, exit
    --check        say whether the configuration is valid
    --send         pass a line to the running agent through its `socket`
                   and print the answer; exit status 0 on disk, 1 refused,
                   4 no agent answered in 10 s (it may still accept it).
                   PAYLOAD is text; @FILE, - and --WORD are refused
    --version      print the version

  Keys besides those of nbiot-agent (product-key, device-name,
  device-secret-file, state-directory, endpoint, ca-file, client-id,
  token-lifetime, topic, id-placeholder, priority, ttl, coalesce,
  outbox-bytes, when-full, retry, retry-limit, max-attempts, max-age, socket,
  socket-mode, socket-group):
    transport = https     optional
    sign-method = hmacsha1|hmacmd5  (hmacsha1)
    timestamp = yes|no    send the time when authenticating (no)
    proxy = yes|no        use the proxy that https_proxy names (no)
    payload-limit = BYTES 1 to 131072 (131072); outbox-bytes (1048576) must
                          be at least 1024 larger

  SIGTERM ends it, and undelivered reports stay; SIGHUP reads the
  configuration again; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration,
  3 device or server refused, 4 some not delivered and kept,
  5 standard output cannot be written, 6 state directory or disk.

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent-https 0.9.0\n"
