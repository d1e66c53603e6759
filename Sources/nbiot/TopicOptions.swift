// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PayloadCoding
internal import PayloadValues
internal import PlatformCore
internal import PlatformSimulator

/// The topics to which devices may publish.
struct TopicOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      A topic class beside user/update, user/update/error and user/get, such as user/data or \
      user/command=subscribe; /PK/DN/user/data is one of that product alone. Repeat it for more.
      """,
      valueName: "topic[=publish|subscribe|both]"
    )
  )
  var topicClass: [String] = []

  @Flag(help: "Take reports to every topic that bears the device's name.")
  var anyTopic = false

  /// Adds the classes to the configuration, which already has its products.
  func apply(to configuration: inout SimulatorConfiguration) throws {
    configuration.takesAnyTopic = anyTopic
    let keys = Set(configuration.products.map(\.key))
    for text in topicClass {
      let (product, made) = try Self.parse(text, keys)
      guard let product else {
        configuration.topicClasses.append(made)
        continue
      }
      guard let index = configuration.products.firstIndex(where: { $0.key == product }) else {
        throw Complaint("--topic-class \(text) names \(product), which is no product of a --device")
      }
      configuration.products[index].topicClasses.append(made)
    }
  }

  /// The class, and the key of its product if it names one.
  private static func parse(_ text: String, _ keys: Set<String>) throws -> (String?, TopicClass) {
    // A name may contain "=".
    let end = text.lastIndex(of: "=")
    var permission = TopicClass.Permission.publish
    if let end {
      guard let given = TopicClass.Permission(rawValue: String(text[text.index(after: end)...]))
      else {
        throw Complaint("--topic-class takes TOPIC=publish, subscribe or both, not \(text)")
      }
      permission = given
    }
    var topic = String(text[..<(end ?? text.endIndex)])
    let isWhole = topic.hasPrefix("/")
    if isWhole { topic.removeFirst() }
    var segments = topic.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard !segments.contains("") else {
      throw Complaint("--topic-class \(text) has an empty segment")
    }
    var product: String?
    if isWhole || segments.first.map(keys.contains) == true {
      guard segments.count > 2 else {
        throw Complaint("--topic-class \(text) has nothing behind product key and device name")
      }
      // As printed by the console, for every product.
      product = segments[0].hasPrefix("${") || segments[0] == "+" ? nil : segments[0]
      segments.removeFirst(2)
    }
    guard !segments.contains(where: { $0.contains("+") || $0.contains("#") }) else {
      throw Complaint(
        "--topic-class takes no wildcards: give each topic, or --any-topic, not \(text)"
      )
    }
    return (product, TopicClass(segments.joined(separator: "/"), permission))
  }
}

extension TopicOptions {
  /// The option's value for a class of one product, quoted for a shell; `nil` if a terminal cannot
  /// show it.
  ///
  /// `keys` are those of the products; a name may begin with one of them.
  static func spelling(
    _ wanted: TopicClass,
    of device: String,
    isOfProduct: Bool,
    keys: Set<String>
  ) -> String? {
    let name = wanted.name
    guard ReadableText.unlabelled(Array(name.utf8)) == name else { return nil }
    let permission =
      wanted.permission == .publish && !name.contains("=") ? "" : "=\(wanted.permission.rawValue)"
    let key = String(device.prefix { $0 != "/" })
    for text in ["\(name)\(permission)", "/\(device)/\(name)\(permission)"] {
      let isWhole = text.hasPrefix("/")
      guard !text.hasPrefix("-"), isWhole || !isOfProduct,
        let (product, made) = try? parse(text, keys), made == wanted,
        product == (isWhole ? key : nil)
      else { continue }
      return ShellWord.quoted(text)
    }
    return nil
  }
}

/// A word of a shell's command.
enum ShellWord {
  /// The text quoted as one word for a shell.
  static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: Array("_@%+=:,./-".utf8).contains(byte)
      }
    }
    if isPlain, !text.isEmpty { return text }
    return "'" + text.replacing("'", with: #"'\''"#) + "'"
  }
}

extension RequestRecord {
  /// Which options take a report whose topic was refused; empty where none does.
  func hint(_ keys: Set<String>) -> String { topicRemedies.hint(device, keys) }
}

extension TopicRemedies {
  /// Which options take such a report of a device; empty where none does.
  func hint(_ device: String?, _ keys: Set<String>) -> String {
    var parts: [String] = []
    if let wanted = topicClass, let device,
      let text = TopicOptions.spelling(wanted, of: device, isOfProduct: isOfProduct, keys: keys)
    {
      let effect = wanted.permission == .publish ? "makes it one" : "lets them publish"
      parts.append("--topic-class \(text) \(effect)")
    }
    if isAnyTopicEnough {
      parts.append("--any-topic takes " + (parts.isEmpty ? "it" : "every topic"))
    }
    return parts.isEmpty ? "" : "; " + parts.joined(separator: ", ")
  }
}
