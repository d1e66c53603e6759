// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-gateway --config FILE [--once] [--check], or --help
         nbiot-gateway --config FILE --send [TOPIC] PAYLOAD

  Reports lines of standard input to the Alibaba Cloud IoT platform by MQTT over
  TLS, as nbiot-agent-mqtt does, and prints what the platform sends; beyond that it
  has sub-devices, authenticates over HTTPS and fetches configurations. A line is
  PAYLOAD or TOPIC<TAB>PAYLOAD, one of a sub-device PRODUCTKEY/DEVICENAME<TAB> and
  then the same, where a TOPIC without a leading slash is short: thing/... is below
  /sys/PRODUCTKEY/DEVICENAME/, all else below /PRODUCTKEY/DEVICENAME/; priority=0..7
  and ttl=SECONDS may stand before the tab, apart by a space. Each line is on disk
  when `accepted ID` is printed, and is kept until `delivered ID`, over restarts
  too; that of a sub-device waits until it is online, and no other line for it.

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
    configuration fetched FILE, then configuration taken FILE, or
    configuration refused FILE STATUS   what became of an offered configuration
  A request without an answer after answer-time is answered with 400, a synchronous
  call after 4 s not at all; one that finds no room is answered with 429.

  Keys beside those of nbiot-agent-mqtt, which it has all of:
    authentication = sign|https   https gets name and password of connections from
                              auth-endpoint for 7 days, and needs TLS (sign)
    auth-endpoint = HOST:PORT (iot-auth.cn-shanghai.aliyuncs.com:443)
    sub-device = PRODUCTKEY,DEVICENAME[,SECRETFILE]   may be repeated; the file is
                              PRODUCTKEY,DEVICENAME beside this one
    sub-devices = PATH        a list of them, one a line, or a directory of files
                              PRODUCTKEY,DEVICENAME with a secret each
    on-configuration = COMMAND    gets each configuration that the platform pushes,
                              once it is fetched and its SHA-256 checked: NBIOT_TOPIC
                              and NBIOT_FILE, the file's path, in its environment,
                              the file as standard input; exit status 0 has taken it,
                              75 wants it again later, any other refuses it
    configuration-time = SECONDS  the command's time, 1 to 86400 (300)
    configuration-limit = BYTES   the largest file, 1024 to 268435456 (4194304)
    fetch-configuration = yes|no  also ask for it after each connect (no)

  Signals: SIGTERM ends, what is not delivered stays; SIGHUP reads the configuration
  anew; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration, 3 connection
  refused by the platform, 4 some not delivered and kept, 5 standard output cannot
  be written, 6 state directory or disk, 7 some kept because another device has the
  same identity (--once).

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-gateway 0.9.0\n"
