internal import CPOSIX
internal import ConstrainedCore
internal import DeviceStore

/// What `--help` prints.
let helpText: StaticString = """
  usage: nbiot-agent --config FILE [--once] [--format json|cbor] [--check]

  Reports lines of standard input to the Alibaba Cloud IoT platform by CoAP over
  NB-IoT. A line is PAYLOAD or TOPIC<TAB>PAYLOAD; priority=0..7 and ttl=SECONDS may
  stand before the tab, apart by a space. Each line is on disk when `accepted ID` is
  printed, and is kept until `delivered ID` or `rejected ID`, over restarts too.

    --config FILE   key = value lines: nbiot-agent.conf documents each key
    --once          take all lines, try each report once, end
    --format cbor   make CBOR of lines of JSON
    --check         read the configuration and say whether it is good

  Signals: SIGTERM ends, what is not delivered stays; SIGUSR1 prints counters.
  Exit status: 0 all delivered or ended by a signal, 1 some rejected or refused,
  2 usage or configuration, 3 authentication or handshake refused, 4 some not
  delivered and kept, 5 standard output cannot be written, 6 state directory.

  """

/// Prints a text to standard output; the exit status.
func show(_ text: StaticString) -> Int32 {
  // SAFETY: a StaticString's bytes live as long as the program.
  let count = unsafe write(1, text.utf8Start, text.utf8CodeUnitCount)
  return count == text.utf8CodeUnitCount ? 0 : ExitStatus.output.rawValue
}

/// Prints what is wrong with a file, and what the system says; the exit status.
func complain(_ text: StaticString, _ path: Span<UInt8>) -> Int32 {
  let code = nbiot_errno()
  var line = TextLine("error ")
  line.add(text)
  if path.count > 0 {
    line.add(": ")
    line.add(path)
    line.add(" errno=", UInt64(clamping: code))
  }
  log(line)
  return ExitStatus.usage.rawValue
}

/// Prints what is wrong with the configuration, as compilers do: file, line, what to do.
func explain(_ error: ConfigurationError, _ text: Span<UInt8>, _ path: FixedBytes<256>) {
  var line = TextLine("error ")
  line.add(path.bytes.extracting(droppingLast: 1))
  if error.line > 0 { line.add(":", UInt64(error.line)) }
  line.add(": ")
  switch error.problem {
  case .noEquals: line.add("no `key = value`")
  case .unknownKey(let range):
    line.add("unknown key ")
    line.add(text.extracting(range))
  case .repeated(let key):
    line.add(key.name)
    line.add(" is given twice")
  case .noValue(let key):
    line.add(key.name)
    line.add(" has no value")
  case .value(let key):
    line.add("this is no value for ")
    line.add(key.name)
    line.add("; it takes ")
    line.add(key.values)
  case .missing(let key):
    line.add(key.name)
    line.add(" is missing")
  case .tooLong: line.add("the file has more than 8192 bytes")
  }
  log(line)
}

extension ConfigurationKey {
  /// What values it takes.
  fileprivate var values: StaticString {
    switch self {
    case .productKey: "1 to 64 letters and digits"
    case .deviceName: "4 to 32 letters, digits and _ @ . : -"
    case .clientID: "1 to 64 bytes"
    case .endpoint: "HOST:PORT"
    case .security: securityModes
    case .caFile: "a file with certificates in PEM"
    case .serverName: "the name in the server's certificate"
    case .dtlsKey: "certificate|psk"
    case .signMethod: "hmacmd5|hmacsha1|hmacsha256"
    case .accept: "json|cbor|none"
    case .timing: "nbIoT|standard|lteM|nbIoTDeep"
    case .tokenOption: "2088|61"
    case .topic: "/PRODUCTKEY/DEVICENAME/… of at most 128 bytes"
    case .format: "json|cbor"
    case .idPlaceholder: "1 to 32 bytes"
    case .priority: "0 to 7"
    case .coalesce: "off|topic|names"
    case .outboxBytes: "4096 to 16777216 bytes"
    case .whenFull: "wait|drop-oldest"
    case .reserve: "1 to 1000000"
    case .ttl, .tokenLifetime, .retry, .retryLimit: "seconds"
    case .deviceSecretFile, .stateDirectory, .socket, .hintCommand: "a path"
    }
  }
}

extension StoreError {
  /// Appends what failed and the system's number for why.
  func describe(in line: inout TextLine) {
    let code: Int32
    switch self {
    case .inUse: return line.add("reason=in-use")
    case .notPrivate: return line.add("reason=not-private")
    case .version: return line.add("reason=later-version")
    case .noSession: return line.add("reason=no-session")
    case .directory(let number), .open(let number), .read(let number), .write(let number),
      .sync(let number), .rename(let number), .remove(let number):
      code = number
    }
    line.add("errno=")
    line.add(UInt64(clamping: code))
  }
}
