// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent-https --config FILE [--once] [--check], or --help
         nbiot-agent-https --config FILE --send [TOPIC] PAYLOAD

  Reports lines of standard input to the Alibaba Cloud IoT platform by HTTPS, for
  networks that let nothing else out and for payloads up to 131072 bytes. Over HTTPS
  the platform sends nothing to a device. A line is PAYLOAD or TOPIC<TAB>PAYLOAD;
  priority=0..7 and ttl=SECONDS may stand before the tab, apart by a space. Each
  line is on disk when `accepted ID` is printed, and is kept until `delivered ID`
  or `rejected ID`, over restarts too.

    --config FILE   key = value lines: nbiot-agent-https.conf documents each key
    --once          take all lines, send until one has to wait, end
    --check         read the configuration and say whether it is good
    --send          hand a line to the agent that runs, by its `socket`, and print its
                    answer: exit status 0 when it is on disk, 1 when it is refused, 4
                    when no agent answers in 10 s, which may still take it. PAYLOAD
                    is a text; @FILE, - and what begins with -- are refused
    --version       print the version

  Keys beside those of nbiot-agent's files (product-key, device-name,
  device-secret-file, state-directory, endpoint, ca-file, client-id, token-lifetime,
  topic, id-placeholder, priority, ttl, coalesce, outbox-bytes, when-full, retry,
  retry-limit, max-attempts, max-age, socket, socket-mode, socket-group):
    transport = https          may be left out
    sign-method = hmacsha1|hmacmd5   (hmacsha1)
    timestamp = yes|no         say what time it is when authenticating (no)
    proxy = yes|no             use the proxy that https_proxy names (no)
    payload-limit = BYTES      1 to 131072 (131072); outbox-bytes (1048576) has to be
                               1024 more at least

  Signals: SIGTERM ends, what is not delivered stays; SIGHUP reads the configuration
  anew; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration, 3 device or
  server refused, 4 some not delivered and kept, 5 standard output cannot be
  written, 6 state directory or disk.

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent-https 0.9.0\n"
