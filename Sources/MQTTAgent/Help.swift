// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-agent-mqtt --config FILE [--once] [--check], or --help
         nbiot-agent-mqtt --config FILE --send [TOPIC] PAYLOAD

  Reports lines of standard input to the Alibaba Cloud IoT platform by MQTT over
  TLS, and prints what the platform sends. A line is PAYLOAD or TOPIC<TAB>PAYLOAD;
  priority=0..7 and ttl=SECONDS may stand before the tab, apart by a space. Each
  line is on disk when `accepted ID` is printed, and is kept until `delivered ID`,
  over restarts too.

    --config FILE   key = value lines, see below
    --once          take all lines, send until one has to wait, end
    --check         say whether the configuration is good
    --send          hand a line to the agent that runs, by its `socket`, and print its
                    answer: exit status 0 when it is on disk, 1 when it is refused, 4
                    when no agent answers in 10 s, which may still take it. PAYLOAD
                    is a text; @FILE, - and what begins with -- are refused
    --version       print the version

  What the platform sends is a line of standard output:
    request ID TOPIC PAYLOAD  wants a line of input:
                                reply ID CODE [JSON]   200, 400, 429, 460 or
                                                       100000 to 110000
                                reply ID hex=DIGITS    where PAYLOAD is hex=DIGITS
                              printed is `replied ID`, or `refused LINE REASON`;
                              it waits for no report before it
    notice TOPIC PAYLOAD      wants none
    firmware DECISION TOPIC PAYLOAD   is to be fetched at `start` and `resume`; then
                              a line `firmware done` or `firmware failed` of input,
                              which prints `replied firmware`
  A request without an answer after answer-time is answered with 400, a synchronous
  call after 4 s not at all; one that finds no room is answered with 429.

  Keys beside those of nbiot-agent's files (product-key, device-name,
  device-secret-file, state-directory, endpoint, ca-file, client-id, sign-method,
  topic, id-placeholder, priority, ttl, coalesce, outbox-bytes, when-full, retry,
  retry-limit, max-attempts, max-age, socket, socket-mode, socket-group):
    transport = mqtt          may be left out
    websocket = yes|no        over a WebSocket (no); websocket-path (/mqtt)
    tls = yes|no              no warns: all can be read and changed
    keep-alive = 30 to 1200   seconds (300)
    clean-session = yes|no    no: the platform keeps messages (yes)
    in-flight = 1 to 16       reports under way at once (1)
    notices = yes|no          ask to be told of a second device (no)
    replies = yes|no          reports of the thing model end with their reply (yes)
    on-request = COMMAND      gets each request and notice: NBIOT_TOPIC and
                              NBIOT_REQUEST, the ID or 0, in its environment, the
                              payload as standard input; its standard output is the
                              answer's JSON or bytes, its exit status the code: 0
                              200, 65 460, 75 429, any other 400; one at a time,
                              8 wait
    answer-time = SECONDS     1 to 3600 (30)
    firmware-version = TEXT   told after each connect
    desired = NAME,NAME       properties to ask for the desired values of

  Signals: SIGTERM ends, what is not delivered stays; SIGHUP reads the configuration
  anew; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration, 3 connection
  refused by the platform, 4 some not delivered and kept, 5 standard output cannot
  be written, 6 state directory or disk, 7 some kept because another device has the
  same identity (--once).

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-agent-mqtt 0.9.0\n"
