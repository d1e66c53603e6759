// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
public import PlatformCore

/// A decision of `SimulatorAssumptions` under its name, for a command line and its documentation.
public typealias Assumption = NamedAssumption<SimulatorAssumptions>

extension Assumption {
  /// The only mode in which the decision applies; `nil` for both.
  public var protection: SimulatorConfiguration.Protection? {
    switch name {
    case "pre-shared-keys", "message-id-dtls", "seq-dtls", "option-2089-dtls",
      "registration-answer", "registration-refused", "registration-sign":
      .dtls
    case "undecryptable", "used-sequence", "missing-seq", "moved-device": .symmetric
    default: nil
    }
  }

  /// A decision about a CoAP code in one of `classes`.
  static func code(
    _ name: String,
    _ path: WritableKeyPath<SimulatorAssumptions, Code>,
    _ summary: String,
    classes: ClosedRange<UInt8> = 4...5
  ) -> Assumption {
    Assumption(
      name: name,
      choices: classes == 2...2
        ? "2.05, another code of class 2" : "\(standard(path)), another code",
      summary: summary,
      read: { $0[keyPath: path].dotted },
      write: { assumptions, text in
        guard let code = Code(dotted: text), classes.contains(code.class) else { return false }
        assumptions[keyPath: path] = code
        return true
      }
    )
  }

  private static func standard(_ path: KeyPath<SimulatorAssumptions, Code>) -> String {
    SimulatorAssumptions()[keyPath: path].dotted
  }

  /// A decision about a CoAP code, with a word for none.
  static func code(
    _ name: String,
    _ path: WritableKeyPath<SimulatorAssumptions, Code?>,
    or word: String,
    _ summary: String
  ) -> Assumption {
    let standard = SimulatorAssumptions()[keyPath: path]?.dotted
    return Assumption(
      name: name,
      choices: standard.map { "\($0), \(word), another code" } ?? "\(word), a code",
      summary: summary,
      read: { $0[keyPath: path]?.dotted ?? word },
      write: { assumptions, text in
        if text == word {
          assumptions[keyPath: path] = nil
          return true
        }
        guard let code = Code(dotted: text), (4...5).contains(code.class) else { return false }
        assumptions[keyPath: path] = code
        return true
      }
    )
  }

  static func reply(
    _ name: String,
    _ path: WritableKeyPath<SimulatorAssumptions, ReplyCode>,
    _ summary: String
  ) -> Assumption {
    Assumption(
      name: name,
      choices: "\(SimulatorAssumptions()[keyPath: path].rawValue), another code",
      summary: summary,
      read: { "\($0[keyPath: path].rawValue)" },
      write: { assumptions, text in
        guard let code = ReplyCode(refusal: text) else { return false }
        assumptions[keyPath: path] = code
        return true
      }
    )
  }

  static func reply(
    _ name: String,
    _ path: WritableKeyPath<SimulatorAssumptions, ReplyCode?>,
    or word: String,
    _ summary: String
  ) -> Assumption {
    Assumption(
      name: name,
      choices: "460, \(word), another code",
      summary: summary,
      read: { assumptions in assumptions[keyPath: path].map { "\($0.rawValue)" } ?? word },
      write: { assumptions, text in
        let code = ReplyCode(refusal: text)
        guard code != nil || text == word else { return false }
        assumptions[keyPath: path] = code
        return true
      }
    )
  }

  static var messageID: Assumption {
    Assumption(
      name: "message-id",
      choices: SimulatorAssumptions.MessageIDForm.allCases.map(\.rawValue).joined(separator: ", "),
      summary: "the message id in option 2090: 8 bytes, ASCII digits, no option",
      read: { $0.messageID.rawValue },
      write: { assumptions, text in
        guard let form = SimulatorAssumptions.MessageIDForm(rawValue: text) else { return false }
        assumptions.messageID = form
        return true
      }
    )
  }
}

extension Code {
  /// Parses a code in the form `c.dd`.
  package init?(dotted text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count == 1, parts[1].utf8.count == 2,
      let first = UInt8(parts[0]), first < 8, let detail = UInt8(parts[1]), detail < 32
    else { return nil }
    self.init(rawValue: first << 5 | detail)
  }
}

extension ReplyCode {
  /// Parses the code of a refusal: a number of three to six digits other than 200.
  fileprivate init?(refusal text: String) {
    guard let number = Int(text), (100...999_999).contains(number), number != 200,
      text == "\(number)"
    else { return nil }
    self.init(rawValue: number)
  }
}
