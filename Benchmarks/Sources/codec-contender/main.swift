// SPDX-License-Identifier: Apache-2.0
// The command line of a contender:
//   codec-contender time                           a line `swift MESSAGE OPERATION NS_PER_OP` each,
//                                                  the best of REPS measurements of N operations
//   codec-contender run A|B|C encode|decode N      exactly N operations, in silence
//   codec-contender check                          what it makes of each message

internal import CContender
internal import CoAPMessage

enum Message: String, CaseIterable {
  case a = "A"
  case b = "B"
  case c = "C"

  var wire: [UInt8] {
    let number: Int32 =
      switch self {
      case .a: 0
      case .b: 1
      case .c: 2
      }
    let bytes = unsafe contender_wire(number)
    // SAFETY: a constant of the C target with its count.
    return unsafe Array(UnsafeBufferPointer(start: bytes.start, count: bytes.count))
  }
}

enum Operation: String, CaseIterable {
  case encode
  case decode
}

/// Performs exactly `count` operations; returns a sum that depends on all of them.
func run(
  _ message: Message,
  _ operation: Operation,
  _ count: Int,
  _ messages: borrowing Messages
) -> Int {
  do {
    return operation == .encode
      ? try encodeMany(message, count, messages) : try decodeMany(message.wire, count)
  } catch {
    fail("\(message.rawValue) \(operation.rawValue): \(error)")
  }
}

func encodeMany(
  _ message: Message,
  _ count: Int,
  _ messages: borrowing Messages
) throws(MessageWriterError) -> Int {
  var buffer = InlineArray<512, UInt8>(repeating: 0xA5)
  var sum = 0
  switch message {
  case .a:
    for _ in 0..<count {
      sum &+= try encodeEmpty(messageID: messages.emptyMessageID, into: buffer.mutableSpan)
      contender_barrier()
    }
  case .b:
    let report = messages.report
    for _ in 0..<count {
      sum &+= try encode(report, into: buffer.mutableSpan)
      contender_barrier()
    }
  case .c:
    let answer = messages.answer
    for _ in 0..<count {
      sum &+= try encode(answer, into: buffer.mutableSpan)
      contender_barrier()
    }
  }
  return sum
}

func decodeMany(_ wire: [UInt8], _ count: Int) throws(MessageFormatError) -> Int {
  let bytes = wire.span
  var sum = 0
  for _ in 0..<count {
    sum &+= Int(try decode(bytes))
    contender_barrier()
  }
  return sum
}

func check(_ messages: borrowing Messages) throws {
  for message in Message.allCases {
    var buffer = [UInt8](repeating: 0xA5, count: 512)
    let count =
      switch message {
      case .a: try encodeEmpty(messageID: messages.emptyMessageID, into: buffer.mutableSpan)
      case .b: try encode(messages.report, into: buffer.mutableSpan)
      case .c: try encode(messages.answer, into: buffer.mutableSpan)
      }
    let digits = Array("0123456789abcdef")
    let hex = buffer[..<count].map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 0x0F)])" }.joined()
    print("swift \(message.rawValue) encode \(hex)")
    print("swift \(message.rawValue) decode \(try decode(message.wire.span))")
  }
}

func time(_ messages: borrowing Messages) {
  let count = unsafe Int(contender_setting("N", 200_000))
  let repetitions = unsafe contender_setting("REPS", 7)
  for message in Message.allCases {
    for operation in Operation.allCases {
      var best = UInt64.max
      for _ in 0..<repetitions {
        let start = contender_now()
        _ = run(message, operation, count, messages)
        best = min(best, contender_now() - start)
      }
      let hundredths = Int(best) * 100 / count
      let rest = hundredths % 100
      let text = "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
      print("swift \(message.rawValue) \(operation.rawValue) \(text)")
    }
  }
}

func fail(_ text: String) -> Never {
  unsafe contender_fail(text)
}

let messages = Messages()
let arguments = CommandLine.arguments
if arguments.count == 2, arguments[1] == "check" {
  try check(messages)
} else if arguments.count == 2, arguments[1] == "time" {
  time(messages)
} else if arguments.count == 5, arguments[1] == "run",
  let message = Message(rawValue: arguments[2]),
  let operation = Operation(rawValue: arguments[3]), let count = Int(arguments[4]), count >= 0
{
  _ = run(message, operation, count, messages)
} else {
  fail("usage: codec-contender check | time | run A|B|C encode|decode N")
}
