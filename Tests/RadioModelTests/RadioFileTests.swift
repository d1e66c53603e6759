// SPDX-License-Identifier: Apache-2.0
import RadioModel
import TestSupport
import Testing

@Suite("A file that replaces constants of the radio model")
struct RadioFileTests {
  private func read(_ text: String) throws(RadioFileError) -> RadioModel {
    var model = RadioModel()
    try model.replace(with: Array(text.utf8).span)
    return model
  }

  @Test func `numbers are in the constant's unit, and texts have their own`() throws {
    let model = try read(
      #"{"class0": {"wakeUp": 800, "loss": "2 %"}, "network": {"natLifetime": "1h"}, "modem": {"sleeping": "20uW"}}"#
    )
    #expect(model[0].wakeUp == 800)
    #expect(model[0].loss == 0.02)
    #expect(model.network.natLifetime == 3_600_000)
    #expect(abs(model.modem.sleeping - 0.000_02) < 1e-12)
    #expect(model[1] == RadioModel()[1])
  }

  @Test func `a file in TOML says the same`() throws {
    let json = try read(
      #"{"class0": {"wakeUp": 800, "loss": "2 %"}, "modem": {"sleeping": "20uW", "voltage": 3.7}}"#
    )
    let toml = try read(
      "# my network\n[class0]\nwakeUp = 800\nloss = \"2 %\"\r\n\n[modem]\nsleeping = '20uW'\nvoltage = 3.7\n"
    )
    #expect(toml == json)
    #expect(toml[0].wakeUp == 800 && toml.modem.voltage == 3.7)
  }

  @Test func `values that are larger than before may be in any order in the file`() throws {
    let model = try read("[class0]\nlowerQuartile = 5\nupperQuartile = 6\nhighest = 50\nlowest = 5")
    #expect(model.spread(0).lowerQuartile == 5 && model.spread(0).lowest == 5)
  }

  @Test(arguments: [
    ("# mine\n[class0]\nloss = 2", 3, "class0.loss: 2.0 is outside of 0.0 to 0.9"),
    ("[class3]", 1, "unknown group \"class3\""),
    ("[[class0]]\nloss = 0.1", 1, "unknown group \"class0\""),
    ("[class0]\nlos = 0.1", 2, "unknown constant class0.los: class0 has roundTripMedian"),
    ("[class0]\nwakeUp = true", 2, "a value is a number or a text with a unit"),
    ("[class0]\nwakeUp = 1\nwakeUp = 2", 3, "wakeUp is given twice"),
    ("loss = 0.1", 1, "a value belongs into a group"),
    ("[class0]\nloss", 2, "a line is KEY = VALUE"),
    ("{\n\"class0\": {\n\"loss\": 2}}", 3, "class0.loss: 2.0 is outside of 0.0 to 0.9"),
    ("{\"class3\": {}}", 1, "unknown group \"class3\""),
    ("{\"class0\": {\"los\": 0.1}}", 1, "unknown constant class0.los: class0 has roundTripMedian"),
    ("{\"class0\":\n{\"wakeUp\": \"1 parsec\"}}", 2, "; the range is 0.0 to 120000.0 ms"),
    ("{\"class0\":\n{\"wakeUp\": \"1 parsec\"}}", 2, "unknown unit \"parsec\": it is one of ms, s"),
    ("{\"class0\": {\"wakeUp\": \"soon\"}}", 1, "\"soon\" is no number; it is 0.0 to 120000.0 ms"),
    ("{\"class0\": {\"wakeUp\": true}}", 1, "a value is a number or a text with a unit"),
    ("{\"class0\": {\"wakeUp\": {}}}", 1, "a value is a number or a text with a unit"),
    ("{\"class0\": {\"wakeUp\": 1, \"wakeUp\": 2}}", 1, "class0.wakeUp is given twice"),
    ("{\"class0\": 5}", 1, "a value belongs into a group"),
    ("5", 1, "a value belongs into a group"),
    ("{\"class0\":\n\n", 3, "not JSON"),
    ("", 1, "not JSON"),
    (
      "[class1]\nwakeUp = 1\nlowerQuartile = 5", 3,
      "class1.lowerQuartile is 5.0, and cannot be above class1.upperQuartile, which is 1.38"
    ),
    ("{\"class0\": {\"lowest\": 2,\n\"highest\": 1}}", 1, "class0.lowest is 2.0, and cannot be"),
    (
      "[class2]\nroundTripHigh = \"1 s\"", 2,
      "class2.roundTripMedian is 8000.0, and cannot be above class2.roundTripHigh, which is 1000.0"
    ),
  ])
  func `an error has its line, its reason and the range`(
    text: String,
    line: Int,
    reason: String
  ) throws {
    let error = #expect(throws: RadioFileError.self) { try read(text) }
    #expect(error?.line == line)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func `a broken file leaves no trap, whatever its bytes`() throws {
    let whole = Array(
      #"{"class0": {"loss": "2 %", "wakeUp": 8e2}, "modem": {"voltage": 3.6}}"#.utf8
    )
    for end in whole.indices {
      for bit in 0..<8 {
        var bytes = whole
        bytes[end] ^= 1 << UInt8(bit)
        var model = RadioModel()
        do throws(RadioFileError) { try model.replace(with: bytes.span) } catch { continue }
      }
      var model = RadioModel()
      #expect(throws: RadioFileError.self) { try model.replace(with: Array(whole[..<end]).span) }
    }
  }

  @Test func `a number that is too large is none`() {
    #expect(throws: RadioUnit.Problem.noNumber) { try RadioUnit.milliseconds.value(of: "1e400") }
  }

  @Test func `each constant has a source, a name of its own, and a value within its range`() {
    let model = RadioModel()
    var names: Set<String> = []
    for constant in RadioConstant.all {
      #expect(names.insert(constant.name).inserted)
      #expect(!constant.source.isEmpty)
      #expect(constant.range.contains(constant.value(in: model)), "\(constant.name)")
    }
    #expect(names.count == 3 * 12 + 15 + 14)
  }
}
