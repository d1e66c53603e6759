// SPDX-License-Identifier: Apache-2.0
/// The values of an option that is given as `VALUE` for all products, or as `PRODUCTKEY=VALUE` for
/// one.
///
/// A value in which "=" follows letters and digits only is given as `=VALUE`.
struct PerProduct {
  private var common: String?
  private var own: [String: String] = [:]

  /// Parses the values of the option `name`, which may name only these products.
  init(_ texts: [String], _ name: String, products: Set<String>) throws {
    for text in texts {
      let (key, value) = Self.parts(text)
      if let key, !products.contains(key) {
        throw Complaint(
          "\(name) \(text) names \(key), which is no product of a --device, --register or --sub-device"
        )
      }
      guard !value.isEmpty else { throw Complaint("\(name) has no value in \(text)") }
      let isTwice = key.map { own[$0] != nil } ?? (common != nil)
      guard !isTwice else {
        throw Complaint("\(name) is given twice for \(key ?? "all products"): use PRODUCTKEY=VALUE")
      }
      if let key { own[key] = value } else { common = value }
    }
  }

  /// The value for a product: its own, or else the common one if that is allowed.
  func value(of product: String, takesCommon: Bool) -> String? {
    own[product] ?? (takesCommon ? common : nil)
  }

  private static func parts(_ text: String) -> (key: String?, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts[0].utf8.allSatisfy({
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF)
      })
    else { return (nil, text) }
    return (parts[0].isEmpty ? nil : String(parts[0]), String(parts[1]))
  }
}
