internal import CPOSIX
internal import ProbeDevice

// With an argument, whichever, over DTLS.
exit(CommandLine.argc > 1 ? runSecureProbe() : runProbe())
