internal import ArgumentParser
internal import PlatformCore
internal import PlatformSimulator

/// Which topics devices may publish to.
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

  /// Puts the classes into the configuration, whose products are there already.
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

  /// The class, and the key of its product where it names one.
  private static func parse(_ text: String, _ keys: Set<String>) throws -> (String?, TopicClass) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    var permission = TopicClass.Permission.publish
    if parts.count == 2 {
      guard let given = TopicClass.Permission(rawValue: String(parts[1])) else {
        throw Complaint("--topic-class takes TOPIC=publish, subscribe or both, not \(text)")
      }
      permission = given
    }
    var topic = String(parts.first ?? "")
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
      // As the console prints it, every product's.
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

extension RequestRecord {
  /// Which option takes a report whose topic was refused; empty where none does.
  var hint: String {
    let name = path.split(separator: "/").dropFirst(3).joined(separator: "/")
    let isCustom = !["/topic/sys", "/topic/ota", "/topic/ext"].contains {
      path == $0 || path.hasPrefix("\($0)/")
    }
    switch topicRefusal {
    case .unknown where isCustom && !name.isEmpty:
      return "; --topic-class \(name) makes it one, --any-topic takes every topic"
    case .subscribeOnly where isCustom:
      return "; --topic-class \(name)=both lets them publish, --any-topic takes every topic"
    case .unknown where isCustom: return ""
    case .unknown, .subscribeOnly: return "; --any-topic takes it"
    case .foreign, .publish, nil: return ""
    }
  }
}
