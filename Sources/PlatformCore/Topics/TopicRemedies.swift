/// What would let a device publish to a topic that was refused.
public struct TopicRemedies: Equatable, Sendable {
  /// A class of topics; `nil` where none would.
  public var topicClass: TopicClass?
  /// Whether it must be the product's own, for that has one of the same name.
  public var isOfProduct = false
  /// Whether `PlatformConfiguration.takesAnyTopic` would.
  public var isAnyTopicEnough = false

  /// Nothing would.
  public init() {}
}
