// SPDX-License-Identifier: Apache-2.0
/// The text of `--help`.
let helpText: StaticString = """
  usage: nbiot-gateway --config FILE [--once] [--check]
         nbiot-gateway --config FILE --send [TOPIC] PAYLOAD
         nbiot-gateway --help | --version

  Reports lines of standard input to the Alibaba Cloud IoT platform by MQTT
  over TLS, as nbiot-agent-mqtt does, and prints what the platform sends; it
  also has sub-devices, authenticates over HTTPS and fetches configurations.
  A line is PAYLOAD or TOPIC<TAB>PAYLOAD; "priority=0..7 ttl=SECONDS" may
  stand before the tab. A sub-device's line begins with
  PRODUCTKEY/DEVICENAME<TAB>, and a TOPIC without a leading slash is short:
  thing/... is below /sys/PRODUCTKEY/DEVICENAME/, any other below
  /PRODUCTKEY/DEVICENAME/. Each line is on disk when `accepted ID` is
  printed, and stays there until `delivered ID`, across restarts; that of a
  sub-device waits until it is online, and holds up no other line.

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
    configuration fetched FILE, then configuration taken FILE or
    configuration refused FILE STATUS
                              the fate of a configuration that was offered
  A request that is not answered within answer-time gets 400, a synchronous
  call nothing after 4 s; one that finds no room gets 429.

  Keys besides those of nbiot-agent-mqtt, all of which it has:
    authentication = sign|https  https gets user name and password of its
                             connections from auth-endpoint for 7 days, and
                             needs TLS (sign)
    auth-endpoint = HOST:PORT  (iot-auth.cn-shanghai.aliyuncs.com:443)
    sub-device = PRODUCTKEY,DEVICENAME[,SECRETFILE]  may be repeated; the
                             file is PRODUCTKEY,DEVICENAME beside this one
    sub-devices = PATH       a list of them, one a line, or a directory of
                             files PRODUCTKEY,DEVICENAME with a secret each
    on-configuration = COMMAND  gets each configuration that the platform
                             pushes, once it is fetched and its SHA-256
                             checked: NBIOT_TOPIC and NBIOT_FILE, the file's
                             path, in its environment, the file on standard
                             input; exit status 0 takes it, 75 asks for it
                             again later, any other refuses it
    configuration-time = SECONDS  the command's time, 1 to 86400 (300)
    configuration-limit = BYTES   the largest file, 1024 to 268435456
                             (4194304)
    fetch-configuration = yes|no  also ask for it after each connect (no)

  SIGTERM ends it, and undelivered reports stay; SIGHUP reads the
  configuration again; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some reports rejected,
  refused, given up, expired or dropped, 2 usage or configuration,
  3 connection refused by the platform, 4 some not delivered and kept,
  5 standard output cannot be written, 6 state directory or disk,
  7 some kept because another device has the same identity (--once).

  """

/// The text of `--version`.
let versionText: StaticString = "nbiot-gateway 0.9.0\n"
