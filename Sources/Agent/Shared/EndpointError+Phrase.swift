// SPDX-License-Identifier: Apache-2.0
internal import Platform

extension EndpointError {
  /// What is wrong with an endpoint.
  var phrase: Phrase {
    switch self {
    case .scheme: .badScheme
    case .noHost: .noHost
    case .path: .hasPath
    case .brackets: .badBrackets
    case .host: .badHost
    case .port: .badPort
    }
  }
}
