// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent-mqtt --config FILE [--once] [--check]
         nbiot-agent-mqtt --config FILE --send [TOPIC] PAYLOAD
         nbiot-agent-mqtt --help | --version

  Reports lines of standard input to the Alibaba Cloud IoT platform by MQTT
  over TLS, and prints what the platform sends. A line is PAYLOAD or
  TOPIC<TAB>PAYLOAD; "priority=0..7 ttl=SECONDS" may stand before the tab.
  Each line is on disk when `accepted ID` is printed, and stays there until
  `delivered ID`, across restarts.

    --config FILE  key = value lines, see below
    --once         read all lines, send until one has to wait, exit
    --check        say whether the configuration is valid
    --send         pass a line to the running agent through its `socket`
                   and print the answer; exit status 0 on disk, 1 refused,
                   4 no agent answered in 10 s (it may still accept it).
                   PAYLOAD is text; @FILE, - and --WORD are refused
    --version      print the version

  What the platform sends is a line of standard output:
    request ID TOPIC PAYLOAD  expects a line of input:
                                reply ID CODE [JSON]  200, 400, 429, 460 or
                                                      100000 to 110000
                                reply ID hex=DIGITS   if PAYLOAD is hex=
                              which prints `replied ID` or `refused LINE
                              REASON`, and waits for no report before it
    notice TOPIC PAYLOAD      expects none
    firmware DECISION TOPIC PAYLOAD
                              fetch it at `start` and `resume`; then the line
                              `firmware done` or `firmware failed` of input
                              prints `replied firmware`
  A request that is not answered within answer-time gets 400, a synchronous
  call nothing after 4 s; one that finds no room gets 429.

  Keys besides those of nbiot-agent (product-key, device-name,
  device-secret-file, state-directory, endpoint, ca-file, client-id,
  sign-method, topic, id-placeholder, priority, ttl, coalesce, outbox-bytes,
  when-full, retry, retry-limit, max-attempts, max-age, socket, socket-mode,
  socket-group):
    transport = mqtt         optional
    websocket = yes|no       over a WebSocket (no); websocket-path (/mqtt)
    tls = yes|no             no warns: all can be read and changed
    keep-alive = 30 to 1200  seconds (300)
    clean-session = yes|no   no: the platform keeps messages (yes)
    in-flight = 1 to 16      reports under way at once (1)
    notices = yes|no         ask to be told of a second device (no)
    replies = yes|no         a thing-model report ends with its reply (yes)
    on-request = COMMAND     gets each request and notice: NBIOT_TOPIC and
                             NBIOT_REQUEST (the ID, or 0) in its environment,
                             the payload on standard input; its standard
                             output is the answer's JSON or bytes, its exit
                             status the code: 0 200, 65 460, 75 429, any
                             other 400; one at a time, 8 wait
    answer-time = SECONDS    1 to 3600 (30)
    firmware-version = TEXT  reported after each connect
    desired = NAME,NAME      properties whose desired values to ask for
    thing-model = FILE       a TSL; requests that do not fit it get 460

  SIGTERM ends it, and undelivered reports stay; SIGHUP reads the
  configuration again; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration,
  3 connection refused by the platform, 4 some not delivered and kept,
  5 standard output cannot be written, 6 state directory or disk,
  7 some kept because another device has the same identity (--once).

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent-mqtt 0.9.0\n"
