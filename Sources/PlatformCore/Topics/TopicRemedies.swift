// SPDX-License-Identifier: Apache-2.0
/// Changes that would let a device publish to a refused topic.
public struct TopicRemedies: Equatable, Sendable {
  /// A class of topics; `nil` if no class would help.
  public var topicClass: TopicClass?
  /// Whether it must be the product's own class, because the product has one of the same name.
  public var isOfProduct = false
  /// Whether `PlatformConfiguration.takesAnyTopic` would help.
  public var isAnyTopicEnough = false

  /// Creates an empty list of changes.
  public init() {}
}
