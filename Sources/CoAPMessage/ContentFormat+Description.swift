// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension ContentFormat: CustomStringConvertible {
  /// The number, followed by the media type if it is known.
  public var description: String {
    guard let mediaType else { return "\(rawValue)" }
    return "\(rawValue) \(mediaType)"
  }

  /// The media type in the registry of RFC 7252 Section 12.3; `nil` for formats that IoT devices do
  /// not use.
  public var mediaType: String? {
    switch rawValue {
    case 0: "text/plain; charset=utf-8"
    case 16: "application/cose; cose-type=\"cose-encrypt0\""
    case 40: "application/link-format"
    case 41: "application/xml"
    case 42: "application/octet-stream"
    case 47: "application/exi"
    case 50: "application/json"
    case 51: "application/json-patch+json"
    case 52: "application/merge-patch+json"
    case 60: "application/cbor"
    case 61: "application/cwt"
    case 62: "application/multipart-core"
    case 63: "application/cbor-seq"
    case 110: "application/senml+json"
    case 111: "application/sensml+json"
    case 112: "application/senml+cbor"
    case 113: "application/sensml+cbor"
    case 11_542: "application/vnd.oma.lwm2m+tlv"
    case 11_543: "application/vnd.oma.lwm2m+json"
    case 11_544: "application/vnd.oma.lwm2m+cbor"
    default: nil
    }
  }
}
#endif
