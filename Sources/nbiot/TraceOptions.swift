// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient
internal import Inspection
internal import SecurityLayer
internal import Synchronization
internal import SystemClocks

/// Whether to show messages.
struct TraceOptions: ParsableArguments {
  @Flag(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Show each message on standard error, with what is inside, as `nbiot inspect` does; tokens, signs and secrets "
        + "are masked."
    )
  )
  var verbose = false

  /// Shows a client's messages, if requested.
  func apply(to configuration: inout DeviceClientConfiguration, secret: [UInt8]) -> MessageTrace? {
    guard verbose else { return nil }
    let trace = MessageTrace(secret: secret)
    configuration.onMessage = { trace.show($0, $1) }
    return trace
  }

  /// Shows a request or an answer of HTTPS without its body, if that is wanted.
  func show(_ line: String) {
    guard verbose else { return }
    if Console.isInteractive { Console.show("") }
    Console.complain(line)
  }

  /// Shows a request or an answer of HTTPS, if that is wanted.
  func show(_ head: String, _ body: [UInt8]) {
    guard verbose else { return }
    Console.complain(lines: head + MessageInspector.maskedText(ofPayload: body.span) + "\n")
  }
}

/// Prints a command's MQTT packets, or messages of HTTPS, on standard error, as they are sent and received.
final class MQTTTrace: Sendable {
  private let count = Mutex(0)
  private let start = MonotonicClock.now()
  private let noun: String

  /// What is printed is called that.
  init(_ noun: String = "packet") { self.noun = noun }

  /// Prints a packet in words.
  func show(_ direction: MessageDirection, _ packet: String) {
    let number = count.withLock {
      $0 += 1
      return $0
    }
    let seconds = MessageTrace.seconds(since: start)
    let ends = direction == .sent ? "device -> platform" : "platform -> device"
    Console.complain("\(noun) \(number), \(seconds) s, \(ends): \(packet)")
  }
}

/// Prints a command's messages on standard error, as they are sent and received.
final class MessageTrace: Sendable {
  private struct State: ~Copyable {
    var inspector: MessageInspector
    var count = 0
    let start = MonotonicClock.now()
  }

  private let secret: [UInt8]
  private let state: Mutex<State>

  /// Decrypts the sessions of a device with that secret.
  init(secret: [UInt8]) {
    self.secret = secret
    state = Mutex(State(inspector: Self.inspector(secret, random: [])))
  }

  /// Also decrypts an earlier run's session.
  func goOn(random: [UInt8]) {
    guard !random.isEmpty else { return }
    state.withLock { $0.inspector = Self.inspector(secret, random: random) }
  }

  /// Prints a message, or a datagram of DTLS.
  func show(_ direction: MessageDirection, _ message: Span<UInt8>) {
    state.withLock { state in
      state.count += 1
      let seconds = Self.seconds(since: state.start)
      let ends = direction == .sent ? "device -> platform" : "platform -> device"
      let text = state.inspector.maskedText(message)
      Console.complain(lines: "message \(state.count), \(seconds) s, \(ends)\n\(text)\n")
    }
  }

  /// The time since `start` with its milliseconds.
  static func seconds(since start: Instant) -> String {
    let passed = (MonotonicClock.now() - start).count
    let fraction = String(passed % 1_000)
    return "\(passed / 1_000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }

  /// Creates an inspector without a key if none can be derived; the device itself reports that
  /// error.
  private static func inspector(_ secret: [UInt8], random: [UInt8]) -> sending MessageInspector {
    do throws(SecurityError) {
      if random.isEmpty { return try MessageInspector(secret: secret.span) }
      return try MessageInspector(secret: secret.span, random: random.span)
    } catch {
      return MessageInspector()
    }
  }
}
