# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_casebook_global_optspecs
    string join \n color= v/verbose h/help V/version
end

function __fish_casebook_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_casebook_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_casebook_using_subcommand
    set -l cmd (__fish_casebook_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c casebook -n "__fish_casebook_needs_command" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_needs_command" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_needs_command" -s V -l version -d 'Print version'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "check" -d 'Find out what the evidence is, run every case it fits, report'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "cases" -d 'List the cases and what evidence each reads'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "explain" -d 'Print the post of a case, or the page of a rule'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "replay" -d 'Run the proofs of a report again, step by step'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "collect" -d 'Read this machine into a bundle that `check` reads'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "lab" -d 'Make a case\'s failure happen here, for real, and check the evidence'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "rules" -d 'List every rule'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "config" -d 'Show the configuration that holds for a path'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "man" -d 'Write the man pages into a folder'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "nft" -d 'Tools of the case nftables: a rule in the wrong place: the verdict stays, the effect behind it is lost'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "rst" -d 'Tools of the case tcp-rst: who sent the RST, which timer let it happen, when the next connection dies'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "checksum" -d 'Verify every checksum of a capture, and say why those that do not hold do not'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "timers" -d 'Tools of the case systemd-timers: which timer runs were lost or will be, by which mechanism, and what brings the timer back'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "memory" -d 'Tools of the case cgroup-memory: who was killed at which memory limit, what could not be reclaimed there, and which setting lets it live'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "link" -d 'Say why a link command fails, for its linker, and which edit makes it link'
complete -c casebook -n "__fish_casebook_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand check" -s f -l format -d 'Format of the report, and the file it goes to; can be given several times' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -s o -l output -d 'File for the --format it stands beside' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand check" -l select -d 'Run these rules only: a code, a prefix, a name or a case' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -l ignore -d 'Do not run these rules' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -l fail-on -d 'Exit with 1 from this severity on: error, warning, note, never [default: error]' -r -f -a "error\t''
warning\t''
note\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand check" -l as -d 'Read every input as this kind, whatever it looks like (see `casebook cases`)' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -l baseline -d 'Findings in this file are known and not counted' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand check" -l write-baseline -d 'Write the findings of this run as a baseline' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand check" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -s j -l jobs -d 'Threads; 0 for one per processor' -r
complete -c casebook -n "__fish_casebook_using_subcommand check" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand check" -l live -d 'Check this machine: read what the cases ask for, write nothing'
complete -c casebook -n "__fish_casebook_using_subcommand check" -l no-ignore -d 'Report suppressed findings too'
complete -c casebook -n "__fish_casebook_using_subcommand check" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand cases" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand cases" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand cases" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand cases" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand explain" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand explain" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand replay" -l code -d 'Only findings of this rule' -r
complete -c casebook -n "__fish_casebook_using_subcommand replay" -l dir -d 'Folder the paths in the report start from [default: the current one]' -r -f -a "(__fish_complete_directories)"
complete -c casebook -n "__fish_casebook_using_subcommand replay" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand replay" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand replay" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand replay" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand collect" -s o -l output -d 'File (.tar.zst, .tar.gz, .tar) or folder to write; it must not exist' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand collect" -l case -d 'Collect for these cases only' -r
complete -c casebook -n "__fish_casebook_using_subcommand collect" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand collect" -l redact -d 'Replace addresses, host and user names by tokens; the mapping is written beside the bundle'
complete -c casebook -n "__fish_casebook_using_subcommand collect" -l list -d 'List what would be read, and read nothing'
complete -c casebook -n "__fish_casebook_using_subcommand collect" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand collect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand lab" -s o -l output -d 'Folder for the evidence [default: casebook-lab-CASE]' -r -f -a "(__fish_complete_directories)"
complete -c casebook -n "__fish_casebook_using_subcommand lab" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand lab" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand lab" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rules" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rules" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rules" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rules" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand config" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand config" -l show -d 'Print the values and the file each comes from'
complete -c casebook -n "__fish_casebook_using_subcommand config" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand completions" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand completions" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand completions" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand man" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand man" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand man" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "trace" -d 'show every chain and rule a packet meets, why each matched or broke, and what became of it'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "eval" -d 'evaluate many packets: one outcome per line'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "show" -d 'print the ruleset as the kernel runs it: chains of each hook in order, rules with the checks nft adds'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "diff" -d 'say which packets a change changes: verdicts first, then marks, translations, logs, limits, counters'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "check" -d 'say which rules do nothing: those no packet reaches, with the rules that cover them, and redundant ones'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "query" -d 'say which packets of a filter have which outcome, each with a witness'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "test" -d 'prove a file of expectations, or show the packets that break them'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "insert" -d 'say where in a chain a new rule belongs, and what it costs at every other place'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "optimize-check" -d 'prove that a rewritten ruleset (`nft -o`) does the same, or show packets for which it does not'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and not __fish_seen_subcommand_from trace eval show diff check query test insert optimize-check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l packet -d 'the packet, in words or as a JSON object' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l pcap -d 'take the packet from a capture' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l number -d 'number of the packet in the capture, from 1 [default: 1]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -l packets -d 'packets, one JSON object per line' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from eval" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -l confirm -d 'run every witness through this machine\'s kernel, in a network namespace of its own (needs root)'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l redundant -d 'look for rules too that packets reach and that change nothing'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -l correlated -d 'name pairs of rules too whose order counts: some packets in common, and different ends'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -l expect -d 'check that every packet ends this way: accept, drop or reject' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -l chain -d 'family, table and chain: \'inet filter input\'' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from insert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -l nft -d 'release of nft that loads it [default: what a JSON listing says, else 1.0.6]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -l kernel -d 'release of the kernel that runs it [default: 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from optimize-check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "trace" -d 'show every chain and rule a packet meets, why each matched or broke, and what became of it'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "eval" -d 'evaluate many packets: one outcome per line'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "show" -d 'print the ruleset as the kernel runs it: chains of each hook in order, rules with the checks nft adds'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "diff" -d 'say which packets a change changes: verdicts first, then marks, translations, logs, limits, counters'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "check" -d 'say which rules do nothing: those no packet reaches, with the rules that cover them, and redundant ones'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "query" -d 'say which packets of a filter have which outcome, each with a witness'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "test" -d 'prove a file of expectations, or show the packets that break them'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "insert" -d 'say where in a chain a new rule belongs, and what it costs at every other place'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "optimize-check" -d 'prove that a rewritten ruleset (`nft -o`) does the same, or show packets for which it does not'
complete -c casebook -n "__fish_casebook_using_subcommand nft; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "flows" -d 'List the TCP connections of a capture, their longest silence, and the verdict on their RSTs'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "trace" -d 'Follow one connection of a capture, with connection tracking\'s state and time left at each packet'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "predict" -d 'Say from configuration alone when a silent connection dies, by whom, and who gets the RST'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "probe" -d 'Find out after how long a silence connections on a path die, from which end, and how'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "respond" -d 'Be the far end of `casebook rst probe`, so that the server\'s direction can be tried'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "devices" -d 'List the known devices, their timers, and where those are written'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and not __fish_seen_subcommand_from flows trace predict probe respond devices help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -l all -d 'List connections without a RST too'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from flows" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l flow -d 'Number of the connection, from 0 [default: the first with a RST]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l sysctl -d 'Settings of the router (sysctl -a) [default: those of the kernel]' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l kernel -d 'Release of the router\'s kernel, as 6.1 [default: kernel.osrelease of the settings, else 6.18]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -l why -d 'Print the kernel\'s steps for each packet'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -l quiet -d 'The longest silence, as \'12 h\'' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -l speaks-first -d 'Who ends the silence: client or server [default: both are answered]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -l state -d 'What it is silent in: established, half-closed (one direction closed), unacknowledged (data without an answer), repeating (a packet repeated three times) [default: established]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from predict" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l first -d 'who speaks after the wait: client, server, or client,server [default: what the far end can do]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l meanwhile -d 'what is tried: silence, keepalive, messages [default: all, the last two once a timer is found]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l send -d 'what a service is sent; \\r \\n \\t \\\\ \\xHH are understood [default: a HEAD request of HTTP/1.1]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l min-gap -d 'shortest wait, at which nothing should die [default: 1s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l max-gap -d 'longest wait [default: 2h]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l replicates -d 'connections for each wait of the ladder [default: 8]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l resolution -d 'how narrow the bracket is to be [default: 1 %, at least 250ms]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l answer-within -d 'an answer takes no longer [default: 3s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l max-connections -d 'connections open at the same time [default: 64]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l max-time -d 'stop after this long [default: three times --max-gap and 5min]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l state -d 'keep what is known in this file, after every connection' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l responder -d 'the far end is `casebook rst respond`'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l resume -d 'go on with what --state holds'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -l dry-run -d 'show the plan and connect to nothing'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from probe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l listen -d 'where to listen' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l max-connections -d 'connections at the same time; more are refused [default: 1024]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l max-gap -d 'probes that ask for a longer gap are refused [default: 24h]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l max-time -d 'stop after this long' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from respond" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from devices" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from devices" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from devices" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from devices" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from devices" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "flows" -d 'List the TCP connections of a capture, their longest silence, and the verdict on their RSTs'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "trace" -d 'Follow one connection of a capture, with connection tracking\'s state and time left at each packet'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "predict" -d 'Say from configuration alone when a silent connection dies, by whom, and who gets the RST'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "probe" -d 'Find out after how long a silence connections on a path die, from which end, and how'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "respond" -d 'Be the far end of `casebook rst probe`, so that the server\'s direction can be tried'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "devices" -d 'List the known devices, their timers, and where those are written'
complete -c casebook -n "__fish_casebook_using_subcommand rst; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -l most -d 'Bad packets that are printed of each flow [default: 8]' -r
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -a "bench" -d 'Measure every version of the checksums on this machine'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and not __fish_seen_subcommand_from bench help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -l rounds -d 'Rounds; the median of so many is printed [default: 101]' -r
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -l big -d 'Size of the buffer that is larger than the caches, in MiB [default: 256]' -r
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from help" -f -a "bench" -d 'Measure every version of the checksums on this machine'
complete -c casebook -n "__fish_casebook_using_subcommand checksum; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -f -a "audit" -d 'List every timer: its state, its last and next run, how often, and what is wrong with it'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -f -a "calendar" -d 'Say what an OnCalendar= specification means and when it elapses, as systemd does'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -f -a "simulate" -d 'Say when timers will run, and which runs will be lost, under a clock that steps, drifts, sleeps or reboots'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and not __fish_seen_subcommand_from audit calendar simulate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from audit" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from audit" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from audit" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from audit" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l from -d 'Where to begin: \'2027-01-31 12:00:00\', \'@SECONDS\' [default: now]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l to -d 'Where to end [default: no end]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l count -d 'How many elapses at most [default: 5; with --to, all]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l tz -d 'The machine\'s zone [default: this machine\'s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l systemd -d 'Version of systemd, as 257 [default: 262.1]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -l explain -d 'Say what each part means'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from calendar" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l days -d 'How long [default: 14]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l clock -d 'What happens to the machine [default: it stays up]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l clock-file -d 'The same, from a file' -r -F
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l from -d 'The first boot, where the scenario does not say [default: now]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l seed -d 'One draw of the random delays' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l job-lasts -d 'How long a run takes at most [default: 1min]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l tz -d 'The machine\'s zone [default: this machine\'s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l systemd -d 'Version of systemd, as 257 [default: 262.1]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -l all-seeds -d 'Every draw [default]'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from help" -f -a "audit" -d 'List every timer: its state, its last and next run, how often, and what is wrong with it'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from help" -f -a "calendar" -d 'Say what an OnCalendar= specification means and when it elapses, as systemd does'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from help" -f -a "simulate" -d 'Say when timers will run, and which runs will be lost, under a clock that steps, drifts, sleeps or reboots'
complete -c casebook -n "__fish_casebook_using_subcommand timers; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -s h -l help -d 'Print help'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -f -a "explain" -d 'Show what a group is charged with, kind by kind, what of it reclaim can take, and how far the limit is'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -f -a "record" -d 'Record what control groups hold, sample by sample, into a file'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -f -a "simulate" -d 'Say what another memory.max, memory.high or swap would do: who is killed, slowed down, swapped'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -f -a "top" -d 'Show what control groups hold, what cannot be reclaimed, and how soon they are full'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and not __fish_seen_subcommand_from explain record simulate top help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -l group -d 'The group: /system.slice/app.service, or the end of its path' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -l all -d 'List every group, not the first 20'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -s o -l output -d 'File to append to' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -l interval -d 'Time between samples, 50ms at least [default: 1s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -l duration -d 'End after this long: 90s, 8h, 7d' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -l root -d 'Folder of the tree [default: /sys/fs/cgroup]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l group -d 'The group: /system.slice/app.service, or the end of its path' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l max -d 'memory.max to try: 512M, 3G, max' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l high -d 'memory.high to try' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l swap -d 'Room in swap to try' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l interval -d 'Time between samples, 50ms at least [default: 1s]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l sort -d 'tree, current, floor, full, growth, events, pressure or name [default: tree]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l root -d 'Folder of the tree [default: /sys/fs/cgroup]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -l once -d 'Print one frame and end'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from help" -f -a "explain" -d 'Show what a group is charged with, kind by kind, what of it reclaim can take, and how far the limit is'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from help" -f -a "record" -d 'Record what control groups hold, sample by sample, into a file'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from help" -f -a "simulate" -d 'Say what another memory.max, memory.high or swap would do: who is killed, slowed down, swapped'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from help" -f -a "top" -d 'Show what control groups hold, what cannot be reclaimed, and how soon they are full'
complete -c casebook -n "__fish_casebook_using_subcommand memory; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -l run -d 'Run the command as it is, and explain it only if it fails'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -l confirm -d 'Try the fix with the real linker, in a temporary folder'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -a "compare" -d 'Say what each linker makes of a line: links or fails, what is undefined, defined twice, taken, needed'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -a "needed" -d 'Say which shared libraries the output will need, which symbol of which file makes it so, and which are dropped'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -a "why" -d 'Say of a symbol or an archive\'s member: who defines it, who needs it and by which way, and why a definition was passed'
complete -c casebook -n "__fish_casebook_using_subcommand link; and not __fish_seen_subcommand_from compare needed why help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -l linkers -d 'Linkers, with or without version [default: bfd,gold,lld-14,lld,mold]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from compare" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -l linker -d 'Ask for this linker: bfd, gold, lld, mold, wild, with a version as in bfd-2.40 or lld-14 [default: the line\'s own]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from needed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -l linker -d 'Ask for this linker: bfd, gold, lld, mold, wild, with a version as in bfd-2.40 or lld-14 [default: the line\'s own]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -s f -l format -d 'How to print' -r -f -a "text\t''
json\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -l max-evidence-bytes -d 'Larger files are reported and not read; K, M and G are understood [default: 256M]' -r
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -l color -d 'Colours; NO_COLOR and CLICOLOR_FORCE are respected' -r -f -a "auto\t''
always\t''
never\t''"
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -s v -l verbose -d 'Say on standard error what is being done; twice for more'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "compare" -d 'Say what each linker makes of a line: links or fails, what is undefined, defined twice, taken, needed'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "needed" -d 'Say which shared libraries the output will need, which symbol of which file makes it so, and which are dropped'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "why" -d 'Say of a symbol or an archive\'s member: who defines it, who needs it and by which way, and why a definition was passed'
complete -c casebook -n "__fish_casebook_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "check" -d 'Find out what the evidence is, run every case it fits, report'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "cases" -d 'List the cases and what evidence each reads'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "explain" -d 'Print the post of a case, or the page of a rule'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "replay" -d 'Run the proofs of a report again, step by step'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "collect" -d 'Read this machine into a bundle that `check` reads'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "lab" -d 'Make a case\'s failure happen here, for real, and check the evidence'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "rules" -d 'List every rule'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "config" -d 'Show the configuration that holds for a path'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "completions" -d 'Print the completions of a shell'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "man" -d 'Write the man pages into a folder'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "nft" -d 'Tools of the case nftables: a rule in the wrong place: the verdict stays, the effect behind it is lost'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "rst" -d 'Tools of the case tcp-rst: who sent the RST, which timer let it happen, when the next connection dies'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "checksum" -d 'Verify every checksum of a capture, and say why those that do not hold do not'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "timers" -d 'Tools of the case systemd-timers: which timer runs were lost or will be, by which mechanism, and what brings the timer back'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "memory" -d 'Tools of the case cgroup-memory: who was killed at which memory limit, what could not be reclaimed there, and which setting lets it live'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "link" -d 'Say why a link command fails, for its linker, and which edit makes it link'
complete -c casebook -n "__fish_casebook_using_subcommand help; and not __fish_seen_subcommand_from check cases explain replay collect lab rules config completions man nft rst checksum timers memory link help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "trace" -d 'show every chain and rule a packet meets, why each matched or broke, and what became of it'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "eval" -d 'evaluate many packets: one outcome per line'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "show" -d 'print the ruleset as the kernel runs it: chains of each hook in order, rules with the checks nft adds'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "diff" -d 'say which packets a change changes: verdicts first, then marks, translations, logs, limits, counters'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "check" -d 'say which rules do nothing: those no packet reaches, with the rules that cover them, and redundant ones'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "query" -d 'say which packets of a filter have which outcome, each with a witness'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "test" -d 'prove a file of expectations, or show the packets that break them'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "insert" -d 'say where in a chain a new rule belongs, and what it costs at every other place'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from nft" -f -a "optimize-check" -d 'prove that a rewritten ruleset (`nft -o`) does the same, or show packets for which it does not'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "flows" -d 'List the TCP connections of a capture, their longest silence, and the verdict on their RSTs'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "trace" -d 'Follow one connection of a capture, with connection tracking\'s state and time left at each packet'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "predict" -d 'Say from configuration alone when a silent connection dies, by whom, and who gets the RST'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "probe" -d 'Find out after how long a silence connections on a path die, from which end, and how'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "respond" -d 'Be the far end of `casebook rst probe`, so that the server\'s direction can be tried'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from rst" -f -a "devices" -d 'List the known devices, their timers, and where those are written'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from checksum" -f -a "bench" -d 'Measure every version of the checksums on this machine'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from timers" -f -a "audit" -d 'List every timer: its state, its last and next run, how often, and what is wrong with it'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from timers" -f -a "calendar" -d 'Say what an OnCalendar= specification means and when it elapses, as systemd does'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from timers" -f -a "simulate" -d 'Say when timers will run, and which runs will be lost, under a clock that steps, drifts, sleeps or reboots'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from memory" -f -a "explain" -d 'Show what a group is charged with, kind by kind, what of it reclaim can take, and how far the limit is'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from memory" -f -a "record" -d 'Record what control groups hold, sample by sample, into a file'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from memory" -f -a "simulate" -d 'Say what another memory.max, memory.high or swap would do: who is killed, slowed down, swapped'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from memory" -f -a "top" -d 'Show what control groups hold, what cannot be reclaimed, and how soon they are full'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "compare" -d 'Say what each linker makes of a line: links or fails, what is undefined, defined twice, taken, needed'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "needed" -d 'Say which shared libraries the output will need, which symbol of which file makes it so, and which are dropped'
complete -c casebook -n "__fish_casebook_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "why" -d 'Say of a symbol or an archive\'s member: who defines it, who needs it and by which way, and why a definition was passed'
