/// A class of topics that a product's console page defines: `/PK/DN/` and a name.
public struct TopicClass: Hashable, Sendable {
  /// What devices may do with the topics of a class.
  public enum Permission: String, Sendable, CaseIterable {
    /// Devices send to it.
    case publish
    /// Devices receive from it.
    case subscribe
    /// Both.
    case both
  }

  /// The topic's segments behind `/PK/DN/`, such as `user/update`.
  public let name: String
  /// What devices may do.
  public let permission: Permission

  /// A class of a name without a slash at its ends.
  public init(_ name: String, _ permission: Permission = .publish) {
    self.name = name
    self.permission = permission
  }

  /// The classes that every product begins with.
  public static let standard = [
    TopicClass("user/update"), TopicClass("user/update/error"), TopicClass("user/get", .subscribe),
  ]
}
