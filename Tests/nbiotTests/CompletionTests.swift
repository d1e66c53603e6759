// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("Completions")
struct CompletionTests {
  @Test func `file names are completed wherever a file or a directory is taken`() async throws {
    let dump = try #require(try await nbiot(["--experimental-dump-help"]).object)
    let command = try #require(dump["command"] as? [String: Any])
    let arguments = Argument.all(command).filter(\.takesPath)
    for argument in arguments where !argument.completesPath {
      Issue.record("\(argument.name) is not completed")
    }
    #expect(
      Set(arguments.map(\.value)).isSuperset(of: ["file", "directory", "[pk=]file", "devices"])
    )
    #expect(arguments.count > 100)
  }

  @Test func `the methods of nbiot call are completed`() async throws {
    for shell in Shell.allCases {
      let script = try await nbiot(["--generate-completion-script", shell.rawValue]).output
      for method in ["thing.event.property.post", "thing.topo.get", "up_raw"] {
        // The help, which names them as well, is in no script.
        #expect(script.contains(method), "\(method) is not in the completions of \(shell)")
      }
    }
  }

  @Test(arguments: Shell.allCases.filter(\.isThere))
  func `each shell loads its script and completes by it`(_ shell: Shell) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: directory) }
    let outbox = directory.appending(path: "outbox")
    try FileManager.default.createDirectory(at: outbox, withIntermediateDirectories: true)
    try Data().write(to: directory.appending(path: "device.conf"))
    let script = directory.appending(path: "_nbiot")
    let generated = try await nbiot(["--generate-completion-script", shell.rawValue])
    try Data(generated.output.utf8).write(to: script)

    let cases = [
      ("nbiot pu", ["publish", "pull", "push"], ["call"]),
      ("nbiot publish --con", ["--config"], ["--topic"]),
      ("nbiot publish --config dev", ["device.conf"], ["outbox"]),
      ("nbiot publish --timing nb", ["nbIoT", "nbIoTDeep"], ["lteM"]),
      ("nbiot publish --timing nbIoT --config dev", ["device.conf"], []),
      ("nbiot call thing.topo.", ["thing.topo.add", "thing.topo.get"], ["up_raw"]),
      ("nbiot gateway r", ["run", "remove"], ["list"]),
      ("nbiot gateway run --outbox ", ["outbox"], ["device.conf"]),
      ("nbiot gateway run dev", ["device.conf"], []),
      ("nbiot estimate --from-ledger dev", ["device.conf"], []),
    ]
    for (line, wanted, unwanted) in cases {
      let found = try shell.completions(of: line, script: script, in: directory)
      let isComplete = Set(found).isSuperset(of: wanted) && Set(found).isDisjoint(with: unwanted)
      #expect(isComplete, "\(shell), \(line): \(found)")
    }
  }
}

/// An argument or option in what `--experimental-dump-help` prints.
private struct Argument {
  let name: String
  let value: String
  let completesPath: Bool

  init(_ object: [String: Any], of command: String) {
    value = object["valueName"] as? String ?? ""
    name = "\(command) \(value)"
    let completion = object["completionKind"] as? [String: Any] ?? [:]
    completesPath = completion["file"] != nil || completion["directory"] != nil
  }

  /// Whether its value is a path, with no more around it than a product key and an equals sign.
  var takesPath: Bool {
    ["file", "directory", "[pk=]file", "pk=file", "file.svg|file.png", "devices"].contains(value)
  }

  /// Those of a command and of its subcommands.
  static func all(_ command: [String: Any], under parents: [String] = []) -> [Argument] {
    let names = parents + [command["commandName"] as? String ?? ""]
    let own = (command["arguments"] as? [[String: Any]] ?? []).map {
      Argument($0, of: names.joined(separator: " "))
    }
    let others = (command["subcommands"] as? [[String: Any]] ?? []).flatMap {
      all($0, under: names)
    }
    return own + others
  }
}

/// A shell for which `nbiot` writes a script; those that this machine lacks are not tried.
enum Shell: String, CaseIterable {
  case bash, zsh, fish

  private var path: String { "/usr/bin/\(rawValue)" }

  var isThere: Bool { FileManager.default.isExecutableFile(atPath: path) }

  /// What the shell offers for the last word of the line, without a directory's slash.
  func completions(of line: String, script: URL, in directory: URL) throws -> [String] {
    let shell = ChildProgram(
      URL(filePath: path),
      arguments + ["-c", ask, rawValue, script.path, line],
      environment: ["HOME": directory.path, "TERM": "dumb"]
    )
    shell.process.currentDirectoryURL = directory
    try shell.start()
    shell.endInput()
    shell.wait()
    return shell.lines.map { line in
      let word = line.prefix { $0 != "\t" && $0 != "\r" }
      return String(word.hasSuffix("/") ? word.dropLast() : word)
    }
  }

  private var arguments: [String] {
    switch self {
    case .bash: ["--norc"]
    case .zsh: ["-f"]
    case .fish: ["--no-config", "--private"]
    }
  }

  /// A program of the shell: its arguments are the completion script and the line.
  private var ask: String {
    switch self {
    case .bash:
      """
      source "$1"
      COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
      read -r -a COMP_WORDS <<< "$2"
      [[ $2 != *' ' ]] || COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      function=$(complete -p nbiot) && function=${function##*-F } && function=${function%% *}
      $function nbiot "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    case .zsh:
      // Completions are there in the line editor alone, and that on a terminal alone: zpty makes one. What would be
      // added to the list is printed instead.
      """
      zmodload zsh/zpty
      zpty editor zsh -f -i
      zpty -w editor "PS1= PROMPT_EOL_MARK= fpath=(${1:h} \\$fpath)"
      zpty -w editor 'autoload -Uz compinit && compinit -u -D'
      zpty -w editor 'compadd() {
        [[ " ${@[1,(i)(-|--)]} " != *" -"[AOD]" "* ]] || { builtin compadd "$@"; return }
        local -a found
        builtin compadd -A found "$@"
        for word in $found; do print -r -- "<$word>"; done
        builtin compadd "$@"
      }
      report() { zle list-choices; print -r -- "<""end>" }
      zle -C list-choices list-choices _main_complete
      zle -N report; bindkey "^I" report; print "<""ready>"'
      zpty -r editor shown '*<ready>*'
      zpty -n -w editor "$2"$'\\t'
      zpty -r editor shown '*<end>*'
      print -rl -- ${${${(M)${(f)shown}:#*<*>*}#*<}%%>*}
      """
    case .fish:
      """
      source $argv[2]
      complete -C $argv[3]
      """
    }
  }
}
