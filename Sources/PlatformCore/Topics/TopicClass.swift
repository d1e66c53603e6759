// SPDX-License-Identifier: Apache-2.0
/// A class of topics defined on a product's console page: `/PK/DN/` and a name.
public struct TopicClass: Hashable, Sendable {
  /// The rights of devices on the topics of a class.
  public enum Permission: String, Sendable, CaseIterable {
    /// Devices publish to it.
    case publish
    /// Devices subscribe to it.
    case subscribe
    /// Both.
    case both
  }

  /// The topic's segments after `/PK/DN/`, such as `user/update`.
  public let name: String
  /// The rights of devices.
  public let permission: Permission

  /// Creates a class; its name has no slash at either end.
  public init(_ name: String, _ permission: Permission = .publish) {
    self.name = name
    self.permission = permission
  }

  /// The initial classes of every product.
  public static let standard = [
    TopicClass("user/update"), TopicClass("user/update/error"), TopicClass("user/get", .subscribe),
  ]
}
