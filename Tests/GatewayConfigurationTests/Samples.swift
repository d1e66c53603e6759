// SPDX-License-Identifier: Apache-2.0
import Foundation
import GatewayConfiguration
import Testing

/// The guide's examples of 6.7, which AlinkTests keeps with what the print has lost.
enum Guide {
  private struct Correction: Decodable {
    let replace: String
    let with: String
  }

  private struct Entry: Decodable {
    let section: String
    let name: String
    let corrections: [Correction]?
  }

  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "AlinkTests/Resources/guide")

  static func text(_ name: String) throws -> String {
    let index = try Data(contentsOf: folder.appending(path: "index.json"))
    let entries = try JSONDecoder().decode([Entry].self, from: index)
    let entry = try #require(entries.first { $0.section == "6.7" && $0.name == name })
    let file = folder.appending(path: "6.7-\(name).txt")
    var text = try String(contentsOf: file, encoding: .utf8)
    for correction in entry.corrections ?? [] {
      text = text.replacing(correction.replace, with: correction.with)
    }
    return text
  }
}

/// A configuration in which everything fits together.
enum Plant {
  /// The secret of the guide's example, its masked digits filled in.
  static let secret = Array("testTNmjyWHQzniA8wEkTNmjyWH01234".utf8)

  static let text = #"""
    {
      "modelList": [
        {
          "profile": {"productKey": "a1Meter"},
          "properties": [
            {
              "identifier": "energy", "operateType": "holdingRegister", "registerAddress": "0x10",
              "originalDataType": {
                "type": "uint32", "specs": {"registerCount": 2, "swap16": 0, "reverseRegister": 1}
              },
              "scaling": 0.1, "pollingTime": 1000, "trigger": 1
            },
            {
              "identifier": "alarm", "operateType": "inputStatus", "registerAddress": "3",
              "originalDataType": {
                "type": "bool", "specs": {"registerCount": 1, "swap16": 0, "reverseRegister": 0}
              },
              "scaling": 1, "pollingTime": 500, "trigger": 2
            }
          ]
        },
        {
          "profile": {"productKey": "a1Machine"},
          "properties": [{"identifier": "speed", "displayName": "Spindle"}],
          "services": [
            {
              "identifier": "stop", "displayName": "Stop", "outputData": "",
              "inputData": [{"identifier": "delay", "index": 0}]
            }
          ],
          "events": []
        },
        {
          "profile": {"productKey": "a1Radio"},
          "properties": [{"identifier": "level", "customize": {"offset": [1, 2]}}]
        }
      ],
      "serverList": [
        {
          "serverId": "S1", "name": "line", "protocol": "RTU", "serialPort": "0", "baudRate": 9600,
          "byteSize": 8, "stopBits": 1, "parity": "E"
        },
        {"serverId": "S2", "name": "hall", "protocol": "TCP", "ip": "192.168.0.1", "port": 502},
        {
          "serverId": "S3", "name": "machines", "url": "opc.tcp://10.0.0.2:4840", "userName": "op",
          "password": "sYpAYctBQhN0/iE8ndwkAA==", "secPolicy": "Basic256", "secMode": "Sign",
          "timeout": 10
        }
      ],
      "deviceList": [
        {
          "productKey": "a1Meter", "deviceName": "meter1",
          "deviceConfig": {"slaveId": 1, "serverId": "S1"}
        },
        {
          "productKey": "a1Meter", "deviceName": "meter2",
          "deviceConfig": {"slaveId": 1, "serverId": "S2"}
        },
        {
          "productKey": "a1Machine", "deviceName": "mill",
          "deviceConfig": {"displayNamePath": "Objects/Mill", "serverId": "S3"}
        },
        {"productKey": "a1Radio", "deviceName": "node", "deviceConfig": {}}
      ],
      "tslList": [
        {
          "profile": {"productKey": "a1Meter"},
          "properties": [
            {"identifier": "energy", "accessMode": "rw"},
            {"identifier": "alarm", "accessMode": "r"}
          ],
          "events": [], "services": []
        },
        {
          "profile": {"productKey": "a1Machine"},
          "properties": [{"identifier": "speed", "accessMode": "r"}],
          "events": [{"identifier": "post"}],
          "services": [{"identifier": "stop"}]
        },
        {
          "profile": {"productKey": "a1Radio"},
          "properties": [{"identifier": "level", "accessMode": "r"}]
        }
      ]
    }
    """#

  /// The text with one part of it changed, which must be there exactly once.
  static func damaged(_ part: String, _ with: String) throws -> [UInt8] {
    try #require(text.ranges(of: part).count == 1, "\(part)")
    return Array(text.replacing(part, with: with).utf8)
  }
}
